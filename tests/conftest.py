"""What every test shares: settings of its own, and a sandbox to talk to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codika_nb.client.deployed import forget
from codika_nb.profiles.credential import context
from codika_nb.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent
GREETER = ROOT / "notebooks" / "use-cases" / "greeter"
EMAIL = "ada@example.com"


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder and an environment that are nobody else's."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("CODIKA_")] + ["PROCESS_INSTANCE_ID"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    context.reset()
    forget()
    return home


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh local platform, whose greeter is answered by its stand-in."""
    with Sandbox() as running:
        running.load_stand_ins(GREETER / "stand_ins.py")
        yield running


@pytest.fixture
def greeter(tmp_path: Path) -> Path:
    """A copy of the greeter that has never been deployed."""
    import shutil

    left_out = shutil.ignore_patterns("project.json", "version.json", "deployments", "__pycache__")
    return Path(shutil.copytree(GREETER, tmp_path / "greeter", ignore=left_out))
