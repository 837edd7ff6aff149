"""The sandbox as an object: its thread, its server, and what tests and tutorials ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from ..errors import ConfigError
from .clock import Clock
from .engine import Engine, Function, StandInEngine, StandIns
from .mail import Inbox, Mailbox, smtp_relay
from .rules.codes import Codes
from .rules.deployments import Deployments
from .rules.documents import Documents
from .rules.encryption import EncryptionKey
from .rules.executions import Executions
from .rules.instances import Instances
from .rules.integrations import Integrations
from .rules.keys import Keys
from .rules.notes import Notes
from .rules.organizations import Organizations
from .rules.projects import Projects
from .rules.signatures import Signatures
from .rules.signin import SignIn
from .store import Store
from .wire import Refusal

__all__ = ["Sandbox"]

Answer = TypeVar("Answer")

_BACKLOG = 2048

logger = logging.getLogger("codika_nb.sandbox")

# Without a handler Python prints warnings by itself; whoever wants to see them adds a handler.
for _logger in (logger, logging.getLogger("uvicorn")):
    _logger.addHandler(logging.NullHandler())


class Sandbox:
    """A local platform with the same HTTP API: real limits, real storage, its own mailbox.

    Args:
        host: the address to listen on; others than loopback put a token before the inbox.
        port: the port to listen on; 0 takes a free one.
        data: a folder to keep everything in; without it, all is forgotten when the sandbox stops.
        clock: the time it lives in; `sandbox.clock.advance(600)` makes ten minutes pass.
        ip_limit: how many codes an IP address may ask for within an hour.
        trusted_proxy: the address of a proxy; what it says about who calls (X-Forwarded-For) and under
            which host name is believed.
        smtp: a mail server, ``smtp://user:password@host:port`` or ``smtps://…``, that mails are sent
            through as well; a code whose mail it does not take is withdrawn.
        engine: makes what runs workflows in the stand-ins' place, once for every start.

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
        clock: Clock | None = None,
        ip_limit: int = 60,
        trusted_proxy: str | None = None,
        smtp: str | None = None,
        engine: Callable[[], Engine] | None = None,
    ) -> None:
        if ip_limit < 1:
            raise ConfigError("The limit of codes for an IP address must be at least 1.")
        self.clock = clock or Clock()
        self._host = host
        self._port = port
        self._data = None if data is None else Path(data).expanduser()
        self._ip_limit = ip_limit
        self._trusted_proxy = trusted_proxy
        self._stand_ins = StandIns()
        self._make_engine = engine or (lambda: StandInEngine(self._stand_ins))
        self._mailbox = Mailbox(None if smtp is None else smtp_relay(smtp))
        self._inbox_token = None if _is_loopback(host) else secrets.token_urlsafe(16)
        self._lock = threading.Lock()
        self._running: _Running | None = None

    def __repr__(self) -> str:
        running = self._running
        return f"<Sandbox {running.url}, running>" if running else "<Sandbox, stopped>"

    # --- starting and stopping ------------------------------------------------------------

    def start(self) -> None:
        """Start serving, on a thread of its own; does nothing when it runs already.

        Example:
            >>> sandbox = Sandbox()
            >>> sandbox.start()
            >>> sandbox
            <Sandbox http://127.0.0.1:..., running>
            >>> sandbox.stop()
        """
        with self._lock:
            if self._running is None:
                if self._data is None:
                    self._mailbox.clear()  # its codes were forgotten with everything else
                self._running = _Running(self)

    def stop(self) -> None:
        """Stop serving and let go of port and data; does nothing when it is stopped already."""
        with self._lock:
            running, self._running = self._running, None
            if running is not None:
                running.stop()

    def serve_forever(self) -> None:
        """Start, and come back only when the sandbox is stopped or the person presses Ctrl-C."""
        self.start()
        running = self._running
        try:
            while running is not None and running.thread.is_alive():
                # With a time limit, as a wait without one cannot be interrupted on every system.
                running.thread.join(1.0)
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _live(self) -> _Running:
        running = self._running
        if running is None:
            raise ConfigError("The sandbox is not running.", next_action="Call its start() first.")
        return running

    # --- looking --------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return self._live().url

    @property
    def inbox_url(self) -> str:
        """The address of the inbox page, with the token it takes where others could reach it."""
        token = "" if self._inbox_token is None else f"?token={self._inbox_token}"
        return f"{self.url}/inbox{token}"

    @property
    def inbox(self) -> Inbox:
        """Every mail that was delivered, newest first."""
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
        for mail in self._mailbox.to(email):
            return mail.code
        others = sorted({mail.to for mail in self._mailbox.mails})
        known = f"There is mail for {', '.join(others[:5])}." if others else "The inbox is empty."
        raise LookupError(f"No code was mailed to {email.strip()}. {known}")

    # --- stand-ins ------------------------------------------------------------------------

    def workflow(self, workflow_id: str, *, time_limit: float = 60.0) -> Callable[[Function], Function]:
        """Let the decorated function answer a workflow.

        The function, plain or async, gets the payload and returns what becomes the result; a parameter
        called ``execution`` gets the ids, addresses and the secret for calling back. What it raises makes
        the run fail. A workflow without such a function answers with an echo of its payload.

        Args:
            workflow_id: the workflow's template id, as in the use case.
            time_limit: seconds after which the run fails.

        Raises:
            ConfigError: what is decorated is no function, or the time limit is not positive.

        Example:
            >>> @sandbox.workflow("greet")
            ... def greet(payload):
            ...     return {"greeting": f"Good morning, {payload['name']}!"}
            >>> client.run_workflow("greet", {"name": "Ada"}).result
            {'greeting': 'Good morning, Ada!'}
        """

        def register(function: Function) -> Function:
            self._stand_ins.register(workflow_id, function, time_limit)
            return function

        return register

    def load_stand_ins(self, path: str | Path) -> list[str]:
        """Register the functions that a Python file marks with ``@stand_in``; returns their workflows.

        Args:
            path: the file; it is run.

        Raises:
            ConfigError: there is no such file, it does not import, or it marks no function.

        Example:
            >>> sandbox.load_stand_ins("use-cases/greeter/stand_ins.py")
            ['greet']
        """
        return self._stand_ins.load(Path(path))

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
        return self._do(lambda running: running.organizations.add_organization(email, name))

    def remove_organization(self, organization_id: str) -> None:
        """Remove an organization and its keys.

        Args:
            organization_id: its id; nothing happens if there is none of it.

        Example:
            >>> sandbox.remove_organization(profile.organization_id)
            >>> client.verify_key()
            Traceback (most recent call last):
            ...
            codika_nb.errors.AuthenticationError: ...
        """
        self._do(lambda running: running.organizations.remove_organization(organization_id))

    def add_member(self, organization_id: str, email: str, role: str = "member") -> str:
        """Make a person "member", "admin" or "owner" of an organization; returns the user's id.

        Args:
            organization_id: its id.
            email: the person; who has no account gets one.
            role: what they may do there.

        Example:
            >>> user_id = sandbox.add_member(profile.organization_id, "grace@example.com", role="admin")
            >>> sign_in("grace@example.com", ask_code=sandbox.code_for).organization_name
            'Acme'
        """
        return self._do(lambda running: running.organizations.add_member(organization_id, email, role))

    def personal_key(self, email: str) -> str:
        """A new personal key, the kind that may create organizations; it is shown this once.

        Args:
            email: whose it is.

        Example:
            >>> sandbox.personal_key("ada@example.com")
            'ckp_...'
        """
        return self._do(lambda running: running.keys.personal_key(email))

    def revoke_key(self, key_id: str) -> None:
        """Revoke an organization key; it stops at once.

        Args:
            key_id: its id, which is not the key; nothing happens if there is none of it.

        Example:
            >>> sandbox.revoke_key(client.create_organization_key("CI", scopes=["workflows:trigger"]).key_id)
        """
        self._do(lambda running: running.keys.revoke_key(key_id))

    def instance_key(self, process_instance_id: str) -> str:
        """A new key for a process instance, shown this once; the one before stops at once.

        Args:
            process_instance_id: the instance, as in ``process_instance_id`` of a deployment.

        Raises:
            LookupError: there is no such instance.

        Example:
            >>> with Client(auth=sandbox.instance_key(deployed.process_instance_id)) as dashboard:
            ...     dashboard.run_workflow("greet", {"name": "Ada"}).result["greeting"]
            'Hello, Ada!'
        """
        return self._do(lambda running: running.instances.instance_key(process_instance_id))

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
        return self._do(lambda running: running.instances.member_secret(process_instance_id))

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
            lambda running: running.signatures.add_secret(process_instance_id, workflow_id, secret)
        )

    def _do(self, action: Callable[[_Running], Answer]) -> Answer:
        running = self._live()
        try:
            return running.do(lambda: action(running))
        except Refusal as refusal:
            if refusal.status == 404:
                raise LookupError(refusal.message) from None
            raise ConfigError(refusal.message) from None


