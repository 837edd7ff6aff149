"""Numbers, dates and sizes in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any


def number_text(value: Any, decimals: int | None = None) -> str:
    """A number for people: thousands set apart from five digits on, as few decimals as needed."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.12g}"
    if decimals is not None and abs(value) < 1e15:
        text = f"{value:,.{decimals}f}"
    return text.replace(",", "\u202f" if abs(value) >= 10_000 else "")


def date_text(day: date) -> str:
    """A date for people; the month in letters, so that no two countries read it differently."""
    return f"{day.day} {day:%B %Y}"


def size_text(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "kB", "MB"):
        if size < 999.5:  # what would be written as 1000 is one of the next
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"


def kinds_text(kinds: Iterable[str]) -> str:
    """Types of files for people: "PNG, JPEG or PDF"."""
    *others, last = [kind_text(kind) for kind in kinds] or [""]
    return f"{', '.join(others)} or {last}" if others else last


def kind_text(kind: str) -> str:
    group, _, name = kind.partition("/")
    if name == "*":
        return f"any {group}"
    return (
        _KINDS.get(kind) or (name or kind).removeprefix("x-").lstrip(".").upper() or "a file of unknown type"
    )


_KINDS = {
    "text/plain": "text",
    "image/svg+xml": "SVG",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "application/octet-stream": "any file",
}


def read_date(value: Any) -> date | None:
    """The day that an ISO text begins with; None if it is none."""
    if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T|$)", value):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None
