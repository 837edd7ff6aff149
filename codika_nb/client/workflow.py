"""A deployed workflow as a Python function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ..display.markup import Bundle, Shown, card, code
from ..display.text import plain
from ..errors import CodikaError, ConfigError, UseCaseError, call_error
from ..usecases.documents import json_object
from ..usecases.fields import Schema, fields
from ..usecases.json_schema import DIALECT, is_needed, json_schema
from ..usecases.schema import choices, payload, problems
from ..usecases.signature import as_meant, bound, signature
from . import arguments
from .api import API
from .api.instances import which_instance
from .api.runs import explained
from .offers import Offer, choose, known_here, offers_at
from .payloads import as_json, as_mapping, is_frame, rows_of
from .steps import Steps

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..models import Execution, Triggered
    from .client import AsyncClient, Client
    from .runs import Runs


class AnyWorkflow:
    """What is known of a workflow, and who runs it: what it does, what it takes and what it gives."""

    def __init__(self, client: Any, offer: Offer, instance: str, about: str, timeout: float | None) -> None:
        self._client = client
        self._timeout = timeout
        self._offer = offer
        self.instance = instance
        self.__name__ = self.__qualname__ = self.tool_name
        self.__signature__ = found = signature(offer.inputs)
        #: What tools read that make a description of a function.
        self.__annotations__ = {name: each.annotation for name, each in found.parameters.items()}
        self.__annotations__["return"] = found.return_annotation
        self.__doc__ = _documentation(offer, about)
        self._about = about

    def __get__(self, instance: object, owner: object = None) -> Self:
        """Itself: only what has this is shown by ``help`` as a function is, with its signature."""
        return self

    @property
    def name(self) -> str:
        """The workflow's template id."""
        return self._offer.workflow

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The same as plain data, fit for JSON: name, what it is, its instance, what it takes and gives."""
        told = {"name": self.name, "about": self.about, "instance": self.instance}
        return told | {"schema": self.schema, "output_schema": self.output_schema}

    @property
    def schema(self) -> dict[str, Any]:
        """What it takes, as JSON Schema (2020-12)."""
        closed = bool(self._offer.inputs)
        return {"$schema": DIALECT, **json_schema(self._offer.inputs, closed=closed)}

    @property
    def output_schema(self) -> dict[str, Any]:
        """What it gives, as JSON Schema (2020-12), as far as that is known here."""
        return {"$schema": DIALECT, **json_schema(self._offer.outputs, closed=False)}

    def as_tool(self) -> dict[str, Any]:
        """The workflow as a tool, in the shape that model APIs take; `tool_payload` takes what a model gives.

        Example:
            >>> client.workflow("greet").as_tool()["function"]["name"]
            'greet'
        """
        parameters = {name: value for name, value in self.schema.items() if name != "$schema"}
        function = {"name": self.tool_name, "description": self.about, "parameters": parameters}
        return {"type": "function", "function": function}

    @property
    def tool_name(self) -> str:
        """Its name as model APIs allow it: letters, digits and underscores."""
        return re.sub(r"\W", "_", self.name, flags=re.ASCII)[:64]

    @property
    def about(self) -> str:
        """What it does, from its skill or its trigger."""
        return self._about or self._offer.description or self._offer.title

    def payload(self, given: Mapping[str, Any] | None = None, /, **members: Any) -> dict[str, Any]:
        """What is sent for these arguments, which are given by name, or as one dict.

        Raises:
            TypeError: one is misspelt, or missing.
            ConfigError: a value does not fit; names every one, and why.
        """
        schema: Schema = self._offer.inputs
        return self._checked(bound(schema, self.name, {**(given or {}), **members}), read_files=True)

    def tool_payload(self, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
        """What is sent for the arguments that a model gives for the tool: no text in them names a file here.

        Args:
            arguments: an object, or its JSON.

        Raises:
            TypeError, ConfigError: as `payload`; or a text is no JSON object.

        Example:
            >>> greet = client.workflow("greet")
            >>> client.run_workflow(greet.name, greet.tool_payload({"name": "Ada"})).result["greeting"]
            'Hello, Ada!'
        """
        schema: Schema = self._offer.inputs
        try:
            given = json_object(arguments, self.name) if isinstance(arguments, str) else arguments
        except UseCaseError as error:
            raise ConfigError(
                error.message, next_action="Nothing was sent.", code="payload-invalid"
            ) from None
        return self._checked(bound(schema, self.name, given), read_files=False)

    def _checked(self, values: Mapping[str, Any], *, read_files: bool) -> dict[str, Any]:
        schema: Schema = self._offer.inputs
        converted = as_meant(schema, as_json(values), read_files=read_files)
        if not schema:
            return dict(converted)
        if found := problems(schema, converted):
            told = "; ".join(f"{each.place}: {each.text.rstrip('.')}" for each in found)
            raise ConfigError(
                f"{self.name}: {told}.",
                next_action="Nothing was sent.",
                code="payload-invalid",
            )
        return payload(schema, converted)

    #: What goes before a call.
    _way = ""

    @property
    def _call(self) -> str:
        """How it is called, in Python."""
        return f"{self.tool_name}{_short(self.__signature__)}"

    def _named(self, unnamed: tuple[object, ...], members: Mapping[str, Any]) -> dict[str, Any]:
        """The payload of a call, whose arguments all have names."""
        if unnamed:
            raise call_error(f"{self.name}() takes its input by name: {self._call}")
        try:
            return self.payload(members)
        except TypeError:
            known, now = (
                {each.key for each in fields(offer.inputs)}
                for offer in (self._offer, known_here(self.instance).offer(self.name))
            )
            if not (since := [name for name in members if name in now - known]):
                raise
        raise call_error(
            f"{self.name}() has got {', '.join(since)} since this function was made. Make it anew: "
            f"{self.tool_name} = {self._way}client.workflow({self.name!r})"
        )

    def _run(self, sent: dict[str, Any]) -> Steps[Execution]:
        run = yield from API.run_workflow.describe(
            self._client, self.name, sent, instance=self.instance, timeout=self._timeout
        )
        return (yield from explained(self._client, run))

    def _rows(self, rows: Any, rename: Mapping[str, str] | None) -> Iterator[dict[str, Any]]:
        listed: Iterable[Any] = rows_of(rows) if is_frame(rows) else map(as_mapping, rows)
        for n, row in enumerate(listed):
            if not isinstance(row, Mapping):
                raise ConfigError(
                    f"A row of {self.name} is a dict of its arguments, not {type(row).__name__}.",
                    next_action=f"Give dicts, such as {_example(self._offer.inputs)}, or a data frame.",
                    code="payload-invalid",
                )
            members = {(rename or {}).get(name, name): value for name, value in row.items()}
            try:
                made = self.payload(members)
            except ConfigError as error:
                error.message = f"Row {n}: {error.message}"
                raise
            except TypeError as error:
                raise call_error(f"Row {n}: {error}") from None
            yield made

    def _found(self, rows: Any, rename: Mapping[str, str] | None) -> Iterable[dict[str, Any]]:
        """The payloads: all of them, where they end, so that what fails can be run once more."""
        found = self._rows(rows, rename)
        return list(found) if isinstance(rows, Sized) else found

    def _bundle(self) -> Bundle:
        takes = [_told(field) for field in fields(self._offer.inputs)]
        gives = [f"{plain(field.key)} ({plain(field.type)})" for field in fields(self._offer.outputs)]
        rows: list[tuple[str, str | Shown]] = [
            ("Takes", ", ".join(takes) or "anything: it says nothing about its input"),
            ("Gives", ", ".join(gives)),
            ("Call", code(self._way + self._call)),
            ("Instance", code(self.instance)),
            ("Environment", known_here(self.instance).environment),
        ]
        return card(self.name, rows, about=self.about)

    def __str__(self) -> str:
        return self._call  # `?` shows this, and cuts what is long

    def __repr__(self) -> str:
        return self._bundle()["text/plain"]

    def _repr_html_(self) -> str:
        return self._bundle()["text/html"]


class Workflow(AnyWorkflow):
    """A deployed workflow as a Python function: call it with its input as keywords, and get its result.

    Made by `Client.workflow`. Arguments are checked before anything is sent.

    Example:
        >>> greet = client.workflow("greet")
        >>> greet(name="Ada", language="fr")["greeting"]
        'Bonjour, Ada !'
    """

    _client: Client

    def __call__(self, /, *unnamed: Any, **members: Any) -> Any:
        """Run it, wait until it has ended, and return its result.

        Raises:
            TypeError: an argument has no name, is misspelt, or missing.
            ConfigError: a value does not fit; nothing was sent.
            ExecutionFailedError: the run has failed.
        """
        run: Execution = self._client.perform(self._run(self._named(unnamed, members)))
        return run.result

    def start(self, /, *unnamed: Any, **members: Any) -> Triggered:
        """Start a run and return it at once; ``client.wait_for(run)`` waits for its end.

        Example:
            >>> run = client.workflow("greet").start(name="Ada")
            >>> client.wait_for(run).result["greeting"]
            'Hello, Ada!'
        """
        return self._client.trigger_workflow(self.name, self._named(unnamed, members), instance=self.instance)

    def map(
        self,
        rows: Iterable[Mapping[str, Any]] | DataFrame,
        *,
        rename: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Runs:
        """Run it once for each row, several at a time; returns what has become of each, in order.

        All rows are checked before the first one runs (those of an iterator when it is their turn). Where
        some may be wrong, `Client.run_many` keeps what is refused with its row.

        Args:
            rows: dicts, or a pandas data frame, whose columns are the arguments.
            rename: column → argument, where the names differ.
            options: ``concurrency``, ``timeout``, ``progress`` and ``resume`` of `Client.run_many`.

        Example:
            >>> runs = client.workflow("greet").map([{"who": "Ada"}], rename={"who": "name"})
            >>> runs[0].result["greeting"]
            'Hello, Ada!'
        """
        found = self._found(rows, rename)
        return self._client.run_many(self.name, found, instance=self.instance, **options)


class AsyncWorkflow(AnyWorkflow):
    """A deployed workflow as a function that is awaited; else as `Workflow`.

    Made by `AsyncClient.workflow`. Arguments are checked before anything is sent.

    Example:
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         greet = await client.workflow("greet")
        ...         return await greet(name="Ada", language="fr")
        >>> asyncio.run(main())["greeting"]
        'Bonjour, Ada !'
    """

    _client: AsyncClient
    _way = "await "

    async def __call__(self, /, *unnamed: Any, **members: Any) -> Any:
        """Run it, wait until it has ended, and return its result.

        Raises:
            TypeError: an argument has no name, is misspelt, or missing.
            ConfigError: a value does not fit; nothing was sent.
            ExecutionFailedError: the run has failed.
        """
        run: Execution = await self._client.perform(self._run(self._named(unnamed, members)))
        return run.result

    async def start(self, /, *unnamed: Any, **members: Any) -> Triggered:
        """As in `Workflow`."""
        return await self._client.trigger_workflow(
            self.name, self._named(unnamed, members), instance=self.instance
        )

    async def map(
        self,
        rows: Iterable[Mapping[str, Any]] | DataFrame,
        *,
        rename: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Runs:
        """As in `Workflow`."""
        found = self._found(rows, rename)
        return await self._client.run_many(self.name, found, instance=self.instance, **options)


Function = TypeVar("Function", Workflow, AsyncWorkflow)


class Workflows(Mapping[str, Function], Generic[Function]):
    """Workflows by name: ``flows["greet"]``, or ``flows.greet``."""

    def __init__(self, functions: Iterable[Function], unclear: Sequence[str] = ()) -> None:
        self._functions: dict[str, Function] = {each.name: each for each in functions}
        self._unclear = unclear

    def __getitem__(self, name: str) -> Function:
        return self._functions[name]

    def __getattr__(self, name: str) -> Function:
        if name in vars(self).get("_functions", ()):
            return self._functions[name]
        raise AttributeError(f"There is no workflow {name!r}; there is: {', '.join(self._functions)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self._functions if name.isidentifier())})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._functions)

    def model_dump(self, **options: Any) -> list[dict[str, Any]]:
        """The same as plain data, fit for JSON."""
        return [each.model_dump(**options) for each in self.values()]

    def __repr__(self) -> str:
        told = [f"{each.name}{_short(each.__signature__)}  {each.about}" for each in self.values()]
        if len(where := {each.instance for each in self.values()}) == 1:
            told.append(f"Of instance {min(where)}; client.workflows(instance=…) has another's.")
        if self._unclear:
            names = ", ".join(map(plain, self._unclear))
            told.append(f"In several instances, so that one has to be named (instance=…): {names}.")
        return "\n".join(told)


def described(
    api: API, named: str | None, instance: str | None, *, skills: bool = True
) -> Steps[list[tuple[Offer, str, str]]]:
    """What there is to know of a workflow, or of all that can be started; each with instance and words.

    The words are those of the use case's `skills`, which take a request of their own, or of its triggers.

    Raises:
        ConfigError: there is no such workflow, or the key may not read what workflows take.
        NotFoundError: there is no such instance.
    """
    if api.public:
        raise ConfigError(
            "An instance key (ck_…) cannot read what workflows take.",
            next_action="Use run_workflow with it, or an organization's key here.",
        )
    named = None if named is None else arguments.name(named, "A workflow")
    there = yield from which_instance(api, instance, named)
    known = yield from API.get_instance.describe(api, there, workflows=True)
    offers = choose(offers_at(known, named), named)
    words = (yield from _words(api, there)) if skills else {}
    return [(offer, there, words.get(name, "")) for name, offer in offers.items()]


def all_described(api: API, instance: str | None) -> Steps[tuple[list[tuple[Offer, str, str]], list[str]]]:
    """The same of all workflows of the instance that is meant, or of each one that may be.

    Beside it, the names that several of these have, of which none is meant.
    """
    try:
        return (yield from described(api, None, instance, skills=False)), []
    except ConfigError as error:
        if not (several := error.details.get("instances")):
            raise
    found: list[tuple[Offer, str, str]] = []
    for each in several:
        known = yield from API.get_instance.describe(api, each, workflows=True)
        found += [(offer, each, "") for offer in offers_at(known, None).values() if offer.http]
    names = [offer.workflow for offer, _, _ in found]
    unclear = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    return [each for each in found if each[0].workflow not in unclear], unclear


def _words(api: API, instance: str) -> Steps[dict[str, str]]:
    try:
        found = yield from API.get_skills.describe(api, instance)
    except CodikaError:
        return {}  # a key may lack the scope; what the workflow takes is known all the same
    return {skill.workflow_template_id or skill.name: skill.description or "" for skill in found}


def _documentation(offer: Offer, about: str) -> str:
    arguments = [f"    {plain(field.key)}: {plain(_described(field), 500)}" for field in fields(offer.inputs)]
    first = plain(about or offer.description or offer.title, 500)
    return "\n".join([first, "", "Args:", *arguments] if arguments else [first])


def _described(field: Any) -> str:
    one_of = f"One of {choices(field)}" if getattr(field, "options", None) else ""
    inner = getattr(field, "schema_", None) or getattr(field, "item_schema", None) or ()
    members = [each.key if is_needed(each) else f"{each.key} (optional)" for each in fields(inner)]
    within = f"With {', '.join(members)}" if members else ""
    return ". ".join(filter(None, (field.label, field.description, one_of, within)))


def _example(schema: Schema) -> str:
    key = next((field.key for field in fields(schema)), "name")
    return f'{{"{plain(key)}": …}}'


def _told(field: Any) -> str:
    about = [plain(field.type)]
    about += [f"one of {choices(field)}"] if getattr(field, "options", None) else []
    about += [] if is_needed(field) else ["optional"]
    return f"{plain(field.key)} ({'; '.join(about)})"


def _short(found: inspect.Signature) -> str:
    every = found.parameters.values()
    told = [each for each in every if each.default is not None] or every
    names = [
        f"**{each.name}"
        if each.kind is each.VAR_KEYWORD
        else f"{each.name}=…"
        if each.default in (each.empty, None)
        else f"{each.name}={each.default!r}"
        for each in told
    ]
    return f"({', '.join(names)})"
