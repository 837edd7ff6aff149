"""What the platform allows and remembers, a subject a module; none of it knows the HTTP server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..store import Store

__all__ = ["Subject"]


@dataclass(frozen=True)
class Subject:
    """What the rules about one subject work with; those that it asks beside are members of its own."""

    store: Store
    now: Callable[[], float]
