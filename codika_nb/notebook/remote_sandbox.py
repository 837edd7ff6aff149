"""A sandbox that runs in another process, as a notebook sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NoReturn

from ..client.call import Call, path
from ..client.http import httpx
from ..errors import ConfigError, TransportError, shown_as_ours
from ..loops import IN_BROWSER
from ..models import MintedKey
from ..profiles import is_loopback
from ..profiles.environment import Environment
from ..sandbox.mail import Inbox, Mail
from .kernel import open_client


def find(url: str | None, instance: str | None = None) -> RemoteSandbox | None:
    """The sandbox at `url`, or None if none answers there.

    Args:
        url: its base URL; only addresses of this machine are asked, and with ``CODIKA_ALLOW_HTTP`` others.
        instance: of which process instance to know what it answers by Python functions; of all if left out.
    """
    if not url or IN_BROWSER or not (is_loopback(url) or Environment().allows_http):
        return None
    query, headers = {"instance": instance} if instance else {}, {"Accept": "application/json"}
    try:
        answer = httpx.get(url, params=query, headers=headers, timeout=2.0, trust_env=False)
        known = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    if isinstance(known, dict) and known.get("name") == "codika sandbox":
        return RemoteSandbox(url.rstrip("/"), known)
    return None


class RemoteSandbox:
    """A sandbox of another process: its address and its mail; it is not this process's to stop."""

    def __init__(self, url: str, about: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.url = url
        #: The workflows that it answers by Python functions of its own.
        self.stand_ins = tuple(about.get("standIns") or ())
        #: In which files those functions of an instance are, and why they do not answer.
        self.files: dict[str, str] = about.get("files") or {}
        self.problem: str = about.get("problem") or ""
        #: Whether it answers all other workflows of an instance with an echo.
        self.echoes = bool(about.get("echoes"))
        self.inbox_url = f"{url}/inbox"

    @property
    def inbox(self) -> Inbox:
        """The mail, newest first."""
        return self._mail()

    def code_for(self, email: str) -> str:
        """The newest code that was mailed to `email`.

        Raises:
            LookupError: no mail has come for it.
        """
        mail = self._mail(email=email)
        if not mail:
            said = f"No mail for {email} in the sandbox's inbox: request a code first."
            raise shown_as_ours(LookupError(said))
        return mail[0].code

    def instance_key(self, process_instance_id: str) -> str:
        """A new key for a process instance, shown this once; the one before stops at once.

        The account in use asks for it, and has to be one that may switch the instance on and off.
        """
        with open_client(base_url=self.url) as client:
            where = path("sandbox", "instances", process_instance_id, "key")
            return client.perform(Call("POST", where, MintedKey.model_validate)).raw.get_secret_value()

    def revoke_key(self, key: str | MintedKey) -> None:
        """Revoke an organization key, by what made it, by its id or by its name; it stops at once.

        The account in use asks for it, and has to be one that may make keys.
        """
        named = key.key_id if isinstance(key, MintedKey) else key
        with open_client(base_url=self.url) as client:
            client.perform(Call("POST", path("sandbox", "keys", named, "revoke"), lambda _: None))

    def connect_integration(self, integration_id: str, context_type: str = "organization") -> None:
        """Connect what a person connects by signing in to it in the dashboard, for the account in use.

        Nothing is signed in to: what is deployed from now on has a credential of that name, without secrets.
        """
        with open_client(base_url=self.url) as client:
            where = path("sandbox", "integrations", integration_id, context_type)
            client.perform(Call("POST", where, lambda _: None))

    def workflow(self, name: str) -> Callable[[Any], NoReturn]:
        """Not here: what answers a workflow has to be given where the sandbox is started."""
        raise ConfigError(
            f"The sandbox at {self.url} runs in another process and cannot call a function of this one.",
            next_action=f'For codika-nb lab, put @stand_in("{name}") from codika_nb.sandbox before it in '
            "stand_ins.py, in the use case's folder. Start others with --stand-ins FILE; or run "
            "%env CODIKA_BASE_URL= and %codika_sandbox to have one in this kernel.",
        )

    def stop(self) -> None:
        """Leave it running: whoever started it stops it."""

    def __getattr__(self, name: str) -> NoReturn:
        said = f"This sandbox has no {name!r} here: it runs in another process, at {self.url}. "
        said += "Sandbox().start(), from codika_nb, starts one in this process, with accounts of its own."
        raise shown_as_ours(AttributeError(said))

    def __repr__(self) -> str:
        return f"RemoteSandbox({self.url!r})"

    def _mail(self, **query: str) -> Inbox:
        headers = {"Accept": "application/json"}
        try:
            answer = httpx.get(self.inbox_url, params=query, headers=headers, timeout=5.0, trust_env=False)
        except httpx.HTTPError:
            raise TransportError(
                f"The sandbox at {self.url} does not answer.",
                next_action="Start it again, where it was started: codika-nb lab, or codika-nb sandbox.",
                code="network-error",
            ) from None
        if answer.status_code in (401, 403):
            raise ConfigError(
                f"The mail of the sandbox at {self.url} is not open to everybody.",
                next_action="Ask who runs it for your code, or for the address of its inbox page.",
            )
        answer.raise_for_status()
        return Inbox(map(_mail, answer.json()))


def _mail(sent: dict[str, str]) -> Mail:
    at = datetime.fromisoformat(sent["sentAt"])
    return Mail(sent["to"], sent["subject"], at, sent["code"], sent["text"])
