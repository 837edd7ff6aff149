"""Why no answer arrived, and why none can: the server, its certificate, or a proxy in between."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from ..display.place import next_step
from ..errors import ConfigError, RequestTimeoutError, TransportError
from ..profiles import PRODUCTION, is_loopback
from .http import httpx

T = TypeVar("T")


def unreachable(error: Exception, base_url: str) -> TransportError:
    """Our own error, without the library's: that one holds the request, and the request the key."""
    local = is_loopback(base_url)
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return RequestTimeoutError(
            f"{base_url} did not answer in time.",
            code="network-error",
            next_action=next_step("more-time"),
        )
    causes = _causes(error)
    next_action = "Check the network and try again."
    if base_url == PRODUCTION:
        next_action += f" {next_step('name-the-sandbox')}"
    proxy = None if local else _proxy_to(base_url)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        proxy = None
        why = "its certificate is not valid here"
        next_action = "If your network has certificates of its own, set SSL_CERT_FILE to the file with them."
        if "REQUESTS_CA_BUNDLE" in os.environ:
            next_action += " REQUESTS_CA_BUNDLE is not read."
    elif any(isinstance(cause, socket.gaierror | UnicodeError) for cause in causes):
        why = "there is no server of that name"
    elif isinstance(error, httpx.InvalidURL):
        proxy = None
        why = f"no address can be made of what is asked for ({error})"
    elif isinstance(error, httpx.ProxyError):
        why = "it wants a user name and a password" if "407" in str(error) else f"it refused ({error})"
    elif isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        why = "nobody answers there" if local or proxy else "no connection"
    else:
        proxy = None
        why = "the connection broke off"
    if proxy:
        next_action = f"Correct {proxy.variable} (http://user:password@host:port), or unset it."
    if local and why == "nobody answers there":
        next_action = next_step("start-a-sandbox")
    what = f"The proxy {proxy.host} of {proxy.variable}" if proxy else base_url
    unreachable = TransportError(
        f"{what} cannot be used: {why}." if proxy else f"{what} cannot be reached: {why}.",
        code="network-error",
        next_action=next_action,
    )
    unreachable.may_have_acted = not isinstance(
        error,
        httpx.ConnectTimeout | httpx.ConnectError | httpx.ProxyError | httpx.InvalidURL | UnicodeError,
    )
    return unreachable


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


# --- what this machine says about certificates and proxies -----------------------------------------


class _Proxy(NamedTuple):
    """A proxy, and the variable that names it; it may have a password, which is not shown."""

    variable: str
    address: str

    @property
    def host(self) -> str:
        return self.address.rpartition("@")[2].rpartition("://")[2].rstrip("/")


def _proxies() -> dict[str, _Proxy]:
    """By scheme, and under ``all``; of a variable's two spellings the lower one counts."""
    found = {}
    for scheme in ("http", "https", "all"):
        for variable in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            if scheme not in found and (address := os.environ.get(variable, "").strip()):
                found[scheme] = _Proxy(variable, address if "://" in address else f"http://{address}")
    return found


def _proxy_to(base_url: str) -> _Proxy | None:
    parts, proxies = urlsplit(base_url), _proxies()
    if proxy_bypass(parts.hostname or ""):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


def usable(make: Callable[[], T]) -> T:
    """What `make` makes; where this machine's settings for its network prevent that, say which variable."""
    try:
        return make()
    except OSError as error:
        problem = _unusable_certificates(error)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        problem = _unusable_proxy(error)
    raise problem  # only now: the library's error may show a proxy's password


def _unusable_certificates(error: OSError) -> ConfigError:
    variable = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
    why = error.strerror or str(error)
    return ConfigError(
        f"The certificates of {variable} ({os.environ.get(variable)}) cannot be read: {why}.",
        next_action=f"Correct {variable}, or unset it.",
    )


def _unusable_proxy(error: Exception) -> ConfigError:
    for proxy in _proxies().values():
        if isinstance(error, ImportError) and proxy.address.lower().startswith("socks"):
            return ConfigError(
                f"{proxy.variable} names a SOCKS proxy, for which a package is missing.",
                next_action=f"pip install 'httpx[socks]', or unset {proxy.variable}.",
            )
        try:
            httpx.Proxy(proxy.address)
        except (ValueError, httpx.InvalidURL):
            return ConfigError(
                f"{proxy.variable} names no proxy that can be used: {proxy.host}.",
                next_action=f"Write it as http://host:port or socks5://host:port, or unset {proxy.variable}.",
            )
    variable = "no_proxy" if os.environ.get("no_proxy") else "NO_PROXY"
    return ConfigError(
        f"{variable} has an entry that cannot be used: {os.environ.get(variable, '')}.",
        next_action="Leave out networks such as fd00::/8: host names and single addresses can be used.",
    )
