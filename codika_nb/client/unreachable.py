"""Why no answer arrived."""

from __future__ import annotations

import socket
import ssl

from ..errors import RequestTimeoutError, TransportError
from ..profiles import is_loopback
from .http import httpx


def unreachable(error: Exception, base_url: str) -> TransportError:
    """Our own error, without the library's: that one holds the request, and the request the key."""
    local = is_loopback(base_url)
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return RequestTimeoutError(
            f"{base_url} did not answer in time.",
            code="network-error",
            next_action="Try again, or allow more: client.with_options(timeout=…)",
        )
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        why = "its certificate is not valid here"
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        why = "there is no server of that name"
    elif isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        why = "nobody answers there" if local else "no connection"
    else:
        why = "the connection broke off"
    unreachable = TransportError(
        f"{base_url} cannot be reached: {why}.",
        code="network-error",
        next_action="Is the sandbox running? %codika_sandbox starts one."
        if local
        else "Check the network and try again.",
    )
    unreachable.may_have_acted = not isinstance(error, httpx.ConnectTimeout | httpx.ConnectError)
    return unreachable


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
