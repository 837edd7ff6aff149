"""Secrets in a text: found, taken out, and masked wherever something is said or shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

# A key is 48 random bytes in URL-safe base64: 64 characters after its prefix. A webhook secret is 24 bytes or
# more in base64. Both are words of their own: `track_customer` and `slack_message` are none, and neither is
# a name that merely begins like one. What is no part of a word before it, although it ends in a letter or
# "_", are escapes (of JSON and Python, of addresses, of colours), the name of an error (BAD_…), and Markdown.
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
