"""The API reference as HTML, made of the docstrings: ``python -m tests.reference`` writes it to ``docs/``."""

from __future__ import annotations

import sys
from functools import cached_property
from inspect import Signature
from pathlib import Path
from typing import Any, get_args

import pdoc
from pydantic_core import PydanticUndefined

import codika_nb
from codika_nb import Profile, ProfileStore, errors
from codika_nb.client.endpoint import endpoint
from codika_nb.client.steps import Exchange, Step

PAGES = ("codika_nb", "codika_nb.configuration", "codika_nb.errors", "codika_nb.models", "codika_nb.sandbox")


class Class(pdoc.doc.Class):
    """A class with all that it has of this package, wherever that is written."""

    @cached_property
    def bases(self) -> list[tuple[str, str, str]]:
        return [base for base in super().bases if any(base[1] in sys.modules[page].__all__ for page in PAGES)]

    @cached_property
    def _bases(self) -> tuple[type, ...]:
        found = super()._bases
        # The bases of a generic class come before the class itself there.
        return found if found[0] is self.obj else self.obj.__mro__

    @cached_property
    def own_members(self) -> list[pdoc.doc.Doc[Any]]:
        if self.qualname == "AsyncClient":
            return super().own_members  # the others are shown, with their examples, for `Client`
        return [each for each in self.members.values() if each.taken_from[0].split(".")[0] == "codika_nb"]


class Function(pdoc.doc.Function):
    """A function as it is called: an endpoint describes an exchange, and returns what comes of it."""

    def __init__(self, modulename: str, qualname: str, func: Any, taken_from: tuple[str, str]) -> None:
        self.is_endpoint = isinstance(func, endpoint)
        super().__init__(modulename, qualname, func.describe if self.is_endpoint else func, taken_from)

    @cached_property
    def decorators(self) -> list[str]:
        return [] if self.is_endpoint else super().decorators

    @cached_property
    def signature(self) -> Signature:
        described = super().signature
        arguments = get_args(described.return_annotation)
        if self.is_endpoint:
            return described.replace(return_annotation=arguments[-1])
        if arguments[:1] == (Step,):  # what it is made of is no caller's business, who gives it to a client
            return described.replace(return_annotation=Exchange[arguments[-1]])  # type: ignore[valid-type]
        return described


class Variable(pdoc.doc.Variable):
    """A member, of which pydantic says that it has to be given by saying nothing."""

    @cached_property
    def default_value_str(self) -> str:
        return "" if self.default_value is PydanticUndefined else super().default_value_str


def write(folder: Path) -> None:
    """Write one page for each module that people import from; needs no network, nor do the pages."""
    pdoc.doc.Class, pdoc.doc.Function, pdoc.doc.Variable = Class, Function, Variable  # type: ignore[misc]
    # pdoc shows only what has been imported already; what people look for first is not the errors.
    for name in codika_nb.__all__:
        getattr(codika_nb, name)
    codika_nb.__all__.sort(key=errors.__all__.__contains__)
    # It looks names up in the class first, where this one is the method itself.
    ProfileStore.list.__annotations__["return"] = list[Profile]
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(*PAGES, output_directory=folder)


if __name__ == "__main__":
    folder = Path(*sys.argv[1:] or ["docs"])
    write(folder)
    print(folder / "index.html")
