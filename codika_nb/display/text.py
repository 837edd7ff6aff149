"""Text from elsewhere, fit to be shown: without secrets or control characters, and not too long."""

from __future__ import annotations

import json
import re
from typing import Any

#: Characters of one value on a card.
LONGEST = 2000

_SECRETS = re.compile(
    r"(?P<parameter>\bapi_key=)[^&\s\"'\\]+|(?<![A-Za-z0-9])(?P<shown>c(?:k|ko|kp|ka)_[\w-]{4}|whsec_)[\w+/=-]{2,}",
    re.ASCII,
)


def redact(text: str) -> str:
    """Mask whatever looks like a key or a webhook secret, in text of any length."""
    return _SECRETS.sub(lambda found: f"{found['parameter'] or found['shown']}...", text)


def readable(text: str, longest: int = LONGEST) -> str:
    """Text that others wrote, in its own lines: no keys, no control characters, no more than a screenful."""
    # Looked at a little further than it is shown: a key that is cut would not be known as one.
    visible = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text[: 2 * longest])
    shown = redact(visible)
    return shown if len(text) <= longest else f"{shown[:longest]}…"


def plain(text: str | None, longest: int = 80) -> str:
    """The same on one line; "unnamed" if there is none."""
    visible = " ".join(readable(text or "unnamed", 2 * longest + LONGEST).split())
    return visible if len(visible) <= longest else f"{visible[: longest - 1]}…"


def json_text(value: Any) -> str:
    """A JSON document the way the codika tool prints it."""
    return json.dumps(value, indent=2, ensure_ascii=False)
