"""What a browser keeps of the sandbox when its page is loaded anew."""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

from ..errors import ConfigError
from .store import Store, may_keep_in

__all__ = ["KeptStore"]

# Seconds after a change until it is written; and between two looks at what others have written.
_SOON, _NOW_AND_THEN = 0.2, 1.0


class KeptStore(Store):
    """A database in memory, and a copy of it in a file, as text.

    The files that a browser keeps are written whole, and know no locks. Other notebooks of the page have
    sandboxes of their own with the same file: what they have written is read in between.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "sandbox.txt"
        self._seen: tuple[int, int] | None = None
        self._looked_at = 0.0
        self._saving: asyncio.TimerHandle | None = None
        super().__init__(None)
        try:
            with may_keep_in(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._look()
        except ConfigError:
            super().close()
            raise

    def refresh(self) -> None:
        if self._saving is None and time.monotonic() - self._looked_at > _NOW_AND_THEN:
            self._look()

    @contextlib.contextmanager
    def transaction(self, keep_on: type[Exception]) -> Iterator[None]:
        self.refresh()
        before = self._database.total_changes
        try:
            with super().transaction(keep_on):
                yield
        finally:
            if self._saving is None and self._database.total_changes != before:
                self._saving = asyncio.get_running_loop().call_later(_SOON, self._save)

    def close(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            self._save()
        super().close()

    def _look(self) -> None:
        """Read the file, if somebody else has written it."""
        self._looked_at = time.monotonic()
        state = self._state()
        if state is None or state == self._seen:
            return
        try:
            self._database.deserialize(zlib.decompress(b64decode(self._file.read_bytes())))
            self._migrate()
        except (ValueError, zlib.error, self._database.DatabaseError):
            raise ConfigError(
                f"What this browser keeps of the sandbox is damaged ({self._file}).",
                next_action="%codika_sandbox --forget deletes it.",
            ) from None
        self._seen = state

    def _save(self) -> None:
        self._saving = None
        self._file.write_bytes(b64encode(zlib.compress(self._database.serialize())))
        self._seen = self._state()

    def _state(self) -> tuple[int, int] | None:
        with contextlib.suppress(FileNotFoundError):
            found = self._file.stat()
            return found.st_mtime_ns, found.st_size
        return None
