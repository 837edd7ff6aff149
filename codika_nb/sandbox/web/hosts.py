"""Under which names the sandbox answers, and to which sites' pages."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from ..wire import Refusal, is_loopback

__all__ = ["Hosts"]


class Hosts:
    """Which names the sandbox answers to: a page elsewhere must not reach it under a name of its own.

    Args:
        bound: the address it listens on.
        port: the port.
        others: further names of its own.
    """

    def __init__(self, bound: str, port: int | None, *others: str) -> None:
        # A dot at the end is one way to write a name, and left out of what is asked for.
        self._bound, *self._others = (name.lower().rstrip(".") for name in (bound, *others))
        self._port = port
        self._knows = lru_cache(maxsize=64)(self._is_known)
        self._wildcard = self._bound in ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to

    def check(self, method: str, headers: Mapping[str, str], *, proxied: bool) -> None:
        """Refuse a request for another host, or of another site's page.

        What may change something is taken from the sandbox's own pages only, and from programs, which name
        no origin: other servers of this machine have pages, too.
        """
        host = headers.get("host", "")
        if not (self._knows(host) or (proxied and self._is_elsewhere(host))):
            raise Refusal("MISDIRECTED_REQUEST", "The sandbox does not answer under this host name.")
        if "origin" not in headers:
            return
        origin = headers["origin"]
        site = _site(origin)
        if proxied:
            # Under which name a proxy was asked, it may say in a line of its own; and it may have HTTPS.
            names = (host, headers.get("x-forwarded-host", "").rpartition(",")[2].strip())
            welcome = site in {_site(f"{way}://{name}") for way in ("http", "https") for name in names}
        elif method in ("GET", "HEAD"):
            welcome = self._knows(origin.partition("://")[2])
        else:
            welcome = site == _site(f"http://{host}")
        if not welcome or site is None:
            raise Refusal("FORBIDDEN", "The sandbox does not answer to pages of other sites.")

    def _is_elsewhere(self, netloc: str) -> bool:
        """Whether a host can be a proxy's: a page in a browser on its machine may say what only a proxy says.

        But it cannot choose another port than the one at which it reaches the sandbox.
        """
        try:
            parts = urlsplit(f"//{netloc}")
            return bool(parts.hostname) and parts.port != self._port
        except ValueError:
            return False

    def _is_known(self, netloc: str) -> bool:
        try:
            name = (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if is_loopback(name) or (name and name in (self._bound, *self._others)):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return self._wildcard and name == socket.gethostname().lower()
        return self._wildcard


def _site(origin: str) -> tuple[str, str, int] | None:
    """An origin in one spelling, whatever its case, with its port; None if it is none."""
    try:
        parts = urlsplit(origin)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    has_more = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    return (parts.scheme, parts.hostname, port) if parts.hostname and not has_more else None
