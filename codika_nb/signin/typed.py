"""What people type and paste: codes, addresses, keys."""

from __future__ import annotations

import re
import unicodedata


def organization_key(text: str) -> str | None:
    """The key in what somebody pasted, or None if it is none of an organization."""
    key = text.strip()
    return key if re.fullmatch(r"ck[oap]_[A-Za-z0-9_-]+", key) else None


def six_digits(text: str) -> str | None:
    """The six-digit code in what somebody typed or pasted, or None: ``123 456`` → ``123456``."""
    # Whatever script the digits are in.
    text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in visible(text))
    found: list[tuple[str, str]] = re.findall(r"(?<!\d)(\d{3})[\s\u00a0.-]?(\d{3})(?!\d)", text, re.ASCII)
    codes = {first + second for first, second in found}
    if len(codes) == 1:
        return codes.pop()
    squeezed = re.sub(r"[\s-]", "", text)
    return squeezed if re.fullmatch(r"[0-9]{6}", squeezed) else None


def visible(text: str) -> str:
    """A text without what nobody sees, as copying brings it along: joiners, marks of direction."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def address(text: str) -> str:
    """The address in what somebody gave; empty where that is no text, such as a variable that is not set."""
    return visible(text).strip() if isinstance(text, str) else ""


def looks_like_an_address(text: str) -> bool:
    """Whether a mail could go there at all; the platform has the last word."""
    return re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text) is not None
