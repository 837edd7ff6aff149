"""Text from elsewhere, fit to be shown: without secrets or control characters, and not too long."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ..redaction import cut, redact

#: Characters of one value on a card.
LONGEST = 2000


def readable(text: str, longest: int = LONGEST) -> str:
    """Text that others wrote, in its own lines: no keys, no control characters, no more than a screenful."""
    # Looked at a little further than it is shown, as it becomes shorter without its keys.
    shown = redact(cut(text, 2 * longest))
    shown = "".join(c if c.isprintable() or c in "\n\t" else " " for c in shown)
    return shown if len(text) <= longest else f"{shown[:longest]}…"


def plain(text: str | None, longest: int = 80) -> str:
    """The same on one line; "unnamed" if there is none."""
    visible = " ".join(readable(text or "unnamed", 2 * longest + LONGEST).split())
    return visible if len(visible) <= longest else f"{visible[: longest - 1]}…"


def json_text(value: Any) -> str:
    """A JSON document the way the codika tool prints it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def moment_text(when: datetime) -> str:
    """A moment with its zone, as everywhere: "2026-11-27 04:13:03 UTC"."""
    return f"{_zoned(when).replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


def ago(when: datetime, now: datetime | None = None) -> str:
    """How long ago a moment was, as people say it; the day, where that is more than a month."""
    seconds = (_zoned(now or datetime.now(UTC)) - _zoned(when)).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    if abs(seconds) > 31 * 86_400:
        return _zoned(when).date().isoformat()
    units = ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s"))
    size, unit = next(each for each in units if abs(seconds) >= each[0])
    count = int(abs(seconds) // size)
    said = "1 day" if (count, unit) == (1, "days") else f"{count} {unit}"
    return f"{said} ago" if seconds > 0 else f"in {said}"


def duration_text(milliseconds: float) -> str:
    """How long something took: "682 ms", "4.2 s", "3 min 5 s", "2 h 4 min"."""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def _zoned(when: datetime) -> datetime:
    """The moment in UTC, which is what a server means where it names no zone."""
    try:
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except OverflowError:  # the first or the last day that there is, as "for ever" is written
        return when.replace(tzinfo=UTC)
