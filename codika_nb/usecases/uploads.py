"""Files as the platform takes them in a payload."""

from __future__ import annotations

import base64
import binascii
import html
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

#: The kind of a file that may be anything.
UNKNOWN = "application/octet-stream"

LARGEST_IMAGE = 4 * 1024**2


class File(NamedTuple):
    """A file in a payload or a result."""

    name: str
    kind: str
    size: int
    content: str
    """In base64."""

    @classmethod
    def read(cls, value: Any) -> File | None:
        """The file that a value stands for; None if it is none, or not there in full.

        Understood are the names that the platform itself uses for files, the shorter ones that workflows
        of n8n use, and ``data:`` addresses.
        """
        if isinstance(value, str):
            inline = re.fullmatch(r"data:([\w.+/-]*)(?:;[\w=.-]+)*;base64,([\w+/=\s]*)", value, re.ASCII)
            value = {"mimeType": inline[1], "contentBase64": inline[2]} if inline else None
        if not isinstance(value, Mapping):
            return None
        name, kind, content = (
            next((value[key] for key in keys if isinstance(value.get(key), str)), None) for keys in _FILE_KEYS
        )
        if content is None:
            return None
        content = "".join(content.split())
        try:
            size = len(base64.b64decode(content, validate=True))
        except (binascii.Error, ValueError):
            return None
        return cls(name or "file", (kind or "").lower().partition(";")[0].strip(), size, content)

    @classmethod
    def of(cls, name: str, kind: str, content: bytes) -> File:
        """A file to send."""
        return cls(name, kind, len(content), base64.b64encode(content).decode())

    @classmethod
    def at(cls, path: Path) -> File:
        """A file of this machine, to send.

        Raises:
            OSError: it cannot be read.
        """
        kind = mimetypes.guess_type(path.name)[0] or UNKNOWN
        return cls.of(path.name, kind, path.read_bytes())

    def to_json(self) -> dict[str, Any]:
        """As it travels in a payload."""
        return {
            "fileName": self.name,
            "mimeType": self.kind,
            "fileSize": self.size,
            "contentBase64": self.content,
        }

    @property
    def is_picture(self) -> bool:
        """Whether a browser can show it as a picture, and no larger one than a notebook should hold."""
        return self.kind in _PICTURES and self.size <= LARGEST_IMAGE

    def picture(self, about: str) -> str:
        """The picture in HTML; what an SVG file says about scripts has no effect in such an element."""
        source = html.escape(f"data:{self.kind};base64,{self.content}")
        return f'<img alt="{html.escape(about)}" src="{source}">'


_FILE_KEYS = (
    ("fileName", "name"),
    ("mimeType", "contentType", "type"),
    ("contentBase64", "base64", "data"),
)

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
