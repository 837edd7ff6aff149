"""`Client` and `AsyncClient`: the two ways to perform what `API` describes.

Both take the same arguments and have the same methods. All knowledge of the protocol is in `api` and `call`,
what both clients know in `settings`; here is only what differs between blocking and awaiting.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import AuthenticationError, ConfigError, Interrupted
from ..loops import in_worker, pause
from . import http
from .batch import prepared
from .connected import Connected, Self
from .crew import as_tasks, on_threads
from .endpoint import AsyncPerformer, Performer
from .http import httpx
from .progress import shown
from .runs import Runs
from .steps import Exchange, Pause, Request, Response, Step, T, Turns, Work, bare
from .unreachable import unreachable

if TYPE_CHECKING:
    from pandas import DataFrame

    from .workflow import AsyncWorkflow, Workflow, Workflows


class Client(Performer, Connected[httpx.Client]):
    """Talk to Codika; every method waits for the answer.

    With no argument, key and server come from the environment, then from the profile that
    ``%codika_signup``, ``%codika_login`` or the ``codika`` tool saved. A client may be used from
    several threads at once.

    Where no process instance is named, the one is meant that this process has deployed last with this
    account, and that has the workflow; else ``PROCESS_INSTANCE_ID``; else the only one of the organization
    with that workflow, that in production where it is published. Where several are left, the error lists
    them.

    Beside what it names, any method raises `NotSignedIn` (there is no key), `TransportError` (no answer),
    `AuthenticationError` (the key is not accepted), `PermissionDeniedError` (it lacks a scope),
    `ServerError`, and `ConfigError` for an argument that cannot be right (nothing was sent). Ctrl-C raises
    `Interrupted`, which says how to go on.

    Args:
        auth: a key, as text or as a `MintedKey`, or one of `OrganizationKey`, `InstanceKey`, `QueryKey`,
            `WebhookSignature`.
        profile: name of a saved profile to use.
        base_url: the server; ``https://api.codika.io`` if nothing else names one.
        env_file: a ``.env`` file with variables that the environment itself does not have:
            ``CODIKA_API_KEY``, ``CODIKA_BASE_URL``, ``PROCESS_INSTANCE_ID``, ``CODIKA_TRIGGER_BASE_URL``,
            ``CODIKA_STATUS_BASE_URL``. Its key goes to its own addresses only, and no other key does.
        timeout: seconds that a call may take from its first byte to the last of the answer, 30 unless
            given; connecting may take 5 of them. None for no limit; four limits of your own are an
            ``httpx.Timeout``. `with_options` changes it for single calls.
        transport: an httpx transport, for tests and proxies.
        largest_answer: how many bytes an answer may have, unpacked; 128 MiB unless given, None for any.
        instance: the process instance that is meant by every call that names none.

    Raises:
        ConfigError: contradictory settings, or a key that would travel unencrypted.

    Example:
        >>> with Client() as client:
        ...     client.run_workflow("greet", {"name": "Ada"}).result
        {'greeting': 'Hello, Ada!', 'language': 'en'}
    """

    _library = http.BlockingPool

    def perform(self, exchange: Exchange[T]) -> T:
        """Do what `exchange` describes, and return its result.

        Args:
            exchange: a verb of `SignIn`, or what another program has described with `codika_nb.client.api`.

        Example:
            >>> client.perform(SignIn("login").request_code("ada@example.com"))
            SignIn('login', step='code')
        """
        turns = Turns(exchange)
        try:
            for step in turns:
                try:
                    turns.give(self._take(step))
                except (Exception, KeyboardInterrupt) as error:
                    turns.fail(error)
            return turns.result
        except AuthenticationError as error:
            self._explain(error, turns.request)
            raise
        except KeyboardInterrupt as error:
            interrupted = turns.interruption(error)
        finally:
            turns.close()
        raise interrupted  # only now: the frames it came through hold the key, codes and payloads

    def _take(self, step: Step) -> Any:
        """Do one step."""
        if isinstance(step, Pause):
            return pause(step.seconds)
        if isinstance(step, Work):
            return step.do()
        try:
            return self._send(step)
        except http.FAILURES as error:
            problem = unreachable(error, step.base_url or self.base_url)
        raise problem  # only now: the library's error holds the request, and the request the key

    def _send(self, step: Request) -> Response:
        request, deadline = self._outgoing(step)
        answer = self._pool.send(request, auth=self._auth_of(step), stream=True)
        try:
            if answer.is_stream_consumed:  # a transport that had all of it at once
                return _received(answer, answer.content)
            body = http.Body(answer, self._largest_answer, deadline)
            for part in answer.iter_raw():
                body.take(part)
            return _received(answer, body.whole())
        except http.Unusable as error:
            return _received(answer, b"", str(error))
        finally:
            answer.close()
            _let_go(answer)

    def run_many(
        self,
        workflow: str,
        payloads: Iterable[Mapping[str, Any] | None] | DataFrame,
        *,
        instance: str | None = None,
        concurrency: int = 16,
        timeout: float = 120.0,
        progress: bool = True,
        resume: Runs | None = None,
    ) -> Runs:
        """Run a workflow once for each payload, several at a time; returns what has become of each, in order.

        A run that fails, a payload that is refused, a run that takes too long: that is kept with its row
        (``runs.failed``, ``runs[3].error``), and the others go on. An error is raised only for what no
        other payload would change: the key is not accepted or not allowed to, there is no such workflow or
        instance, it is switched off, the client is closed, or the platform is down. When it asks for a
        pause (429), all wait, and what it refused is tried again.

        Stopped by hand or by an error, ``client.interrupted`` has what was done by then, and
        ``client.run_many(workflow, payloads, resume=client.interrupted)`` goes on: what has ended is not
        run again, and what has been started is waited for, not started again. ``resume`` also takes what an
        earlier call returned, to wait for runs whose time was up; it is completed, and returned.

        Args:
            workflow: the workflow's template id, as in the use case.
            payloads: a list, a pandas data frame (each row an object, without the cells that hold nothing;
                moments as ISO 8601, time spans in seconds), or an iterator. It is asked for a payload
                whenever a run has ended (by `Client` on other threads), and what it gives is not kept.
                They are sent as they are: ``client.workflow(…).map`` fills in the form's defaults, and
                gives its date fields days.
            instance: process instance id; the one that is meant if left out (see `Client`).
            concurrency: how many runs are under way at once, 1 to 100.
            timeout: seconds to wait for each run at most; the run itself goes on after that.
            progress: show a bar, where somebody can see it.
            resume: what an earlier call has done.

        Raises:
            Interrupted: by Ctrl-C or the stop button (`asyncio.CancelledError` where it is awaited).
            AuthenticationError, PermissionDeniedError, NotFoundError, ConflictError, ConfigError: see above.
            RateLimitError, TransportError: after a long time of trying again, or no connection at first.
            TransportError, ServerError, InvalidResponseError: many rows in a row have failed by it.

        Example:
            >>> runs = client.run_many("greet", [{"name": "Ada"}, {"name": " "}])
            >>> runs
            2 runs of greet: 1 succeeded, 1 failed
            >>> runs.failed[0].error.message
            'The workflow failed at node “greet”: ...A name is required.'
        """
        asked = prepared(self, workflow, payloads, instance, concurrency, timeout=timeout, resume=resume)
        batch = self.perform(asked)
        with self._with_room_for(batch.workers) as crew, self._keeping(batch):
            try:
                with shown(batch, progress) as move:
                    on_threads(crew, batch, move)
            except KeyboardInterrupt:
                batch.give_up(batch.interruption("client.run_many"))
            return self.perform(batch.outcome())

    def workflow(self, name: str, *, instance: str | None = None, timeout: float | None = 120.0) -> Workflow:
        """A deployed workflow as a Python function, with its signature from its input schema.

        It stays with its instance: after the use case has been published, make it anew to run production's.

        Args:
            name: the workflow's template id, as in the use case.
            instance: process instance id; the one that is meant if left out (see `Client`).
            timeout: seconds to wait for each run at most; None for as long as it takes.

        Raises:
            NotFoundError: there is no such workflow.
            ConfigError: an instance key (``ck_…``) asks.

        Example:
            >>> greet = client.workflow("greet")
            >>> greet(name="Ada")
            {'greeting': 'Hello, Ada!', 'language': 'en'}
            >>> greet(nmae="Ada")
            Traceback (most recent call last):
            ...
            TypeError: greet() got an unexpected keyword argument 'nmae'. Did you mean 'name'?
        """
        from .workflow import Workflow, described  # noqa: PLC0415 - with form schemas, which few scripts need

        (found,) = self.perform(described(self, name, instance))
        return Workflow(self, *found, timeout)

    def workflows(self, *, instance: str | None = None, timeout: float | None = 120.0) -> Workflows[Workflow]:
        """The workflows of an instance that can be started, each as a Python function, by name.

        What they do is said in the words of their triggers; `workflow` has their skills'.

        Args:
            instance: process instance id; the one that is meant if left out (see `Client`), and where
                several may be, each of them.
            timeout: seconds to wait for each run at most; None for as long as it takes.

        Example:
            >>> list(client.workflows())
            ['greet']
        """
        from .workflow import Workflow, Workflows, all_described  # noqa: PLC0415 - as above

        found, unclear = self.perform(all_described(self, instance))
        return Workflows((Workflow(self, *each, timeout) for each in found), unclear)

    def to_async(self) -> AsyncClient:
        """An asynchronous client with the same key, server and settings, and with connections of its own.

        Raises:
            ConfigError: the client has a `transport` that blocks.

        Example:
            >>> async def greet():
            ...     async with client.to_async() as other:
            ...         here = deployed.process_instance_id
            ...         return await other.run_workflow("greet", {"name": "Ada"}, instance=here)
            >>> asyncio.run(greet()).result["greeting"]
            'Hello, Ada!'
        """
        if not isinstance(self._transport, httpx.AsyncBaseTransport | None):
            raise ConfigError(
                f"The client's transport blocks: {type(self._transport).__name__} cannot be awaited.",
                next_action="Make an AsyncClient with an asynchronous transport: AsyncClient(transport=…)",
            )
        return AsyncClient(
            _settings=self._settings,
            timeout=self._timeout,
            transport=self._transport,
            largest_answer=self._largest_answer,
            instance=self.instance if self.is_for_one else None,
        )

    def close(self) -> None:
        """Give the connections back; may be called again.

        On what `with_options` has made it does nothing: the connections are not its own.
        """
        if self._owner:
            self._pool.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AsyncClient(AsyncPerformer, Connected[httpx.AsyncClient]):
    """Talk to Codika from asynchronous code; every method is awaited.

    The arguments and methods are those of `Client`. Use one per event loop; when
    that has ended, the next one makes new connections. In a notebook, what is in ``main`` here can stand in
    a cell as it is.

    Example:
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         work = [client.run_workflow("greet", {"name": name}) for name in ("Ada", "Grace")]
        ...         return [run.result["greeting"] for run in await asyncio.gather(*work)]
        >>> asyncio.run(main())
        ['Hello, Ada!', 'Hello, Grace!']
    """

    _library = http.AwaitedPool

    def _come_along(self) -> None:
        """Make new connections where the event loop of the present ones has ended."""
        here, shared = asyncio.get_running_loop(), self._connections
        if shared.loop is here or shared.pool.is_closed:
            return
        if shared.loop is not None and not shared.loop.is_closed():
            raise ConfigError(
                "This client is used in another event loop, which has not ended.",
                next_action="Make one for each event loop: AsyncClient()",
            )
        if shared.loop is not None:
            shared.pool = self._new_pool()
        shared.loop = here

    async def perform(self, exchange: Exchange[T]) -> T:
        """Do what `exchange` describes, and return its result.

        Args:
            exchange: a verb of `SignIn`, or what another program has described with `codika_nb.client.api`.

        Example:
            >>> async def main():
            ...     async with AsyncClient() as client:
            ...         return await client.perform(SignIn("login").request_code("ada@example.com"))
            >>> asyncio.run(main())
            SignIn('login', step='code')
        """
        turns = Turns(exchange)
        cancelled: asyncio.CancelledError | None = None
        try:
            for step in turns:
                try:
                    turns.give(await self._take(step))
                except asyncio.CancelledError as error:
                    cancelled = bare(error)
                    turns.fail(error)
                except (Exception, KeyboardInterrupt) as error:
                    turns.fail(error)
            return turns.result
        except AuthenticationError as error:
            self._explain(error, turns.request)
            raise
        except KeyboardInterrupt as error:
            interrupted = turns.interruption(error)
        finally:
            turns.close()
        if cancelled is not None and isinstance(interrupted, Interrupted):
            raise _in_two_lines(cancelled, interrupted)
        raise interrupted  # as above

    async def _take(self, step: Step) -> Any:
        """Do one step; the loop stays free meanwhile."""
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Work):
            outcome = await in_worker(step.do)
            return await outcome if inspect.isawaitable(outcome) else outcome
        try:
            return await self._send(step)
        except http.FAILURES as error:
            problem = unreachable(error, step.base_url or self.base_url)
        raise problem  # as above

    async def _send(self, step: Request) -> Response:
        self._come_along()
        request, deadline = self._outgoing(step)
        answer = await self._pool.send(request, auth=self._auth_of(step), stream=True)
        try:
            if answer.is_stream_consumed:
                return _received(answer, answer.content)
            body = http.Body(answer, self._largest_answer, deadline)
            async for part in answer.aiter_raw():
                body.take(part)
            return _received(answer, body.whole())
        except http.Unusable as error:
            return _received(answer, b"", str(error))
        finally:
            await answer.aclose()
            _let_go(answer)

    async def run_many(
        self,
        workflow: str,
        payloads: Iterable[Mapping[str, Any] | None] | DataFrame,
        *,
        instance: str | None = None,
        concurrency: int = 16,
        timeout: float = 120.0,
        progress: bool = True,
        resume: Runs | None = None,
    ) -> Runs:
        asked = prepared(self, workflow, payloads, instance, concurrency, timeout=timeout, resume=resume)
        batch = await self.perform(asked)
        async with self._with_room_for(batch.workers) as crew:
            with self._keeping(batch):
                try:
                    with shown(batch, progress) as move:
                        await as_tasks(crew, batch, move)
                except asyncio.CancelledError as cancelled:
                    batch.give_up(_in_two_lines(cancelled, batch.interruption("await client.run_many")))
                return await self.perform(batch.outcome())

    run_many.__doc__ = Client.run_many.__doc__

    async def workflow(
        self, name: str, *, instance: str | None = None, timeout: float | None = 120.0
    ) -> AsyncWorkflow:
        """A deployed workflow as a function that is awaited; all else is as with `Client.workflow`.

        Example:
            >>> async def main():
            ...     async with AsyncClient() as client:
            ...         greet = await client.workflow("greet")
            ...         return await greet(name="Ada")
            >>> asyncio.run(main())
            {'greeting': 'Hello, Ada!', 'language': 'en'}
        """
        from .workflow import AsyncWorkflow, described  # noqa: PLC0415 - as above

        (found,) = await self.perform(described(self, name, instance))
        return AsyncWorkflow(self, *found, timeout)

    async def workflows(
        self, *, instance: str | None = None, timeout: float | None = 120.0
    ) -> Workflows[AsyncWorkflow]:
        """The workflows as functions that are awaited; all else as with `Client.workflows`.

        Example:
            >>> async def main():
            ...     async with AsyncClient() as client:
            ...         return list(await client.workflows())
            >>> asyncio.run(main())
            ['greet']
        """
        from .workflow import AsyncWorkflow, Workflows, all_described  # noqa: PLC0415 - as above

        found, unclear = await self.perform(all_described(self, instance))
        return Workflows((AsyncWorkflow(self, *each, timeout) for each in found), unclear)

    async def aclose(self) -> None:
        """Give the connections back; may be called again.

        On what `with_options` has made it does nothing: the connections are not its own.
        """
        if self._owner:
            self._come_along()
            await self._pool.aclose()

    close = aclose

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


def _in_two_lines(cancelled: asyncio.CancelledError, told: Interrupted) -> asyncio.CancelledError:
    """The same error, as whoever cancels waits for this very class; a notebook shows what is told."""
    cancelled._render_traceback_ = told._render_traceback_  # type: ignore[attr-defined]
    return cancelled


def _received(answer: httpx.Response, content: bytes, unusable: str = "") -> Response:
    return Response(answer.status_code, answer.headers, content, unusable)


def _let_go(answer: httpx.Response) -> None:
    # Stream and answer refer to each other, so that what was sent and received would stay in memory until
    # the garbage collector finds them: with large payloads, and many, that is much.
    answer.stream = httpx.ByteStream(b"")
