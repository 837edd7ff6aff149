"""What Binder runs, as far as it can be run without Binder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

BINDER = ROOT / "binder"


def test_start_ends_in_the_server_that_binder_wants_started() -> None:
    start = BINDER / "start"
    assert os.access(start, os.X_OK)
    said = subprocess.run(
        [start, "echo", "jupyter", "lab"], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("jupyter lab ")
    notebook = said.split("default_url=/lab/tree/")[1].strip()
    assert (ROOT / notebook).is_file()


def test_the_project_and_its_sandbox_are_installed() -> None:
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    assert ".[sandbox]" in lines
    version = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert version in ("3.11", "3.12", "3.13")


def test_a_wheel_brings_the_tutorials_and_its_types(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    target = tmp_path / "installed"
    unpack = [sys.executable, "-m", "zipfile", "-e", str(wheel), str(target)]
    subprocess.run(unpack, check=True)
    for name in (
        "codika_nb/py.typed",
        "codika_nb/notebooks/01_sign_in_and_deploy.ipynb",
        "codika_nb/notebooks/use-cases/greeter/workflows/greet.json",
        "codika_nb/notebooks/use-cases/greeter/stand_ins.py",
    ):
        assert (target / name).is_file(), name
    environment = os.environ | {"PYTHONPATH": str(target)}
    demo = subprocess.run(
        [sys.executable, "-m", "codika_nb", "demo"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Hello, Ada!" in demo.stdout
