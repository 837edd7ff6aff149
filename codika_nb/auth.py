"""The four ways to authenticate that the platform's public API knows.

==================  ======================  ==============================  ===========================
class               credential              travels as                      reaches
==================  ======================  ==============================  ===========================
`OrganizationKey`   ``cko_…``               ``X-Process-Manager-Key``       what its scopes allow
`InstanceKey`       ``ck_…``                ``X-API-Key``                   one process instance
`QueryKey`          ``ck_…``                ``?api_key=`` in the address    one process instance
`WebhookSignature`  ``whsec_…``             a signature over the body       one workflow endpoint
==================  ======================  ==============================  ===========================

(The platform's documentation, page "Authentication methods".)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Generator

from ._http import httpx
from .errors import ConfigError
from .profiles import mask

__all__ = ["InstanceKey", "OrganizationKey", "QueryKey", "WebhookSignature", "auth_for"]

Flow = Generator[httpx.Request, httpx.Response, None]


class _Key(httpx.Auth):
    """A secret text; its repr shows eight characters of it."""

    prefixes: tuple[str, ...]
    #: Whether the credential belongs to one process instance, which has addresses of its own.
    public = True

    def __init__(self, key: str) -> None:
        key = key.strip()
        if not key.startswith(self.prefixes):
            wanted = " or ".join(f"{p}…" for p in self.prefixes)
            raise ConfigError(
                f"{type(self).__name__} takes a key that begins with {wanted}, not {mask(key)!r}.",
                next_action='Give the key as text, auth="…", and the right kind is chosen by its beginning.',
            )
        if not key.isascii() or any(c.isspace() for c in key):
            raise ConfigError(
                f"The key {mask(key)!r} has characters that no key has.", next_action="Copy it again, whole."
            )
        self._key = key

    def __repr__(self) -> str:
        return f"{type(self).__name__}({mask(self._key)!r})"

    def __getstate__(self) -> object:
        raise TypeError("A key is not pickled: it would be written to disk in clear.")


class OrganizationKey(_Key):
    """An organization's key, ``cko_…`` (or a personal ``ckp_…`` or admin ``cka_…`` one).

    For deployment, agents and CI; reaches every instance of the organization, as far as its
    scopes go. Travels in the header ``X-Process-Manager-Key``.
    """

    prefixes = ("cko_", "ckp_", "cka_")
    public = False

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers["X-Process-Manager-Key"] = self._key
        yield request


class InstanceKey(_Key):
    """The key of one process instance, ``ck_…``; for dashboards and apps.

    Travels in the header ``X-API-Key``. Regenerating it in the dashboard stops the old one at once.
    """

    prefixes = ("ck_",)

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers["X-API-Key"] = self._key
        yield request


class QueryKey(_Key):
    """The key of one process instance in the address, ``?api_key=ck_…``.

    Only for platforms that cannot set a header: addresses end up in access logs.
    """

    prefixes = ("ck_",)

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.url = request.url.copy_merge_params({"api_key": self._key})
        yield request


class WebhookSignature(httpx.Auth):
    """Signs each request with a webhook secret, so that the secret itself never travels.

    Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, exactly the bytes that are sent.

    Args:
        secret: ``whsec_`` and base64 (the prefix and the padding may be missing).
    """

    requires_request_body = True
    public = True

    def __init__(self, secret: str) -> None:
        self._secret = _secret_bytes(secret)

    def auth_flow(self, request: httpx.Request) -> Flow:
        message, sent = f"msg_{secrets.token_urlsafe(18)}", str(int(time.time()))
        signed = b".".join([message.encode(), sent.encode(), request.content])
        digest = hmac.new(self._secret, signed, hashlib.sha256).digest()
        request.headers["webhook-id"] = message
        request.headers["webhook-timestamp"] = sent
        request.headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
        yield request

    def __repr__(self) -> str:
        return "WebhookSignature('whsec_...')"


def _secret_bytes(secret: str) -> bytes:
    text = secret.strip().removeprefix("whsec_")
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        raise ConfigError(
            "The webhook secret is not whsec_ followed by base64.",
            next_action="Copy it again from the platform that signs.",
        )
    return decoded


def auth_for(key: str) -> OrganizationKey | InstanceKey:
    """The way to send a bare key: instance keys by ``X-API-Key``, all others as organization keys."""
    # "cko_…" begins with "ck" too, but not with "ck_" (codika 3.6.0 goes by the same test).
    return InstanceKey(key) if key.strip().startswith("ck_") else OrganizationKey(key)
