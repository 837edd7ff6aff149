"""Reading what a request carries, within bounds: JSON, or a multipart form with texts and one file."""

from __future__ import annotations

import json
import math
from email.parser import HeaderParser
from typing import Any

from starlette.requests import Request

from ..wire import Refusal, Upload

__all__ = ["MEGABYTE", "Bodies", "parse_form", "parse_json"]

MEGABYTE = 1024**2
_MOST_PARTS = 100
# Bytes of what a form says of itself or of a part. Reading it takes as long as the square of its length.
_LONGEST_HEAD = 8192


class Bodies:
    """The bodies that are being read: together they have a limit, so that nobody fills the memory.

    Args:
        most: how many bytes they may have together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    async def read(self, request: Request, largest: int) -> bytes:
        """A request's body, which may have `largest` bytes."""
        chunks: list[bytes] = []
        size = held = 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                # A little too much is read to its end, so that the sender gets to see the answer.
                if size > 2 * largest:
                    break
                if size > largest:
                    chunks.clear()
                    self._held, held = self._held - held, 0
                    continue
                chunks.append(chunk)
                held += len(chunk)
                self._held += len(chunk)
                if self._held > self._most:
                    raise Refusal("SERVICE_UNAVAILABLE", "Too much is being sent at once: try again.")
        finally:
            self._held -= held
        if size > largest:
            raise Refusal("INVALID_REQUEST", f"The body is larger than {largest / MEGABYTE:g} MiB.")
        return b"".join(chunks)


def parse_json(body: bytes) -> Any:
    """The value that a body is, as strictly as JSON is meant."""
    try:
        return json.loads(body, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Refusal("INVALID_REQUEST", "The body must be JSON.") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def parse_form(content_type: str, body: bytes) -> tuple[dict[str, str], Upload | None]:
    """The text members of a form, and the file in it."""
    if len(content_type) > _LONGEST_HEAD:
        raise _malformed("is declared at too great a length")
    declared = HeaderParser().parsestr(f"Content-Type: {content_type}\r\n")
    boundary = declared.get_boundary()
    if declared.get_content_type() != "multipart/form-data" or not boundary:
        raise _malformed("must be multipart/form-data")
    # Splitting leaves large files in one piece, where a parser would go through them line by line.
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    _, *parts = (b"\r\n" + body).split(delimiter, _MOST_PARTS + 1)
    if not parts or not parts.pop().startswith(b"--"):
        raise _malformed("does not end with its boundary, or has too many parts")
    texts: dict[str, str] = {}
    upload: Upload | None = None
    for part in parts:
        head, blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if len(head) > _LONGEST_HEAD:
            raise _malformed("has a part with too long a head")
        headers = HeaderParser().parsestr(head.decode("utf-8", "replace"))
        name = headers.get_param("name", header="content-disposition")
        if not blank or not isinstance(name, str):
            raise _malformed("has a part without a name")
        filename = headers.get_filename()
        if filename is not None:
            upload = Upload(filename, headers.get_content_type(), content)
            continue
        try:
            texts[name] = content.decode()
        except UnicodeDecodeError:
            raise _malformed(f"has a member {name[:100]!r} that is no text in UTF-8") from None
    return texts, upload


def _malformed(problem: str) -> Refusal:
    return Refusal("INVALID_REQUEST", f"The body {problem}.")
