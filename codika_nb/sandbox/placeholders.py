"""Placeholders in a workflow's texts: what they are called, and how their values are written in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

__all__ = ["Filled", "fill", "without_a_value"]

#: What a name begins with, and the same backwards, with which it ends (platform documentation, placeholders).
_SUFFIXES = {
    "PROCDATA": "ATADCORP",
    "USERDATA": "ATADRESU",
    "ORGSECRET": "TERCESORG",
    "MEMSECRT": "TRCESMEM",
    "SYSCREDS": "SDERCSYS",
    "ORGCRED": "DERCGRO",
    "USERCRED": "DERCRESU",
    "INSTCRED": "DERCTSNI",
    "FLEXCRED": "DERCXELF",
    "INSTPARM": "MRAPTSNI",
    "SUBWKFL": "LFKWBUS",
}
_PLACEHOLDER = re.compile(
    "|".join(rf"\{{\{{({prefix})_([\w-]+?)_{suffix}\}}\}}" for prefix, suffix in _SUFFIXES.items())
)


class Filled(NamedTuple):
    """A workflow with values in the place of its placeholders."""

    workflow: dict[str, Any]
    #: Placeholders without a value, such as ``INSTPARM_REGION``, in the order in which they come.
    missing: tuple[str, ...]


def fill(workflow: Mapping[str, Any], values: Mapping[str, Any]) -> Filled:
    """Write values in the place of the placeholders in all texts of a workflow; names of members stay.

    A deployment parameter is written as a JSON literal, as it stands in code and in expressions, and as
    itself where it is the whole text; everything else is written as text.

    Args:
        workflow: the engine's description.
        values: what there is, by prefix and name: ``{"INSTPARM_LIMIT": 5, "SUBWKFL_greet": "a1B2"}``.

    Example:
        >>> workflow = {"code": "return {{INSTPARM_LIMIT_MRAPTSNI}};", "id": "{{SUBWKFL_greet_LFKWBUS}}"}
        >>> fill(workflow, {"INSTPARM_LIMIT": 5})
        Filled(workflow={'code': 'return 5;', 'id': ''}, missing=('SUBWKFL_greet',))
    """
    missing: dict[str, None] = {}

    def value_of(match: re.Match[str]) -> Any:
        prefix, name = (group for group in match.groups() if group is not None)
        placeholder = f"{prefix}_{name}"
        if (value := values.get(placeholder)) is None:
            missing[placeholder] = None
            return ""
        return value

    def written(match: re.Match[str]) -> str:
        value = value_of(match)
        return _literal(value) if match[0].startswith("{{INSTPARM_") else str(value)

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        if not isinstance(value, str) or "{{" not in value:
            return value
        whole = _PLACEHOLDER.fullmatch(value)
        return value_of(whole) if whole else _PLACEHOLDER.sub(written, value)

    return Filled({name: filled(value) for name, value in workflow.items()}, tuple(missing))


def without_a_value(missing: Iterable[str]) -> str:
    """What is said about placeholders that nothing fills."""
    names = ", ".join(missing)
    more = " Integrations are connected by client.set_integration(…)." if "CRED_" in names else ""
    return f"Without a value: {names}.{more}"


def _literal(value: Any) -> str:
    """JSON that an expression can hold: two braces in a row would end it, and so would some characters."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', json.dumps(value))
    for index, part in enumerate(parts):
        if index % 2:
            parts[index] = part.replace("{", "\\u007b").replace("}", "\\u007d")
        else:
            parts[index] = part.replace("{", "{ ").replace("}", "} ")
    return "".join(parts).rstrip()
