"""What is wrong with a configuration, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..errors import UseCaseError
from .configuration import Configuration

#: Mistakes that one line names.
_MOST_TOLD = 5


def validated(given: object, name: str) -> Configuration:
    """A configuration, checked.

    Raises:
        UseCaseError: names the members that are wrong, as the person's file has them.
    """
    try:
        return Configuration.read(given)
    except ValidationError as error:
        again = f"Correct {name}, and try again." if "." in name else f"Correct the {name}."
        if len(complaints(error, given)) > _MOST_TOLD:
            again += " %codika_deploy --dry-run shows all that is wrong, as the error's findings do."
        refused = UseCaseError(problems(name, error, given), next_action=again)
        refused.problems = [(name, f"{place}: {said}") for place, said in complaints(error, given)]
        raise refused from error


def problems(place: str, error: ValidationError, given: object, most: int = _MOST_TOLD) -> str:
    """What pydantic has to say, in one line, with each member named as in the person's file."""
    found = [f"{place}: {said}" for place, said in complaints(error, given)]
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return f"{place}: {'; '.join(found[:most])}{more}"


def complaints(error: ValidationError, given: object) -> list[tuple[str, str]]:
    """Where something is wrong, as in the person's file, and what: once for each place."""
    found: dict[str, str] = {}
    for each in error.errors(include_url=False):
        place, said = location(each["loc"], given), _complaint(each)
        before = found.get(place, "")
        # Of a member that may be of several kinds, each is complained of by itself.
        kind = said.removeprefix(_OF_KIND).partition(",")[0]
        several = before.startswith(_OF_KIND) and said.startswith(_OF_KIND)
        found[place] = f"{before.partition(',')[0]} or {kind}" if several else before or said
    return list(found.items())


_OF_KIND = "Input should be a valid "


def location(place: tuple[int | str, ...], given: object) -> str:
    """``workflows[0].triggers[0].url``: as pydantic says it, but for the kinds it passes through."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        elif isinstance(given, Mapping) and given.get("type") == part and part not in given:
            continue  # which of several kinds this object is; not a member of it
        elif part in _KINDS and not (isinstance(given, Mapping) and part in given):
            continue  # which of several kinds of value
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


#: What pydantic calls the kinds of values of which a member may have several.
_KINDS = ("int", "float", "str", "bool")


def _complaint(error: Mapping[str, Any]) -> str:
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
