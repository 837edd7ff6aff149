"""HTTP/1.1 as bytes: uvicorn's, with the sandbox's own answer to what is none."""

from __future__ import annotations

from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..wire import Refusal
from .answers import Envelope, failure

__all__ = ["Protocol"]


class Protocol(H11Protocol):
    """HTTP as uvicorn speaks it, except that what is no HTTP at all is refused in JSON, too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Its log has whole addresses, keys in them included; ours is `Application`'s.
        self.access_log = False

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # Its body broke off in the middle: the call must neither wait for the rest nor answer, too.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        content = failure(Envelope.STANDARD, Refusal(400, "INVALID_REQUEST", msg))
        headers = [
            ("content-length", str(len(content))),
            ("content-type", "application/json"),
            ("connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
