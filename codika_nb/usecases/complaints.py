"""What is wrong with a configuration, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..errors import UseCaseError
from .configuration import Configuration


def validated(given: object, name: str) -> Configuration:
    """A configuration, checked.

    Raises:
        UseCaseError: names the members that are wrong, as the person's file has them.
    """
    try:
        return Configuration.read(given)
    except ValidationError as error:
        again = f"Correct {name}, and try again." if "." in name else f"Correct the {name}."
        refused = UseCaseError(problems(name, error, given), next_action=again)
        refused.problems = [
            (name, f"{location(e['loc'], given)}: {complaint(e)}") for e in error.errors(include_url=False)
        ]
        raise refused from error


def problems(place: str, error: ValidationError, given: object, most: int = 5) -> str:
    """What pydantic has to say, in one line, with each member named as in the person's file."""
    found = [f"{location(e['loc'], given)}: {complaint(e)}" for e in error.errors(include_url=False)]
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return f"{place}: {'; '.join(found[:most])}{more}"


def location(place: tuple[int | str, ...], given: object) -> str:
    """``workflows[0].triggers[0].url``: as pydantic says it, but for the kinds it passes through."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        elif isinstance(given, Mapping) and given.get("type") == part and part not in given:
            continue  # which of several kinds this object is; not a member of it
        else:
            text += f".{part}" if text else part
        try:
            given = given[part]  # type: ignore[index]  # whatever cannot be indexed ends the comparison
        except (TypeError, KeyError, IndexError):
            given = None
    return text or "(the whole)"


#: What kinds of fields are called elsewhere.
_CALLED = {"integer": "number", "int": "number", "float": "number", "bool": "boolean", "str": "string"}
_CALLED |= {
    "checkbox": "boolean",
    "datetime": "date",
    "textarea": "text",
    "dropdown": "select",
    "list": "array",
}


def complaint(error: Mapping[str, Any]) -> str:
    """What is wrong, in pydantic's words where they help."""
    context = error.get("ctx", {})
    if error["type"] == "union_tag_invalid":
        kinds = str(context["expected_tags"]).replace("'", "")
        meant = _CALLED.get(str(context["tag"]).lower(), "")
        hint = f'. Did you mean "{meant}"?' if meant in kinds.split(", ") else ""
        return f'type "{context["tag"]}" is none of {kinds}{hint}'
    if error["type"] == "union_tag_not_found":
        return "type: Field required"
    return str(error["msg"]).removeprefix("Value error, ")
