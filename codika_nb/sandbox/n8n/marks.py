"""What says that something in an n8n belongs to a sandbox: a mark in its name."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import re
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ...files import write_whole

__all__ = ["Mark"]

_numbers = itertools.count(1)
_LONGEST_NAME = 128


@dataclass(frozen=True)
class Mark:
    """A mark, and what is known by it; nothing else in somebody's n8n is touched."""

    text: str
    #: Whether workflows outlive a stop: the sandbox has them in its data folder, too.
    keeps: bool
    #: What n8n's webhooks are locked with.
    lock: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @classmethod
    def of_process(cls) -> Self:
        """For a sandbox that forgets everything: machine, process, number."""
        machine = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
        return cls(f"codika-{machine}-{os.getpid()}-{next(_numbers)}", keeps=False)

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """For a sandbox with a data folder, in which mark and lock are kept."""
        path = folder / "n8n.json"
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = cls(f"codika-{secrets.token_hex(6)}", keeps=True)
            write_whole(path, json.dumps({"mark": made.text, "lock": made.lock}).encode())
        kept = json.loads(path.read_text())
        return cls(kept["mark"], keeps=True, lock=kept["lock"])

    def on(self, label: str) -> str:
        """A name in n8n that has the mark."""
        return f"{label[: _LONGEST_NAME - len(self.text) - 3]} [{self.text}]"

    @property
    def tag(self) -> str:
        """The mark as n8n shows it beside a workflow's name, in as many characters as it allows."""
        return self.text[:24]

    @property
    def family(self) -> str:
        """What the marks have in common under which something may have been left over."""
        return self.text if self.keeps else self.text.rpartition("-")[0].rpartition("-")[0]

    def is_left_over(self, name: str) -> bool:
        """Whether something of this name is of a sandbox that was killed."""
        if self.keeps:
            return name == self.on("failures")
        other = re.search(rf"\[{re.escape(self.family)}-(\d+)-\d+\]", name)
        return other is not None and not _runs(int(other[1]))


def _runs(process_id: int) -> bool:
    if sys.platform == "win32":
        return True  # asking would end it
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
