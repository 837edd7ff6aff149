"""How a method that describes an exchange becomes one that performs it, at once or when awaited."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Coroutine, Iterable
from difflib import get_close_matches
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from ..errors import CodikaError, call_error
from .steps import Exchange

P = ParamSpec("P")

T = TypeVar("T")


class Performer:
    """Performs what its endpoints describe before they return."""

    def perform(self, exchange: Exchange[T]) -> T:
        """Do what `exchange` describes, and return its result."""
        raise NotImplementedError

    def carry_out(self, describe: _Described[Exchange[T]]) -> T:
        """What an endpoint does when it is called."""
        try:
            return self.perform(describe())
        except CodikaError as error:
            error.__traceback__ = None  # of what was to be expected, a reader needs the call alone
            raise
        except TypeError:
            if misfit := describe.misfit():
                raise misfit from None
            raise


class AsyncPerformer:
    """Performs what its endpoints describe when they are awaited."""

    async def perform(self, exchange: Exchange[T]) -> T:
        """Do what `exchange` describes, and return its result."""
        raise NotImplementedError

    async def carry_out(self, describe: _Described[Exchange[T]]) -> T:
        """What an endpoint does when it is called and awaited."""
        # Described only here: a wrong argument is an error of the awaited call, as in every coroutine.
        try:
            return await self.perform(describe())
        except CodikaError as error:
            error.__traceback__ = None
            raise
        except TypeError:
            if misfit := describe.misfit():
                raise misfit from None
            raise


class _Described(functools.partial[T]):
    """A call of a method that describes, to be made later; it shows none of its arguments."""

    __repr__ = object.__repr__

    def misfit(self) -> TypeError | None:
        """What is wrong with a call that has other arguments than it takes, and what may be meant."""
        takes = inspect.signature(self.func)
        try:
            takes.bind(*self.args, **self.keywords)
        except TypeError as misfit:
            named = [name for name in self.keywords if name not in takes.parameters]
            near = [nearest for name in named for nearest in _like(name, takes.parameters)]
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            return call_error(f"{self.func.__name__}() {misfit}.{hint}")
        return None


#: What the options of the magic that deploys are in Python.
_OF_THE_MAGIC = {
    "publish": "publish_use_case(deployed), afterwards",
    "dry_run": "UseCase.load(folder).verify()",
}


def _like(name: str, names: Iterable[str]) -> list[str]:
    if name in ("env", "environment") and "instance" in names and "environment" not in names:
        return ["instance='dev' or instance='prod'"]
    if name in _OF_THE_MAGIC and "create_project" in names:
        return [_OF_THE_MAGIC[name]]
    begun = [each for each in names if each.startswith(name) or name.startswith(each)]
    near = begun[:1] or get_close_matches(name, names, n=1)
    return near or ([f"payload={{{name!r}: …}}"] if "payload" in names else [])


class endpoint(Generic[P, T]):  # noqa: N801 - used as a decorator
    """Makes a method that describes an exchange into one that is performed where it is called.

    On a class that performs nothing itself the method still only describes.
    """

    def __init__(self, describe: Callable[Concatenate[Any, P], Exchange[T]]) -> None:
        self.describe = describe
        # Python says of a wrong argument whose it is: of the method, not of the class that it is kept in.
        describe.__qualname__ = describe.__name__

        # Under the name, signature and text of what it stands for: completion and `?` show them.
        @functools.wraps(describe)
        def method(api: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
            described = _Described(describe, api, *args, **kwargs)
            # Codes and secrets are passed here, and some tracebacks show the variables of every frame.
            del args, kwargs
            if isinstance(api, Performer):
                return api.carry_out(described)
            if isinstance(api, AsyncPerformer):
                awaited: Any = api.carry_out(described)
                awaited.__qualname__ = describe.__name__  # as Python calls it where nobody awaits it
                return awaited
            return described()

        # What it gives is the outcome of the exchange: `-> Deployment`, not `-> Steps[Deployment]`.
        described = inspect.signature(describe)
        outcome = re.fullmatch(r"\w+\[(.+)\]", str(described.return_annotation))
        method.__signature__ = described.replace(  # type: ignore[attr-defined]
            return_annotation=outcome[1] if outcome else described.return_annotation
        )
        method.describe = describe  # type: ignore[attr-defined]
        self._method = method

    if TYPE_CHECKING:

        def __call__(self, api: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
            """``Client.verify_key(client)``, as with any method."""

    @overload
    def __get__(self, api: None, owner: object) -> endpoint[P, T]: ...
    @overload
    def __get__(self, api: Performer, owner: object) -> Callable[P, T]: ...
    @overload
    # With Any in the place of object, mypy loses T in asyncio.gather().
    def __get__(self, api: AsyncPerformer, owner: object) -> Callable[P, Coroutine[object, object, T]]: ...
    @overload
    def __get__(self, api: object, owner: object) -> Callable[P, Exchange[T]]: ...
    def __get__(self, api: object, owner: object) -> Any:
        # By way of the class it is a function, as any method is; `describe` is what its exchange comes from.
        return self._method if api is None else MethodType(self._method, api)
