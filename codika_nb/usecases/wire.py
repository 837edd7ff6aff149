"""How members are spelled in Python and on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

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


_SIMPLE = (str, int, float, bool)


def _is_same(written: Any, value: Any) -> bool:
    numbers = all(type(each) in (int, float) for each in (written, value))
    return type(value) not in _SIMPLE or (written == value if numbers else type(written) is type(value))


class Model(BaseModel):
    """A part of the configuration; unknown members are kept."""

    model_config = ConfigDict(alias_generator=wire_name, populate_by_name=True, extra="allow")

    # Members that may be null on the wire; in all others, null is the same as absent.
    _nullable: ClassVar[tuple[str, ...]] = ()

    # Whether a value of another kind, such as "3" for a number, is sent as it was written.
    _as_written: ClassVar[bool] = True

    # By name: what is used here in the place of what was written, and that.
    _written: dict[str, tuple[Any, Any]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(given)
        if cls._as_written and isinstance(given, dict):
            for name in made.model_fields_set & type(made).model_fields.keys():
                written = given.get(wire_name(name))
                if type(written) in _SIMPLE and not _is_same(written, value := getattr(made, name)):
                    made._written[name] = value, written
        return made

    def as_written(self) -> Iterator[tuple[str, Any]]:
        """Where it was written with values of another kind, and which: they are sent like that."""
        for name, value in self:
            place = wire_name(name)
            if name in self._written:
                yield place, self._written[name][1]
            for at, part in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(part, Model):
                    inner = place if at is None else f"{place}[{at}]"
                    yield from ((f"{inner}.{where}", written) for where, written in part.as_written())

    @model_serializer(mode="wrap")
    def _with_nulls(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        members: dict[str, Any] = serialize(self)
        if not isinstance(self, Model):  # Python code can put anything in place of a checked value
            return members
        given = {name: getattr(self, name) for name in self._nullable if name in self.model_fields_set}
        for name, (value, written) in self._written.items():
            if wire_name(name) in members and getattr(self, name) == value:  # nobody has changed it since
                members[wire_name(name)] = written
        nulls = [name for name, value in (given | (self.model_extra or {})).items() if value is None]
        return members | dict.fromkeys(nulls)

    def to_json(self) -> dict[str, Any]:
        """As the platform expects it: its own spelling, absent members left out."""
        # No warnings: what Python code has put in place of a checked value is for `UseCase.verify` to say.
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
