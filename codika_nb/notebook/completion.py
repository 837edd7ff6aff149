"""Completing the options of our magics, and values that this machine knows by itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion

from ..client.offers import Offer, offers_here
from ..errors import ConfigError
from ..models.instances import ENVIRONMENTS
from ..profiles import ProfileStore
from ..usecases.fields import fields
from .extension import CALL
from .magic import Magic

Find = Callable[[str], Magic]


def complete(context: CompletionContext, magics: Mapping[str, Any], magic_of: Find) -> dict[str, Any]:
    """What may stand where the cursor is.

    Args:
        context: the cursor, and the text before it.
        magics: the names that there are.
        magic_of: finds the magic of a name.
    """
    line = context.text_until_cursor.rpartition("\n")[2]
    if call := CALL.search(line):
        return _matching(call[1], list(offers_here()))
    found = re.search(r"%(codika_\w+)((?:\s+\S+)*)\s+(\S*)$", line)
    if not found or found[1] not in magics:
        return _matching("", [])
    before, fragment = found[2].split(), found[3]
    actions = magic_of(found[1]).parser._actions
    with_value = {name for each in actions if each.nargs != 0 for name in each.option_strings}
    if fragment.startswith("-"):
        names = [name for each in actions for name in each.option_strings]
    elif found[1] in _OF_PATHS and not with_value.intersection(before[-1:]):
        names = _paths(fragment, files=found[1] == "codika_import")
    else:
        names = _known_values(found[1], before, fragment)
    return _matching(fragment, names)


def _matching(fragment: str, names: Iterable[str]) -> dict[str, Any]:
    completions = [SimpleCompletion(name, type="codika") for name in names if name.startswith(fragment)]
    return {
        "completions": completions,
        # Where we know nothing (a payload) IPython's own completions are the better ones.
        "suppress": bool(completions),
        "matched_fragment": fragment,
    }


#: The magics that are about folders and files.
_OF_PATHS = ("codika_deploy", "codika_import")


def _paths(begun: str, *, files: bool) -> list[str]:
    """The folders that a path may go on with, and the JSON files where `files`."""
    folder = begun[: begun.rfind("/") + 1]
    with suppress(OSError, ValueError):
        there = sorted(Path(folder or ".").expanduser().iterdir())
        wanted = [each for each in there if each.is_dir() or (files and each.suffix == ".json")]
        shown = [
            f"{folder}{each.name}{'/' if each.is_dir() else ''}" for each in wanted if each.name[0] != "."
        ]
        return [each for each in shown if shlex.quote(each) == each or each[0] == "~"]
    return []


def _known_values(magic: str, before: list[str], fragment: str) -> list[str]:
    previous = before[-1] if before else ""
    try:
        profiles = ProfileStore().list()
    except ConfigError:
        profiles = []
    named = [profile.name for profile in profiles if profile.name]
    of_options = {
        "--name": named,
        "--organization-id": [profile.organization_id for profile in profiles if profile.organization_id],
        "--base-url": sorted({profile.host for profile in profiles}),
        "--instance": [*ENVIRONMENTS],
    }
    if previous in of_options:
        return of_options[previous]
    if magic in ("codika_use", "codika_logout") and not previous:
        return named
    if magic in ("codika_trigger", "codika_executions", "codika_playground") and not previous:
        return list(offers_here())
    if magic == "codika_trigger" and (offer := offers_here().get(before[0])):
        return _members(offer, before, fragment)
    return []


def _members(offer: Offer, before: list[str], fragment: str) -> list[str]:
    """The members of a payload that may follow, or the values of the one that has been begun."""
    given = {word.partition("=")[0] for word in before}
    key, sign, _ = fragment.partition("=")
    listed = [each for each in fields(offer.inputs) if each.key not in given]
    if not sign:
        return [f"{field.key}=" for field in listed]
    values = [value for field in listed if field.key == key for value in _values(field)]
    return [f"{key}={value}" for value in values if shlex.quote(value) == value]


def _values(field: Any) -> list[str]:
    """The values of a field that has but some."""
    if field.type == "boolean":
        return ["true", "false"]
    return [option.value for option in getattr(field, "options", ()) or ()]
