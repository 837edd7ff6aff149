"""The variables of this process, and those of a ``.env`` file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigError
from ..files import path_of
from .address import is_loopback, normalize_base_url
from .profile import MaskedKey

# As the dotenv libraries read it: quoted values may hold anything, others end at a comment.
_ASSIGNMENT = re.compile(
    r"""^[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_][\w.-]*)[^\S\n]*=[^\S\n]*
        (?: '((?:[^'\\]|\\.)*)' | "((?:[^"\\]|\\.)*)" | ((?:[^\#\n]|(?<!\s)\#)*) )
        [^\S\n]*(?:\#.*)?$""",
    re.MULTILINE | re.VERBOSE | re.ASCII,
)

# What a backslash means in either kind of quotes; before anything else it is a backslash.
_IN_SINGLE = {"\\": "\\", "'": "'"}
_IN_DOUBLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {
    c: c for c in "\\'\""
}

#: What a client of one instance may be told beside its server, and what its server's addresses end in.
_CALLS = {"webhook": "CODIKA_TRIGGER_BASE_URL", "status": "CODIKA_STATUS_BASE_URL"}


def is_true(text: str | None) -> bool:
    """Whether a setting is switched on, however people write that."""
    return (text or "").strip().casefold() in {"1", "true", "yes", "on"}


class Source:
    """One place in which variables are set: this process, or a ``.env`` file.

    A key goes only to addresses of its own place, so the two are asked one by one.
    """

    def __init__(self, name: str, values: Mapping[str, str]) -> None:
        self.name = name
        self._values = values

    def __repr__(self) -> str:
        return f"Source({self.name!r})"  # never the values: one of them is the key

    def place(self, variable: str) -> str:
        """How the place of a variable is called where people read it."""
        return f"{self.name} ({variable})"

    def get(self, variable: str) -> str | None:
        """The value of a variable here; None if it is not set, or empty."""
        # Blanks and line ends around a value come from files and from pasting.
        return self._values.get(variable, "").strip() or None

    def addresses(self, *, public: bool) -> dict[str, str]:
        """The addresses that are named here for a key, by their variables; a key of one instance has more."""
        names = ["CODIKA_BASE_URL", *(_CALLS.values() if public else ())]
        return {name: normalize_base_url(value) for name in names if (value := self.get(name))}

    def server(self, *, public: bool = False) -> str | None:
        """The server that is named here."""
        named = self.addresses(public=public)
        if "CODIKA_BASE_URL" in named:
            return named["CODIKA_BASE_URL"]
        # A key of one instance belongs to the server whose trigger address stands beside it.
        bases = self.public_bases().items() if public else ()
        return next(
            (base.removesuffix(f"/{call}") for call, base in bases if base.endswith(f"/{call}")), None
        )

    def public_bases(self) -> dict[str, str]:
        """Where instance keys trigger (``webhook``) and poll (``status``), as far as that is said here."""
        named = self.addresses(public=True)
        return {call: named[variable] for call, variable in _CALLS.items() if variable in named}


class Environment:
    """The variables of this process, and behind them those of a ``.env`` file.

    Args:
        file: a file of ``NAME=value`` lines; comments, quotes and ``export`` are understood. What the
            process has set itself counts more, as with every reader of such files.

    Raises:
        ConfigError: the file cannot be read.

    Variables as on the platform's page "Authentication methods".
    """

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        self._file = None if file is None else path_of(file)
        self.process = Source("env", os.environ)
        #: What counts first stands first.
        self.places: tuple[Source, ...] = (self.process,)
        if self._file is not None:
            self.places += (Source(str(self._file), _variables(self._file)),)

    def __repr__(self) -> str:
        return f"Environment({None if self._file is None else str(self._file)!r})"

    def api_keys(self) -> list[tuple[Source, MaskedKey]]:
        """The keys that are set, each with the source whose addresses it may go to."""
        # Masked, as some tracebacks show the variables of every frame.
        return [(each, MaskedKey(value)) for each in self.places if (value := each.get("CODIKA_API_KEY"))]

    def get(self, name: str) -> str | None:
        """The value of a variable; None if it is not set, or empty."""
        return next((value for each in self.places if (value := each.get(name))), None)

    def addressed(self, *, public: bool = False) -> Source:
        """The place that says where to go: the first that names an address."""
        return next((each for each in self.places if each.addresses(public=public)), self.process)

    def server(self, *, public: bool = False) -> str | None:
        """The server that these variables name; a key of one instance (`public`) has more of them."""
        return self.addressed(public=public).server(public=public)

    @property
    def allows_http(self) -> bool:
        """Whether the person trusts the network with codes and keys in clear.

        Only the process says that: a ``.env`` file may have come with a project of somebody else.
        """
        return is_true(self.process.get("CODIKA_ALLOW_HTTP"))

    def refuse_plain_http(self, url: str) -> None:
        """Refuse a server to which codes and keys would travel in clear.

        Raises:
            ConfigError: it is neither https nor this machine, and ``CODIKA_ALLOW_HTTP`` is not set.
        """
        if not url.lower().startswith("https:") and not is_loopback(url) and not self.allows_http:
            where = " in the environment itself" if self._file is not None else ""
            raise ConfigError(
                f"{url} is not encrypted: codes and keys would travel in clear.",
                next_action=f"Use https, or set CODIKA_ALLOW_HTTP=1{where} if you trust the network.",
                code="not-encrypted",
            )


def _variables(file: Path) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"The environment file {file} cannot be read: {reason}.",
            next_action="Give the path of a file with lines such as CODIKA_API_KEY=…",
        ) from None
    found = {}
    for name, single, double, bare in _ASSIGNMENT.findall(text):
        found[name] = _unescaped(single, _IN_SINGLE) or _unescaped(double, _IN_DOUBLE) or bare.strip()
    return found


def _unescaped(text: str, meanings: Mapping[str, str]) -> str:
    return re.sub(r"\\(.)", lambda pair: meanings.get(pair[1], pair[0]), text, flags=re.DOTALL)
