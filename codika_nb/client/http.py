"""The HTTP library, imported in this one place so that moving to its successor stays one line.

Whoever imports it from here also gets its logs without keys: at DEBUG and INFO the library and its
transport log addresses and answers, and an address may hold ``?api_key=``.
"""

from __future__ import annotations

import functools
import logging
import os
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from ..display.text import redact

__all__ = ["FAILURES", "httpx", "no_cookies", "timeout", "tls"]

# The filters of a logger do not see what its children log, so each of them gets one.
_LOGGERS = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


class _Redaction(logging.Filter):
    """Lets every record pass, after masking the keys in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        masked = redact(text)
        if masked != text:
            record.msg, record.args = masked, None
        return True


_redaction = _Redaction()


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_redaction)


#: Everything that going over the network can end in, short of an answer.
FAILURES = (httpx.RequestError, httpx.InvalidURL)


def timeout(seconds: float | httpx.Timeout, at_most: float | None = None) -> httpx.Timeout:
    """The library's four time-outs for one number: connecting may take five seconds of it.

    Waiting for a free connection of our own is not waiting for the server, and has no limit.
    """
    if not isinstance(seconds, httpx.Timeout):
        seconds = httpx.Timeout(seconds, connect=min(seconds, 5.0), pool=None)
    if at_most is None:
        return seconds
    shorter = {
        name: at_most if limit is None else min(limit, at_most) for name, limit in seconds.as_dict().items()
    }
    return httpx.Timeout(**shorter)


def no_cookies() -> CookieJar:
    """A cookie jar that stays empty: the platform needs none, and what others set is not carried on."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def tls() -> ssl.SSLContext:
    """What the library trusts by default; one for all clients, as reading it takes longer than a call."""
    return _tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.lru_cache(maxsize=4)
def _tls(file: str | None, folder: str | None) -> ssl.SSLContext:
    # The library looks at the two variables itself; here they tell one setting from another.
    return httpx.create_ssl_context()
