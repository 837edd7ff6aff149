"""What callers give, checked where the platform would silently misread it, and put in its words."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

from ..errors import ConfigError


def given(**members: Any) -> dict[str, Any]:
    """The members that have a value: the others are not sent, as in the tool."""
    return {name: value for name, value in members.items() if value is not None}


def query(**members: str | bool | None) -> dict[str, str]:
    """A query string as the platform reads it: a flag is only there when it is true."""
    return {name: "true" if value is True else str(value) for name, value in members.items() if value}


def texts(several: Sequence[str] | None) -> list[str] | None:
    """A list of texts; a single one is no list of characters."""
    return [several] if isinstance(several, str) else None if several is None else list(several)


def limit(entries: int | None) -> str | None:
    """How many entries a list may have."""
    if entries is None:
        return None
    if not is_number(entries, 1, 100):
        raise ConfigError(
            f"A list has 1 to 100 entries, not {entries!r}.", next_action="Give a limit from 1 to 100."
        )
    return str(int(entries))


def days(lifetime: int | None) -> int | None:
    """How many days a key lasts; the tool sends anything, and gets a key that lasts for ever."""
    if lifetime is not None and not is_number(lifetime, 1, 365):
        raise ConfigError(
            f"A key can last 1 to 365 days, not {lifetime!r}.",
            code="INVALID_EXPIRES_IN_DAYS",
            next_action="Leave it out for a key that never expires.",
        )
    return None if lifetime is None else int(lifetime)


def seconds(duration: float | None) -> float:
    """A time to wait, None for any; refused here, because later the run would have been started."""
    if duration is None:
        return math.inf
    if not isinstance(duration, Real) or not duration >= 0:  # nor a number that is none
        raise ConfigError(
            f"Nobody can wait for {duration!r} seconds.", next_action="Give a time-out such as 120."
        )
    return float(duration)


def name(given: str, what: str) -> str:
    """What a thing is called, without the blanks of copying; no number, nor the thing itself."""
    if not isinstance(given, str) or not given.strip():
        kind = "an empty one" if isinstance(given, str) else type(given).__name__
        own = getattr(given, "name", None) if callable(given) else None  # a workflow as a function
        raise ConfigError(
            f"{what} is named by a text, not by {kind}.",
            next_action=f'Give its id, "{own}"; or call the function itself, and its map(…) with many rows.'
            if isinstance(own, str)
            else 'Give its id, such as "greet" for a workflow.',
        )
    return given.strip()


def project(project_id: str | None) -> str:
    """The project that is named; None is where it is not known."""
    if project_id is None:
        raise ConfigError("Which project is meant?", next_action="Say project_id=….")
    return project_id


def is_number(value: object, least: int, most: int) -> bool:
    """Whether this is a whole number within bounds, of Python's or of numpy's."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most


def version(wanted: str | None, form: Literal["X.Y", "X.Y.Z"]) -> str | None:
    """Which version is to be read; the platform answers one it cannot read with nothing at all."""
    parts = r"\.".join(["[0-9]+"] * len(form.split(".")))
    if wanted is not None and not (isinstance(wanted, str) and re.fullmatch(parts, wanted)):
        raise ConfigError(
            f"{wanted!r} is no version.",
            code="INVALID_VERSION",
            next_action=f"Versions have the form {form} here; leave it out for the newest.",
        )
    return wanted


_LOGO_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}

_LARGEST_LOGO = 5 * 1024**2


def logo(file: Path) -> dict[str, str]:
    """An organization's picture; as in the tool its kind goes by the file's ending."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The logo {file} cannot be read: {error.strerror}.",
            next_action="Give the path of an image file.",
        ) from None
    kind = _LOGO_TYPES.get(file.suffix.lower())
    if kind is None or len(content) > _LARGEST_LOGO:
        raise ConfigError(
            f"{file} cannot be a logo.", next_action="Give a JPEG, PNG or WebP file of at most 5 MiB."
        )
    return {"logoBase64": base64.b64encode(content).decode(), "logoMimeType": kind}
