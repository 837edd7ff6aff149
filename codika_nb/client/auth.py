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

import html
import re
from collections.abc import Generator
from typing import Any

from ..errors import ConfigError
from ..profiles import MaskedKey, mask
from .http import httpx

Flow = Generator[httpx.Request, httpx.Response, None]


class _Key(httpx.Auth):
    """A secret text; its repr shows eight characters of it."""

    prefixes: tuple[str, ...]
    #: Whether the credential belongs to one process instance, which has addresses of its own.
    public = True
    _key = ""

    def __init__(self, key: str) -> None:
        if not isinstance(key, str):
            kind = type(key).__name__
            raise ConfigError(f"A key is a text, not {kind}.", next_action="Is its variable set?")
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
        >>> key = sandbox.instance_key(deployed.process_instance_id)
        >>> with Client(auth=key, base_url=sandbox.url) as caller:
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
            >>> key = sandbox.instance_key(deployed.process_instance_id)
            >>> with Client(auth=key, base_url=sandbox.url) as caller:
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


def auth_for(key: str) -> OrganizationKey | InstanceKey:
    """The way to send a bare key: instance keys by ``X-API-Key``, all others as organization keys."""
    key = MaskedKey(key.strip())
    # "cko_…" begins with "ck" too, but not with "ck_" (codika 3.6.0 goes by the same test).
    return InstanceKey(key) if key.startswith("ck_") else OrganizationKey(key)
