"""Servers of this process, which are reached without any network: by address, who answers.

In a browser there are no others: keys of the platform do not belong into a page.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .errors import ConfigError
from .loops import IN_BROWSER, Loop

#: Under this name nobody else answers: such an address never goes to a network.
HOST = "sandbox.localhost"


class Server(NamedTuple):
    """Who answers at an address."""

    #: An ASGI application.
    application: Callable[..., Any]
    #: Where it runs.
    loop: Loop


#: None where somebody is about to answer.
_servers: dict[str, Server | None] = {}
_lock = threading.Lock()

if hasattr(os, "register_at_fork"):
    # Those of the parent cannot be reached from here: their loops stayed there.
    os.register_at_fork(after_in_child=_servers.clear)


def reserve(port: int = 0) -> str:
    """An address for a server of this process.

    Args:
        port: tells it from others of this process; the first that is free if 0.

    Raises:
        ConfigError: that one is taken.
    """
    with _lock:
        free = (url for url in map(_url, [port] if port else range(80, 65536)) if url not in _servers)
        if url := next(free, None):
            _servers[url] = None
            return url
    raise ConfigError(
        f"Another sandbox of this process has the port {port}.",
        next_action="Choose another port, or 0 for any free one.",
    )


def offer(url: str, server: Server) -> None:
    """Let a server answer at an address that is reserved for it."""
    _servers[url] = server


def take_back(url: str) -> None:
    """Let nobody answer there any more."""
    _servers.pop(url, None)


def find(url: str) -> Server | None:
    """Who answers at an address; None if nobody does."""
    parts = urlsplit(url)
    return _servers.get(_url(parts.port or 80)) if parts.hostname == HOST else None


def is_inside(url: str) -> bool:
    """Whether this is an address of a server in the calling process."""
    return urlsplit(url).hostname == HOST


def refuse_outside(url: str) -> None:
    """In a browser, refuse every other server.

    Raises:
        ConfigError: what would be sent there, keys above all, does not belong into a page.
    """
    if IN_BROWSER and not is_inside(url):
        raise ConfigError(
            f"In a browser, codika_nb talks to the sandbox in the page alone, not to {url}: whatever runs in "
            "the page could read a real key.",
            next_action="%codika_sandbox starts the sandbox; real keys belong into JupyterLab or a script.",
            code="in-browser",
        )


def _url(port: int) -> str:
    return f"http://{HOST}" if port == 80 else f"http://{HOST}:{port}"
