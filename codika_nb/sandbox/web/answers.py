"""The five shapes of answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from enum import Enum
from typing import Any

from ..wire import Refusal

__all__ = ["Envelope", "failure", "success"]


class Envelope(Enum):
    """How an answer is wrapped; the names are the kinds of calls that use it."""

    STANDARD = "data and error objects, with a request id"
    CODE = "as the standard one without a request id, and with the next action"
    FLAT = "members beside success; the error is a text, the code stands beside it"
    FLAT_WITH_ID = "as the flat one; a success has a request id"
    INGESTION = "as the flat one; a failure has a request id and no code"


def success(envelope: Envelope, result: Mapping[str, Any]) -> bytes:
    """The body that says what a call has led to."""
    in_data = envelope in (Envelope.STANDARD, Envelope.CODE)
    content = {"success": True, **({"data": result} if in_data else result)}
    if envelope not in (Envelope.CODE, Envelope.FLAT):
        content["requestId"] = str(uuid.uuid4())
    return _text(content)


def failure(envelope: Envelope, refusal: Refusal) -> bytes:
    """The body that says why a call was refused."""
    request_id = {"requestId": str(uuid.uuid4())}
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.next_action and envelope is Envelope.CODE:
        error["nextAction"] = refusal.next_action
    if refusal.details:
        error["details"] = refusal.details
    content: dict[str, Any]
    if refusal.data is not None:
        content = {"data": refusal.data, **request_id}
    elif envelope is Envelope.STANDARD:
        content = {"error": error, **request_id}
    elif envelope is Envelope.CODE:
        content = {"error": error}
    elif envelope is Envelope.INGESTION:
        content = {"error": refusal.message, **request_id}
    else:
        content = {"error": refusal.message, "code": refusal.code}
    return _text({"success": False, **content})


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _text(content: dict[str, Any]) -> bytes:
    # Half a surrogate pair, which a stand-in may return, is written as the escape that JSON has for it.
    return _encode(content).encode("utf-8", "backslashreplace")
