"""How members are spelled in Python and on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from inspect import Parameter, Signature
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer
from pydantic.alias_generators import to_camel

from ..display.text import plain

#: Where something is in a JSON value: names of members, numbers of elements.
Place = tuple[str | int, ...]

# The wire names that are not simply the camel-cased field name.
_IRREGULAR_NAMES = {
    "schema_": "schema",
    "n8n_workflow_json_base64": "n8nWorkflowJsonBase64",
    "n8n_credential_type": "n8nCredentialType",
    "n8n_credential_mapping": "n8nCredentialMapping",
    "cost_estimation_for_llm_tokens": "costEstimationForLLMTokens",
}


def wire_name(field: str) -> str:
    return _IRREGULAR_NAMES.get(field) or to_camel(field)


class _InPython:
    """How a part is made in Python: by the names of its members, and not those on the wire; `?` shows it."""

    def __get__(self, instance: object, owner: type[BaseModel]) -> Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        written: dict[str, Any] = {}
        for each in reversed(owner.__mro__):
            written |= vars(each).get("__annotations__", {})
        members = owner.model_fields.items()
        defaults = {name: Parameter.empty if each.is_required() else each.default for name, each in members}
        kind = Parameter.KEYWORD_ONLY
        return Signature(
            [Parameter(name, kind, default=each, annotation=written[name]) for name, each in defaults.items()]
        )


class WithOthers(BaseModel):
    """Has members that are unknown here; what others call them is fit to be shown."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [(name and plain(name), value) for name, value in super().__repr_args__()]


class Model(WithOthers):
    """A part of the configuration; unknown members are kept."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.__signature__ = _InPython()  # type: ignore[assignment]

    model_config = ConfigDict(alias_generator=wire_name, populate_by_name=True, extra="allow")

    # Members that may be null on the wire; in all others, null is the same as absent.
    _nullable: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _with_nulls(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        members: dict[str, Any] = serialize(self)
        if not isinstance(self, Model):  # Python code can put anything in place of a checked value
            return members
        given = {name: getattr(self, name) for name in self._nullable if name in self.model_fields_set}
        nulls = [name for name, value in (given | (self.model_extra or {})).items() if value is None]
        return members | dict.fromkeys(nulls)

    def to_json(self) -> dict[str, Any]:
        """As the platform expects it: its own spelling, absent members left out."""
        # No warnings: what Python code has put in place of a checked value is for `UseCase.verify` to say.
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)


_SIMPLE = {str, int, float, bool}


def otherwise_written(given: object, sent: object, place: Place = ()) -> Iterator[tuple[Place, Any, Any]]:
    """Where a value was taken for one of another kind: what is used, and what was written."""
    if isinstance(given, dict) and isinstance(sent, dict):
        # The platform takes options as texts only, and what is chosen of them at first.
        for name in given.keys() & sent.keys() - (
            {"options", "defaultValue"} if "options" in given else set()
        ):
            yield from otherwise_written(given[name], sent[name], (*place, name))
    elif isinstance(given, list) and isinstance(sent, list):
        for n, (written, value) in enumerate(zip(given, sent, strict=False)):
            yield from otherwise_written(written, value, (*place, n))
    elif {type(given), type(sent)} <= _SIMPLE and not _is_same(given, sent):
        yield place, sent, given


def _is_same(written: object, value: object) -> bool:
    numbers = bool not in (type(written), type(value))
    return type(written) is type(value) or (numbers and written == value)  # 1.0 is 1, and True is not


def put_back(sent: Any, place: Place, value: Any, written: Any) -> None:
    """Put what was written in the place of what is used, unless that has been changed since."""
    *way, last = place
    with suppress(KeyError, IndexError, TypeError):
        for part in way:
            sent = sent[part]
        if sent[last] == value:
            sent[last] = written
