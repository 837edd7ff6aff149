"""The four ways to authenticate that the platform's public API knows, and the receiving side of one.

==================  ======================  ==============================  ===========================
class               credential              travels as                      reaches
==================  ======================  ==============================  ===========================
`OrganizationKey`   ``cko_…``               ``X-Process-Manager-Key``       what its scopes allow
`InstanceKey`       ``ck_…``                ``X-API-Key``                   one process instance
`QueryKey`          ``ck_…``                ``?api_key=`` in the address    one process instance
`WebhookSignature`  ``whsec_…``             a signature over the body       one workflow endpoint
==================  ======================  ==============================  ===========================

`verify_webhook` is what the receiver of a signed message does with it.

(The platform's documentation, page "Authentication methods"; the Standard Webhooks specification.)
"""

from __future__ import annotations

import base64
import hmac
import html
import json
import re
import secrets
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ._http import httpx
from .errors import ConfigError, WebhookVerificationError
from .profiles import MaskedKey, mask

__all__ = [
    "InstanceKey",
    "OrganizationKey",
    "QueryKey",
    "TriggerURL",
    "WebhookSignature",
    "auth_for",
    "verify_webhook",
]

Flow = Generator[httpx.Request, httpx.Response, None]


class _Key(httpx.Auth):
    """A secret text; its repr shows eight characters of it."""

    prefixes: tuple[str, ...]
    #: Whether the credential belongs to one process instance, which has addresses of its own.
    public = True
    _key = ""

    def __init__(self, key: str) -> None:
        # Some tracebacks show variables, and this one may be a good key in the wrong place.
        key = MaskedKey(key.strip())
        if not key.startswith(self.prefixes):
            wanted = " or ".join(f"{p}…" for p in self.prefixes)
            raise ConfigError(
                f"{type(self).__name__} takes a key that begins with {wanted}, not {mask(key)!r}.",
                next_action='Give the key as text, auth="…", and the right kind is chosen by its beginning.',
            )
        if not re.fullmatch(r"[!-~]+", key):
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

    Args:
        key: the whole key, as it was shown when it was made.

    Raises:
        ConfigError: it is no such key.

    Example:
        >>> OrganizationKey("cko_0123456789abcdef")
        OrganizationKey('cko_0123...')
    """

    prefixes = ("cko_", "ckp_", "cka_")
    public = False

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers["X-Process-Manager-Key"] = self._key
        yield request


class InstanceKey(_Key):
    """The key of one process instance, ``ck_…``; for dashboards and apps.

    Travels in the header ``X-API-Key``. Regenerating it in the dashboard stops the old one at once.

    Args:
        key: the whole key, from the instance's trigger panel in the dashboard.

    Raises:
        ConfigError: it is no such key.

    Example:
        >>> with Client(auth=InstanceKey(sandbox.instance_key(deployed.process_instance_id))) as app:
        ...     app.run_workflow("greet", {"name": "Ada"}).result["greeting"]
        'Hello, Ada!'
    """

    prefixes = ("ck_",)

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers["X-API-Key"] = self._key
        yield request


class QueryKey(_Key):
    """The key of one process instance in the address, ``?api_key=ck_…``.

    Only for platforms that cannot set a header: addresses end up in access logs.

    Args:
        key: the whole key, from the instance's trigger panel in the dashboard.

    Raises:
        ConfigError: it is no such key.

    Example:
        >>> with Client(auth=QueryKey(sandbox.instance_key(deployed.process_instance_id))) as app:
        ...     app.run_workflow("greet", {"name": "Ada"}).result["greeting"]
        'Hello, Ada!'
    """

    prefixes = ("ck_",)

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.url = request.url.copy_merge_params({"api_key": self._key})
        yield request


class TriggerURL:
    """An address with an instance key in it, whose every display masks the key.

    No text itself, as that could be printed, logged, stored in a widget or written to JSON by accident:
    the real one is given out by `get_secret_value` alone, as pydantic's secrets do it.

    Query parameters can appear in server access logs and monitoring dashboards: use such an address only
    where the calling platform can set no header.

    Example:
        >>> with Client(auth=sandbox.instance_key(deployed.process_instance_id)) as caller:
        ...     print(caller.trigger_url("greet"))
        http://127.0.0.1:.../greet?api_key=ck_...
    """

    __slots__ = ("_address", "_shown")

    WARNING = (
        "Access logs and monitoring can show this address with its key: "
        "only for platforms that cannot set a header."
    )

    def __init__(self, address: str, key: InstanceKey | QueryKey) -> None:
        url = httpx.URL(address)
        self._address = MaskedKey(url.copy_merge_params({"api_key": key._key}))
        self._shown = f"{url}?api_key={mask(key._key)}"

    def get_secret_value(self) -> str:
        """The whole address, key included, to be pasted where it is used and nowhere else.

        Example:
            >>> with Client(auth=sandbox.instance_key(deployed.process_instance_id)) as caller:
            ...     "..." in caller.trigger_url("greet").get_secret_value()
            False
        """
        return str(self._address)

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"TriggerURL({self._shown!r})"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        shown, warning = html.escape(self._shown), html.escape(self.WARNING)
        return {
            "text/plain": f"{self._shown}\n{self.WARNING}",
            "text/html": f'<code style="overflow-wrap: anywhere">{shown}</code><br><small>{warning}</small>',
        }

    def __getstate__(self) -> object:
        raise TypeError("An address with a key in it is not pickled: it would be written to disk in clear.")


class WebhookSignature(httpx.Auth):
    """Signs each request with a webhook secret, so that the secret itself never travels.

    Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, exactly the bytes that are sent. It is for
    starting runs of one workflow; wait for them with a client that has a key.

    Args:
        secret: ``whsec_`` and base64 (the prefix and the padding may be missing).

    Raises:
        ConfigError: it is no such secret.

    Example:
        >>> secret = sandbox.webhook_secret(deployed.process_instance_id, "greet")
        >>> with Client(auth=WebhookSignature(secret)) as sender:
        ...     run = sender.trigger_workflow("greet", {"name": "Ada"})
        >>> client.wait_for(run).result["greeting"]
        'Hello, Ada!'
    """

    requires_request_body = True
    public = True

    def __init__(self, secret: str) -> None:
        self._secret = _secret_bytes(secret)

    def sign(
        self, body: bytes, *, message_id: str | None = None, timestamp: int | None = None
    ) -> dict[str, str]:
        """The three headers that vouch for `body`.

        Args:
            body: the bytes that are sent, and no other writing of the same JSON.
            message_id: names the message, the same for every attempt to deliver it; a new one if left out.
            timestamp: Unix time in whole seconds; now if left out.

        Example:
            >>> secret = sandbox.webhook_secret(deployed.process_instance_id, "greet")
            >>> WebhookSignature(secret).sign(b'{"name": "Ada"}', timestamp=1767225600)
            {'webhook-id': 'msg_...', 'webhook-timestamp': '1767225600', 'webhook-signature': 'v1,...'}
        """
        message_id = message_id or f"msg_{secrets.token_urlsafe(18)}"
        sent = str(int(time.time()) if timestamp is None else timestamp)
        signature = base64.b64encode(_digest(self._secret, message_id, sent, body)).decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": sent,
            "webhook-signature": f"v1,{signature}",
        }

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers.update(self.sign(request.content))
        yield request

    def __repr__(self) -> str:
        return "WebhookSignature('whsec_...')"

    def __getstate__(self) -> object:
        raise TypeError("A webhook secret is not pickled: it would be written to disk in clear.")


def _secret_bytes(secret: str) -> bytes:
    text = secret.strip().removeprefix("whsec_")
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        decoded = b""
    if not decoded:
        raise ConfigError(
            "The webhook secret is not whsec_ followed by base64.",
            next_action="Copy it again from the platform that signs.",
        )
    return decoded


def _digest(secret: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(secret, f"{message_id}.{timestamp}.".encode("utf-8", "replace") + body, "sha256")


def auth_for(key: str) -> OrganizationKey | InstanceKey:
    """The way to send a bare key: instance keys by ``X-API-Key``, all others as organization keys."""
    key = MaskedKey(key.strip())
    # "cko_…" begins with "ck" too, but not with "ck_" (codika 3.6.0 goes by the same test).
    return InstanceKey(key) if key.startswith("ck_") else OrganizationKey(key)


# --- receiving -------------------------------------------------------------------------------------


def verify_webhook(
    secret: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = 300.0,
) -> Any:
    """Make sure that a signed message is genuine and fresh, and return its JSON.

    Args:
        secret: the endpoint's signing secret, ``whsec_…``, or several of them while one is replaced.
        headers: the request's headers; upper and lower case are the same.
        body: the request's body as it arrived, before any parsing.
        tolerance: seconds by which the message's time may differ from this machine's, either way.

    Raises:
        WebhookVerificationError: a header is missing or unreadable (``code`` "missing-header"), the message
            is too old or too new ("stale"), no signature matches ("no-match"), or the body is no JSON
            ("not-json"). Answer 401, and do nothing with the message.
        ConfigError: there is no secret, or one that is no secret.
        TypeError: the body has been parsed already.

    The Standard Webhooks specification; five minutes as on the platform's page "Authentication methods".
    A message that arrives twice within the tolerance is genuine both times: who must not act on it twice
    remembers its ``webhook-id``.

    Example:
        >>> secret = sandbox.webhook_secret(deployed.process_instance_id, "greet")
        >>> body = b'{"name": "Ada"}'
        >>> verify_webhook(secret, WebhookSignature(secret).sign(body), body)
        {'name': 'Ada'}
    """
    if not isinstance(body, bytes | bytearray | memoryview | str):
        raise TypeError("verify_webhook needs the body as it arrived (bytes), not what was parsed from it")
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    given = {str(name).lower(): str(value) for name, value in headers.items()}
    message_id, sent, signatures = (
        given.get(f"webhook-{name}", "").strip() for name in ("id", "timestamp", "signature")
    )
    matches = _matches(secret, signatures, message_id, sent, raw)
    del secret  # what is raised from here on may be logged with the variables of this frame
    if not re.fullmatch(r"[!-~]+", message_id) or not re.fullmatch(r"[0-9]{1,15}", sent) or not signatures:
        raise WebhookVerificationError(
            "The message is not signed: one of webhook-id, -timestamp and -signature is missing or broken.",
            code="missing-header",
            next_action="Does whoever sends it sign it, and does a proxy in between pass the headers on?",
        )
    age = time.time() - int(sent)
    if abs(age) > tolerance:
        raise WebhookVerificationError(
            f"The message was signed {abs(age):.0f} s {'ago' if age > 0 else 'ahead of now'}; "
            f"{tolerance:g} s are allowed.",
            code="stale",
            next_action="If it was sent just now, the clock of one of the two machines is wrong.",
        )
    if not matches:
        raise WebhookVerificationError(
            "The signature does not match the message.",
            code="no-match",
            next_action="Is the secret this endpoint's, and the body exactly the bytes that arrived?",
        )
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        problem = "The message is genuine, but its body is no JSON."
    raise WebhookVerificationError(problem, code="not-json", next_action="Ask whoever sends it for JSON.")


def _matches(
    secret: str | Iterable[str], signatures: str, message_id: str, timestamp: str, body: bytes
) -> bool:
    """Whether one of the secrets has made one of the signatures."""
    keys = [_secret_bytes(each) for each in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise ConfigError(
            "No webhook secret is configured.", next_action="Give the one that the signing platform shows."
        )
    matches = False
    for key in keys:
        expected = _digest(key, message_id, timestamp, body)
        for signature in _signatures(signatures):
            # No early end: the time it takes is not to say which of them fits.
            matches |= hmac.compare_digest(expected, signature)
    return matches


def _signatures(header: str) -> list[bytes]:
    """The signatures of the scheme we know; senders may add those of others."""
    found = []
    for token in header.split():
        scheme, _, signature = token.partition(",")
        if scheme == "v1":
            with suppress(ValueError):
                found.append(base64.b64decode(signature, validate=True))
    return found
