"""Versions X.Y of what a project has deployed: which comes next, and what is at one."""

from __future__ import annotations

import re
import sqlite3
from typing import Literal

from ..store import Store
from ..wire import Members, Refusal

__all__ = ["at_version", "next_version", "version_of"]

_STRATEGIES = ("major_bump", "minor_bump", "explicit")

Table = Literal["deployments", "ingestions"]


def version_of(row: sqlite3.Row) -> str:
    """The version of a deployment or an ingestion."""
    return f"{row['major']}.{row['minor']}"


def at_version(store: Store, table: Table, project_id: str, version: str | None = None) -> sqlite3.Row | None:
    """What a project has at a version, or at its highest one."""
    wanted = dict(zip(("major", "minor"), _parse_version(version), strict=True)) if version else {}
    found = store.select(table, "*", "major DESC, minor DESC", 1, project_id=project_id, **wanted)
    return found[0] if found else None


def next_version(store: Store, table: Table, project_id: str, body: Members) -> tuple[int, int]:
    """The version that a call asks for, by a strategy or by its number."""
    strategy = body.choice("versionStrategy", _STRATEGIES, default="minor_bump")
    if strategy == "explicit":
        major, minor = _parse_version(body.text("explicitVersion"))
        if at_version(store, table, project_id, f"{major}.{minor}"):
            raise _bad_version(f"Version {major}.{minor} has been deployed already.")
        return major, minor
    if "explicitVersion" in body:
        raise _bad_version('"explicitVersion" goes with the version strategy "explicit" only.')
    last = at_version(store, table, project_id)
    if last is None:
        return 1, 0
    if strategy == "major_bump":
        return last["major"] + 1, 0
    return last["major"], last["minor"] + 1


def _parse_version(text: str) -> tuple[int, int]:
    if not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}", text):
        raise _bad_version(f"{text!r} is not a version of the form X.Y.")
    major, minor = text.split(".")
    return int(major), int(minor)


def _bad_version(message: str) -> Refusal:
    return Refusal("INVALID_VERSION", message, details={"field": "explicitVersion", "reason": message})
