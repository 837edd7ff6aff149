"""Tests of the notebooks keep to configuration folders of their own, never the user's."""

import os
import tempfile

import pytest

_scratch = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    scratch = tempfile.TemporaryDirectory(prefix="codika-notebooks-")
    config.stash[_scratch] = scratch
    for name in [name for name in os.environ if name.startswith(("CODIKA_", "PROCESS_INSTANCE_"))]:
        del os.environ[name]
    os.environ["XDG_CONFIG_HOME"] = scratch.name
    os.environ["IPYTHONDIR"] = scratch.name


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_scratch].cleanup()
