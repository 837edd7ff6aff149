"""The sandbox as an object: starting and stopping it, and what tests and tutorials ask of it."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from ..errors import ConfigError, shown_as_ours
from ..files import path_of
from ..loops import IN_BROWSER
from .clock import Clock
from .engine import Engine
from .mail import Inbox, Mailbox, smtp_relay
from .n8n import n8n_engine
from .rules.platform import Platform
from .serving import InProcess, Serving, Start
from .stand_in_engine import StandInEngine, StandInsFirst
from .stand_ins import Function, StandIns, require_name
from .wire import Refusal, is_loopback

if TYPE_CHECKING:
    from ..models import MintedKey

__all__ = ["Sandbox"]

Answer = TypeVar("Answer")

# Without a handler Python prints warnings by itself; whoever wants to see them adds a handler.
for _name in ("codika_nb.sandbox", "uvicorn"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


class Sandbox:
    """A local platform with the same HTTP API: real limits, real storage, its own mailbox.

    Args:
        host: the address to listen on; others than loopback put a token before the inbox, as a proxy does.
        port: the port to listen on; 0 takes the one it had last with its data, or a free one.
        data: a folder to keep everything in; without it, all is forgotten when the sandbox stops.
        stand_ins: Python functions that answer in the place of workflows, as in `load_stand_ins`.
        clock: the time it lives in; `sandbox.clock.advance(600)` makes ten minutes pass.
        ip_limit: how many codes an IP address may ask for within an hour.
        trusted_proxy: the address of a proxy, for example ``"127.0.0.1"``. What it hands on says who calls
            (the last address in X-Forwarded-For) and under which host name, and is believed. A request
            without that header has not come through it, nor one for a foreign name at the sandbox's own port.
        smtp: a mail server, ``smtp://user:password@host:port`` or ``smtps://…``, that mails are sent
            through as well; a code whose mail it does not take is withdrawn.
        engine: what runs the workflows that have no stand-in, which are answered by an echo otherwise:
            the address of an n8n, whose API key is in ``CODIKA_N8N_API_KEY``; ``"n8n"`` for one of this
            machine, which is started along; or what makes an `Engine`, once for every start.
        callback_url: the address under which an engine reaches this sandbox, where that is another one,
            ``"http://host.docker.internal:8321"``; the sandbox answers under that host name as well.
        lets_others_run: whether n8n may run what others deploy, where the sandbox is open to them.
        codika_nodes: the folder of the platform's own node package, for an n8n that is started along: it
            runs workflows as they are. Without it, the Codika nodes are written with n8n's own.
        in_process: whether it answers the clients of its own process alone, without any network, at
            ``http://sandbox.localhost``; `host` means nothing then. In a browser there is no other way.

    Raises:
        ConfigError: an argument that cannot be right; when it starts: the port is taken, the folder cannot
            be used, or the packages of ``codika-nb[sandbox]`` are missing.

    Example:
        >>> with Sandbox() as sandbox:
        ...     sign_in("ada@example.com", ask_code=sandbox.code_for, base_url=sandbox.url)
        Profile('my-organization', organization='My Organization', key='cko_...')
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data: str | Path | None = None,
        stand_ins: str | Path | None = None,
        clock: Clock | None = None,
        ip_limit: int = 60,
        trusted_proxy: str | None = None,
        smtp: str | None = None,
        engine: str | Callable[[], Engine] | None = None,
        callback_url: str | None = None,
        lets_others_run: bool = False,
        codika_nodes: str | Path | None = None,
        in_process: bool = IN_BROWSER,
    ) -> None:
        if ip_limit < 1:
            raise ConfigError("The limit of codes for an IP address must be at least 1.")
        if in_process and (isinstance(engine, str) or callback_url or trusted_proxy):
            raise ConfigError(
                "Nobody else reaches a sandbox that answers in its own process: no n8n, and no proxy.",
                next_action="Leave in_process out, where there are sockets: not in a browser.",
            )
        self.clock = clock or Clock()
        self._forgets = data is None
        self._stand_ins = StandIns()
        self._mailbox = Mailbox(None if smtp is None else smtp_relay(smtp))
        # Behind a proxy it is reached from elsewhere, whatever address it listens on.
        open_to_others = trusted_proxy is not None or not is_loopback(host)
        if isinstance(engine, str):
            if open_to_others and not lets_others_run:
                raise ConfigError(
                    "Whoever reaches this sandbox could run code in n8n.",
                    next_action="Listen on 127.0.0.1 alone; or say that others may: lets_others_run=True, "
                    "--others-run-code",
                )
            engine = n8n_engine(
                engine, *(None if path is None else path_of(path) for path in (data, codika_nodes))
            )
        elif codika_nodes is not None:
            raise ConfigError("codika_nodes is for an n8n that is started along.", next_action='engine="n8n"')
        self._inbox_token = secrets.token_urlsafe(16) if open_to_others else None
        reached: Callable[..., Start] = partial(Serving, host=host)
        self._start = partial(
            InProcess if in_process else reached,
            port=port,
            data=None if data is None else path_of(data),
            now=lambda: self.clock.now().timestamp(),
            mailbox=self._mailbox,
            inbox_token=self._inbox_token,
            ip_limit=ip_limit,
            stand_ins=self._stand_ins,
            make_engine=lambda: (
                StandInsFirst(self._stand_ins, engine()) if engine else StandInEngine(self._stand_ins)
            ),
            callback_url=None if callback_url is None else _url(callback_url),
            trusted_proxy=None if trusted_proxy is None else _address(trusted_proxy),
        )
        self._lock = threading.Lock()
        self._running: Start | None = None
        self._process = os.getpid()
        if stand_ins is not None:
            self.load_stand_ins(stand_ins)

    def __repr__(self) -> str:
        running = self._running
        return f"<Sandbox {running.url}, running>" if running else "<Sandbox, stopped>"

    # --- starting and stopping ------------------------------------------------------------

    def start(self) -> Self:
        """Start serving, on a thread of its own; does nothing when it runs already.

        Returns:
            The sandbox itself.

        Example:
            >>> sandbox = Sandbox().start()
            >>> sandbox
            <Sandbox http://127.0.0.1:..., running>
            >>> sandbox.stop()
        """
        with self._lock:
            if self._running is None:
                if self._forgets:
                    self._mailbox.clear()  # its codes were forgotten with everything else
                running = self._start()
                running.start()
                self._running, self._process = running, os.getpid()
        return self

    def stop(self) -> None:
        """Stop serving and let go of port and data; does nothing when it is stopped already."""
        with self._lock:
            running, self._running = self._running, None
            if running is not None and self._process == os.getpid():
                running.stop()

    def serve_forever(self) -> None:
        """Start, and come back only when the sandbox is stopped or the person presses Ctrl-C."""
        self.start()
        running = self._running
        try:
            # With a time limit, as a wait without one cannot be interrupted on every system.
            while running is not None and not running.has_ended(within=1.0):
                pass
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _live(self) -> Start:
        running = self._running
        if running is None:
            raise ConfigError("The sandbox is not running.", next_action="Call its start() first.")
        self._require_own_process()
        return running

    def _require_own_process(self) -> None:
        """Refuse what a forked process would read from a copy of its own, or change there alone."""
        if self._running is not None and self._process != os.getpid():
            raise ConfigError(
                "The sandbox runs in the process that this one was forked from.",
                next_action="Ask it by its address, from there or here: Client(base_url=…)",
            )

    # --- looking --------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end; also in a process that was forked from this one."""
        running = self._running
        return self._live().url if running is None else running.url

    @property
    def moved_from(self) -> str:
        """Where it was reached before with its data, if that was elsewhere: profiles are of that address."""
        return self._live().moved_from

    @property
    def runs_workflows(self) -> str:
        """Who runs workflows: stand-ins and an echo, or an n8n and where it is."""
        return str(self._live().engine)

    @property
    def inbox_url(self) -> str:
        """The address of the inbox page, with the token it takes where others could reach it."""
        token = "" if self._inbox_token is None else f"?token={self._inbox_token}"
        return f"{self.url}/inbox{token}"

    @property
    def inbox(self) -> Inbox:
        """Every mail that was delivered, newest first."""
        self._require_own_process()
        return Inbox(self._mailbox.mails)

    def code_for(self, email: str) -> str:
        """The code in the newest mail to an address.

        Args:
            email: the address; upper and lower case are the same.

        Raises:
            LookupError: no mail has been sent there.

        Example:
            >>> sent = client.request_login_code("ada@example.com")
            >>> client.complete_login(sent.email, code=sandbox.code_for(sent.email)).organization_name
            'Acme'
        """
        self._require_own_process()
        for mail in self._mailbox.to(email):
            return mail.code
        others = sorted({mail.to for mail in self._mailbox.mails})
        known = f"There is mail for {', '.join(others[:5])}." if others else "The inbox is empty."
        raise shown_as_ours(LookupError(f"No code was mailed to {email.strip()}. {known}"))

    # --- stand-ins ------------------------------------------------------------------------

    def workflow(self, workflow_id: str, *, time_limit: float = 60.0) -> Callable[[Function], Function]:
        """Let the decorated function answer a workflow.

        The function, plain or async, gets the payload and returns what becomes the result; a parameter
        called ``execution`` gets the ids, addresses and the secret for calling back. What it raises makes
        the run fail. A workflow without such a function answers with an echo of its payload.

        Args:
            workflow_id: the workflow's template id, as in the use case.
            time_limit: seconds after which the run fails; where there are no threads (in a browser), a
                plain function cannot be stopped, and everything waits for it.

        Raises:
            ConfigError: what is decorated is no function, or the time limit is not positive.

        Example:
            >>> @sandbox.workflow("greet")
            ... def greet(payload):
            ...     return {"greeting": f"Good morning, {payload['name']}!"}
            >>> client.run_workflow("greet", {"name": "Ada"}).result
            {'greeting': 'Good morning, Ada!'}
        """
        require_name(workflow_id)

        def register(function: Function) -> Function:
            self._require_own_process()
            self._stand_ins.register(workflow_id, function, time_limit)
            return function

        return register

    def load_stand_ins(self, path: str | Path) -> list[str]:
        """Register the functions that a Python file marks with ``@stand_in``; returns their workflows.

        Args:
            path: the file; it is run. Of a use case's folder its ``stand_ins.py`` is taken, of a folder of
                use cases each one's, also of those that are made later. Where several answer a workflow of
                one name, the one beside the use case answers that was deployed.

        Raises:
            ConfigError: there is no such file, it does not import, or it marks no function.

        Example:
            >>> sandbox.load_stand_ins("use-cases/greeter/stand_ins.py")
            ['greet']
        """
        self._require_own_process()
        return self._stand_ins.load(path_of(path))

    # --- what the dashboard does ----------------------------------------------------------

    def add_organization(self, email: str, name: str) -> str:
        """Make an organization that the person with this address owns; returns its id.

        Args:
            email: whose it is; who has no account gets one.
            name: what it is called.

        Example:
            >>> sandbox.add_organization("ada@example.com", "Beta Corp")
            'org_...'
        """
        return self._do(lambda platform: platform.organizations.add_organization(email, name))

    def remove_organization(self, organization_id: str) -> None:
        """Remove an organization, its keys and its signing secrets.

        Args:
            organization_id: its id; nothing happens if there is none of it.

        Example:
            >>> sandbox.remove_organization(profile.organization_id)
            >>> client.verify_key()
            Traceback (most recent call last):
            ...
            codika_nb.errors.AuthenticationError: ...
        """
        self._do(lambda platform: platform.organizations.remove_organization(organization_id))

    def add_member(self, organization_id: str, email: str, role: str = "member") -> str:
        """Make a person "member", "admin" or "owner" of an organization; returns the user's id.

        Args:
            organization_id: its id.
            email: the person; who has no account gets one.
            role: what they may do there.

        Raises:
            LookupError: there is no such organization.
            ValueError: there is no such role.

        Example:
            >>> user_id = sandbox.add_member(profile.organization_id, "grace@example.com", role="admin")
            >>> sign_in("grace@example.com", ask_code=sandbox.code_for).organization_name
            'Acme'
        """
        if role not in ("member", "admin", "owner"):
            raise shown_as_ours(ValueError(f"A member is a member, an admin or an owner, not {role!r}."))
        return self._do(lambda platform: platform.organizations.add_member(organization_id, email, role))

    def personal_key(self, email: str) -> str:
        """A new personal key, the kind that may create organizations; it is shown this once.

        Args:
            email: whose it is.

        Example:
            >>> sandbox.personal_key("ada@example.com")
            'ckp_...'
        """
        return self._do(lambda platform: platform.keys.personal_key(email))

    def revoke_key(self, key_id: str | MintedKey) -> None:
        """Revoke an organization key; it stops at once.

        Args:
            key_id: its id, which is not the key, or its name. What `Client.create_organization_key` has
                returned does as well.

        Raises:
            LookupError: there is no such key.
            ConfigError: several keys have that name.

        Example:
            >>> key = client.create_organization_key("CI", scopes=["workflows:trigger"])
            >>> sandbox.revoke_key("CI")
        """
        named: Any = getattr(key_id, "key_id", key_id)
        self._do(lambda platform: platform.keys.revoke_key(platform.keys.key_id(named)))

    def connect_integration(self, integration_id: str, context_type: str = "organization") -> None:
        """Connect what a person connects by signing in to it in the dashboard, for everybody who is here.

        Nothing is signed in to: what is deployed from now on has a credential of that name, without secrets.

        Args:
            integration_id: ``"slack"``, ``"google_gmail"``, …
            context_type: whose it is, ``"organization"`` or ``"member"``.

        Raises:
            ConfigError: it is neither.

        Example:
            >>> sandbox.connect_integration("slack")
            >>> [each.integration_id for each in client.list_integrations()]
            ['slack']
        """

        def connect(platform: Platform) -> None:
            for organization_id, user_id in platform.organizations.memberships():
                platform.integrations.sign_in(integration_id, context_type, organization_id, user_id)

        self._do(connect)

    def instance_key(self, process_instance_id: str) -> str:
        """A new key for a process instance, shown this once; the one before stops at once.

        Args:
            process_instance_id: the instance, as in ``process_instance_id`` of a deployment.

        Raises:
            LookupError: there is no such instance.

        Example:
            >>> key = sandbox.instance_key(deployed.process_instance_id)
            >>> with Client(auth=key, base_url=sandbox.url) as dashboard:
            ...     dashboard.run_workflow("greet", {"name": "Ada"}).result["greeting"]
            'Hello, Ada!'
        """
        return self._do(lambda platform: platform.instances.instance_key(process_instance_id))

    def member_secret(self, process_instance_id: str) -> str:
        """A secret with which a process instance's workflows may start executions, shown this once.

        The platform writes it into workflows where they say ``{{MEMSECRT_EXECUTION_AUTH_TRCESMEM}}``.

        Args:
            process_instance_id: the instance.

        Raises:
            LookupError: there is no such instance.

        Example:
            >>> sandbox.member_secret(deployed.process_instance_id)
            'cms_...'
        """
        return self._do(lambda platform: platform.instances.member_secret(process_instance_id))

    def webhook_secret(self, process_instance_id: str, workflow_id: str, secret: str | None = None) -> str:
        """Add a signing secret to a workflow's endpoint, a new one if none is given; returns it.

        Args:
            process_instance_id: the instance.
            workflow_id: the workflow's template id.
            secret: ``whsec_…``; those that were added before go on working beside it.

        Raises:
            LookupError: there is no such instance or workflow.
            ConfigError: `secret` is none.

        Example:
            >>> secret = sandbox.webhook_secret(deployed.process_instance_id, "greet")
            >>> with Client(auth=WebhookSignature(secret)) as sender:
            ...     client.wait_for(sender.trigger_workflow("greet", {"name": "Ada"})).result["greeting"]
            'Hello, Ada!'
        """
        return self._do(
            lambda platform: platform.signatures.add_secret(process_instance_id, workflow_id, secret)
        )

    def _do(self, action: Callable[[Platform], Answer]) -> Answer:
        running = self._live()
        try:
            return running.do(action)
        except Refusal as refusal:
            if refusal.status == 404:
                raise shown_as_ours(LookupError(refusal.message)) from None
            raise ConfigError(refusal.message) from None
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise ConfigError("What is named here is named by a text, such as key.key_id.") from None


def _url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        is_one = is_one and not parts.query and not parts.fragment  # a path comes after it
    except (ValueError, AttributeError):
        is_one = False
    if not is_one or any(c.isspace() for c in text.strip()):
        raise ConfigError(
            f"The engine cannot call back to {text!r}, which is no address.",
            next_action="For example: http://host.docker.internal:8765",
        )
    return text.strip().rstrip("/")


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.strip())
        return str(getattr(address, "ipv4_mapped", None) or address)
    except ValueError:
        raise ConfigError(
            f"A trusted proxy is named by its address, not as {text!r}.", next_action="For example: 127.0.0.1"
        ) from None
