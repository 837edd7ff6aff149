"""Text from elsewhere, fit to be shown: without secrets or control characters, and not too long."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

#: Characters of one value on a card.
LONGEST = 2000

# A key is 48 random bytes in URL-safe base64: 64 characters after its prefix. A webhook secret is 24 bytes or
# more in base64. Both are words of their own: `track_customer` and `slack_message` are none, and neither is a
# name that merely begins like one. What is no part of a word before it, although it ends in a letter or "_", are
# escapes (of JSON and Python, of addresses, of colours), the name of an error (BAD_…) and Markdown.
_SECRETS = re.compile(
    r"(?P<before>(?<![A-Za-z0-9_])_{0,3}|(?<=[A-Z0-9]_)"
    r"|\\[abfnrtv]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]*m)"
    r"(?P<secret>(?P<shown>ck[oap]?_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{60,}|(?P<prefix>whsec_)[A-Za-z0-9+/]{32,}={0,2})"
)
# Whatever an address gives as its key: some have other shapes. An object in a repr is none.
_PARAMETERS = re.compile(r"(\bapi_key=)(?!\w+\()[^&\s\"'\\]+", re.ASCII)
# The beginning of a secret at the end of a text that has been cut.
_BEGUN = re.compile(r"(?:ck[oap]?_[A-Za-z0-9_-]*|whsec_[A-Za-z0-9+/]*)\Z")
_LONGEST_BEGUN = 100


def secrets_in(text: str) -> list[str]:
    """The keys and webhook secrets in a text, each a word of its own with a key's length and characters."""
    if not _may_have(text):
        return []
    return [found["secret"] for found in _SECRETS.finditer(text)]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with these secrets taken out, where they are words of their own; nothing else changes."""
    taken = set(secrets)
    return _replaced(text, lambda found: "***" if found["secret"] in taken else found["secret"])


def redact(text: str) -> str:
    """Mask keys, webhook secrets, and what an address gives as its key, in text of any length."""
    shown = _replaced(text, lambda found: f"{found['shown'] or found['prefix']}...")
    return _PARAMETERS.sub(r"\1...", shown) if "api_key=" in shown else shown


def _replaced(text: str, by: Callable[[re.Match[str]], str]) -> str:
    if not _may_have(text):
        return text
    return _SECRETS.sub(lambda found: f"{found['before']}{by(found)}", text)


def _may_have(text: str) -> bool:
    # Most texts have none, and are not to be looked through letter by letter.
    return any(prefix in text for prefix in ("ck_", "cko_", "ckp_", "cka_", "whsec_"))


def cut(text: str, longest: int) -> str:
    """The beginning of a text, which does not end within a secret: half of one would not be known as one."""
    if len(text) <= longest:
        return text
    begun = _BEGUN.search(text, max(longest - _LONGEST_BEGUN, 0), longest)
    return text[: begun.start() if begun else longest]


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
