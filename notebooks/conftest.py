"""Tests of the notebooks keep to configuration folders of their own, never the user's."""

import os
import tempfile

import pytest

_scratch = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    scratch = tempfile.TemporaryDirectory(prefix="codika-notebooks-")
    config.stash[_scratch] = scratch
    for name in ("CODIKA_API_KEY", "CODIKA_BASE_URL", "PROCESS_INSTANCE_ID"):
        os.environ.pop(name, None)
    os.environ["XDG_CONFIG_HOME"] = scratch.name
    os.environ["IPYTHONDIR"] = scratch.name


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_scratch].cleanup()
