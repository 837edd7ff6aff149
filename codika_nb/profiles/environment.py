"""The variables of this process, and those of a ``.env`` file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import ConfigError
from .address import is_loopback, normalize_base_url
from .profile import MaskedKey

# As the dotenv libraries read it: quoted values may hold anything, others end at a comment.
_ASSIGNMENT = re.compile(
    r"""^[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_][\w.-]*)[^\S\n]*=[^\S\n]*
        (?: '([^']*)' | "((?:[^"\\]|\\.)*)" | ((?:[^\#\n]|(?<!\s)\#)*) )
        [^\S\n]*(?:\#.*)?$""",
    re.MULTILINE | re.VERBOSE | re.ASCII,
)


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


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
        self._file = None if file is None else Path(file).expanduser()
        self._written = {} if self._file is None else _variables(self._file)

    def __repr__(self) -> str:
        return f"Environment({None if self._file is None else str(self._file)!r})"

    def sources(self, name: str) -> list[tuple[str, str]]:
        """Where a variable is set, and to what, the place that counts first; blank is not set."""
        places = [
            (f"env ({name})", os.environ.get(name)),
            (f"{self._file} ({name})", self._written.get(name)),
        ]
        # Blanks and line ends around a value come from files and from pasting.
        return [(place, value.strip()) for place, value in places if value and value.strip()]

    def api_keys(self) -> list[tuple[str, MaskedKey]]:
        """Where keys are set, as `sources`; masked, as some tracebacks show the variables of every frame."""
        return [(place, MaskedKey(value)) for place, value in self.sources("CODIKA_API_KEY")]

    def get(self, name: str) -> str | None:
        """The value of a variable; None if it is not set, or empty."""
        return next((value for _, value in self.sources(name)), None)

    def server(self, *, public: bool = False) -> str | None:
        """The server that these variables name; a key of one instance (`public`) has more of them."""
        named = self.get("CODIKA_BASE_URL")
        if named is None and public:
            # Such a key belongs to the server whose trigger address stands beside it.
            named = next(
                (
                    base.removesuffix(f"/{call}")
                    for call, base in self.public_bases().items()
                    if base.endswith(f"/{call}")
                ),
                None,
            )
        return normalize_base_url(named) if named else None

    @property
    def allows_http(self) -> bool:
        """Whether the person trusts the network with codes and keys in clear."""
        return self.get("CODIKA_ALLOW_HTTP") in ("1", "true", "yes")

    def refuse_plain_http(self, url: str) -> None:
        """Refuse a server to which codes and keys would travel in clear.

        Raises:
            ConfigError: it is neither https nor this machine, and ``CODIKA_ALLOW_HTTP`` is not set.
        """
        if not url.lower().startswith("https:") and not is_loopback(url) and not self.allows_http:
            raise ConfigError(
                f"{url} is not encrypted: codes and keys would travel in clear.",
                next_action="Use https, or set CODIKA_ALLOW_HTTP=1 if you trust the network in between.",
            )

    def public_bases(self) -> dict[str, str]:
        """Where instance keys trigger (``webhook``) and poll (``status``), as far as that is said."""
        named = {"webhook": self.get("CODIKA_TRIGGER_BASE_URL"), "status": self.get("CODIKA_STATUS_BASE_URL")}
        return {call: normalize_base_url(base) for call, base in named.items() if base}


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
        unescaped = re.sub(r"\\(.)", lambda c: _ESCAPES.get(c[1], c[1]), double, flags=re.DOTALL)
        found[name] = single or unescaped or bare.strip()
    return found