class _Running:
    """A sandbox between start and stop: a thread, its loop, and the rules that live on it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._socket = _listen(sandbox._host, sandbox._port)
        self.url = _url(sandbox._host, self._socket.getsockname()[1])
        self._ready = threading.Event()
        self._problem: Exception | None = None
        self.thread = threading.Thread(target=self._serve, name="codika-sandbox", daemon=True)
        self.thread.start()
        self._ready.wait()
        if self._problem is not None:
            self.thread.join()
            raise self._problem

    def stop(self) -> None:
        self._server.should_exit = True
        self.thread.join()

    def do(self, action: Callable[[], Answer]) -> Answer:
        """Do something in a transaction on the loop's thread, from another thread."""

        async def in_transaction() -> Answer:
            with self._store.transaction(Refusal):
                return action()

        return asyncio.run_coroutine_threadsafe(in_transaction(), self._loop).result()

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:
            self._problem = error
            if self._ready.is_set():
                logger.exception("the sandbox at %s stopped by itself", self.url)
        finally:
            self._socket.close()
            self._ready.set()

    async def _main(self) -> None:
        try:
            import uvicorn  # noqa: PLC0415 - an extra, which only a started sandbox needs

            from .web.app import Application, Protocol  # noqa: PLC0415 - likewise, for starlette
            from .web.pages import Pages  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"The sandbox needs {error.name}, which is not installed.",
                next_action="pip install 'codika-nb[sandbox]'",
            ) from None
        sandbox = self._sandbox
        self._loop = asyncio.get_running_loop()
        self._store = Store(sandbox._data)

        def now() -> float:
            return sandbox.clock.now().timestamp()

        try:
            codes = Codes(self._store, now, sandbox._mailbox, sandbox._ip_limit)
            self.organizations = Organizations(self._store, now)
            self.keys = Keys(self._store, now, self.organizations)
            engine = sandbox._make_engine()
            projects = Projects(self._store, now, self.organizations)
            self.instances = Instances(self._store, self.organizations, self.keys)
            self.signatures = Signatures(self._store, now, self.instances)
            documents = Documents(self._store, now, projects)
            self.executions = Executions(
                store=self._store,
                now=now,
                keys=self.keys,
                instances=self.instances,
                signatures=self.signatures,
                engine=engine,
                url=self.url,
            )
            with self._store.transaction(Refusal):
                self.executions.recover()
            key = EncryptionKey(sandbox._data)
            application = Application(
                store=self._store,
                signin=SignIn(codes, self.organizations, self.keys),
                organizations=self.organizations,
                keys=self.keys,
                projects=projects,
                deployments=Deployments(
                    store=self._store,
                    now=now,
                    projects=projects,
                    instances=self.instances,
                    documents=documents,
                    engine=engine,
                ),
                documents=documents,
                instances=self.instances,
                executions=self.executions,
                signatures=self.signatures,
                integrations=Integrations(self._store, now, self.organizations, self.instances, key),
                notes=Notes(self._store, now, projects),
                pages=Pages(
                    url=self.url,
                    mailbox=sandbox._mailbox,
                    stand_ins=sandbox._stand_ins,
                    key=key,
                    inbox_token=sandbox._inbox_token,
                    keeps="forgets everything when it stops"
                    if sandbox._data is None
                    else f"keeps its data in {sandbox._data}",
                ),
                host=sandbox._host,
                trusted_proxy=sandbox._trusted_proxy,
            )
            self._server = uvicorn.Server(
                uvicorn.Config(
                    application,
                    http=Protocol,
                    log_config=None,
                    # X-Forwarded-For is ours to judge: uvicorn believes it from loopback, where clients are.
                    proxy_headers=False,
                    server_header=False,
                    lifespan="off",
                    ws="none",
                    backlog=_BACKLOG,
                    # Whoever is still sending a body by then has had the chance to finish it.
                    timeout_graceful_shutdown=1,
                )
            )
            serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
            # uvicorn offers a flag and no event.
            while not self._server.started and not serving.done():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            self._ready.set()
            await serving
            await self.executions.stop()
        finally:
            self._store.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        if not 0 <= port <= 65535:  # some resolvers would take the rest of a division
            raise OverflowError("a port is a number from 0 to 65535")
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        # Connections inherit it. asyncio sets it by itself only on sockets it has made, and without it
        # every answer waits 40 ms for the client's acknowledgement of its headers.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "the port is taken" if taken else getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"The sandbox cannot listen on {host}:{port}: {reason}.",
            next_action="Choose another port, or 0 for any free one.",
        ) from None


def _url(host: str, port: int) -> str:
    """Where to reach a server: on every interface means also on loopback."""
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound to
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
