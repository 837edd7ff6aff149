"""Addresses of servers: how they are written, and when two of them are the same."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..errors import ConfigError
from ..in_process import is_inside

PRODUCTION = "https://api.codika.io"


def normalize_base_url(text: str) -> str:
    """Bring a server's address into the one form in which addresses are compared and stored.

    Args:
        text: an http or https URL; surrounding spaces, trailing slashes, upper case in scheme and host and
            the scheme's own port make no difference. A path is kept.

    Raises:
        ConfigError: it is no such URL, or carries a user, a query or a fragment.
    """
    text = str(text)  # other libraries have classes of their own for addresses
    url = text.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError:
        host = ""
    if (
        not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host)
        or parts.scheme not in {"http", "https"}
        or not re.fullmatch(r"[^\s?#\\\x00-\x1f\x7f]+", url)
        or "@" in parts.netloc
    ):
        raise ConfigError(
            f"{_without_user(text)!r} is not the address of a server.",
            next_action=f"Give scheme and host, and a path where there is one, for example {PRODUCTION}",
            code="invalid-base-url",
        )
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def _without_user(url: str) -> str:
    # An address with a password in it is refused; the refusal must not repeat the password.
    return re.sub(r"//.*@", "//…@", url, flags=re.DOTALL)


def same_host(a: str | None, b: str | None) -> bool:
    """Whether two base URLs are one server: same scheme, host and port; None is production."""
    return _origin(a) is not None and _origin(a) == _origin(b)


def is_loopback(base_url: str) -> bool:
    """Whether a base URL is this machine itself, so that nothing sent there crosses a network."""
    origin = _origin(base_url)
    host = (urlsplit(origin).hostname or "") if origin else ""
    return bool(re.fullmatch(r"(.+\.)?localhost|127(\.\d{1,3}){3}|::1", host))


def inbox_page(base_url: str) -> str:
    """Where a sandbox at this address shows its mail; empty where a browser on this machine gets to none."""
    return f"{_origin(base_url)}/inbox" if is_loopback(base_url) and not is_inside(base_url) else ""


def _origin(base_url: str | None) -> str | None:
    try:
        parts = urlsplit(normalize_base_url(base_url or PRODUCTION))
    except ConfigError:
        return None
    return f"{parts.scheme}://{parts.netloc}"
