"""How versions count up: the platform's ``X.Y``, and the folder's ``X.Y.Z``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from ..errors import ConfigError


class VersionRule(NamedTuple):
    """How a deployment counts up: on the platform (``X.Y``) and in the folder (``X.Y.Z``)."""

    strategy: Literal["minor_bump", "major_bump", "explicit"]
    explicit_version: str | None
    bump: Literal["patch", "minor", "major"]

    def on_platform(self, known: Iterable[str]) -> str:
        """What becomes of the platform's version, as far as those are `known` that there have been."""
        if self.strategy == "explicit":
            return str(self.explicit_version)
        readable = (re.fullmatch(r"(\d{1,9})\.(\d{1,9})", each, re.ASCII) for each in known)
        parts = [(int(found[1]), int(found[2])) for found in readable if found]
        if not parts:
            return f"the next {'minor' if self.strategy == 'minor_bump' else 'major'} version"
        major, minor = max(parts)
        raised = f"{major}.{minor + 1}" if self.strategy == "minor_bump" else f"{major + 1}.0"
        return f"{major}.{minor} → {raised}"


def version_rule(choice: str = "patch") -> VersionRule:
    """What to send and what to raise for a choice of version, as codika 3.6.0 does it.

    Args:
        choice: ``patch``, ``minor``, ``major``, or the platform's version itself, ``X.Y``.

    Raises:
        ConfigError: none of these.
    """
    if choice == "patch":
        return VersionRule("minor_bump", None, "patch")
    if choice == "minor":
        return VersionRule("minor_bump", None, "minor")
    if choice == "major":
        return VersionRule("major_bump", None, "major")
    check_target_version(choice)
    return VersionRule("explicit", choice, "patch")


def check_target_version(version: str) -> None:
    if not re.fullmatch(r"[0-9]+\.[0-9]+", version):
        raise ConfigError(
            f'"{version}" is no version.',
            next_action='Versions of a deployment have the form X.Y, as in "1.4".',
        )


def raised(version: str, bump: str) -> str:
    """The folder's next version ``X.Y.Z``; `bump` as in `VersionRule`."""
    major, minor, patch = map(int, version.split("."))
    versions = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }[bump]
    return ".".join(map(str, versions))
