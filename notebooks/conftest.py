"""Tests of the notebooks keep to folders of their own, never the user's nor this one."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbval.plugin
import pytest

from codika_nb.cli.tutorials import NOT_YOURS

_scratch = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    scratch = tempfile.TemporaryDirectory(prefix="codika-notebooks-")
    config.stash[_scratch] = scratch
    for name in [name for name in os.environ if name.startswith(("CODIKA_", "PROCESS_INSTANCE_"))]:
        del os.environ[name]

    class Kernel(nbval.plugin.RunningKernel):
        """Runs in a copy of the notebook's folder: what a deployment writes there would be in others' way."""

        def __init__(self, name: str, cwd: str, **more: Any) -> None:
            own = Path(tempfile.mkdtemp(dir=scratch.name))
            folder = shutil.copytree(cwd, own / "notebooks", ignore=NOT_YOURS)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("XDG_CONFIG_HOME", str(own / "config"))
                patch.setenv("IPYTHONDIR", str(own / "ipython"))
                super().__init__(name, cwd=str(folder), **more)

    nbval.plugin.RunningKernel = Kernel


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is in a notebook runs in a kernel."""
    for item in items:
        if isinstance(item, nbval.plugin.IPyNbCell):
            item.add_marker("kernel")


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_scratch].cleanup()
