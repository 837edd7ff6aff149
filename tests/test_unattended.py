"""Notebooks that nobody watches: nbclient, papermill and ``jupyter nbconvert --execute``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbclient
import nbformat
import pytest

from codika_nb import ProfileStore, Sandbox, sign_in
from tests.conftest import EMAIL

CELLS = ["%load_ext codika_nb", "who = %codika_login", "print('signed in as', who.organization_name)"]
RUNNERS = {
    "papermill": ["papermill", "in.ipynb", "out.ipynb", "-k", "python3", "--no-progress-bar"],
    "nbconvert": ["nbconvert", "--to", "notebook", "--execute", "in.ipynb", "--output", "out.ipynb"],
}


def notebook() -> nbformat.NotebookNode:
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS]
    )
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def run(program: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    nbformat.write(notebook(), folder / "in.ipynb")
    return subprocess.run(
        [sys.executable, "-m", *RUNNERS[program]],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.kernel
def test_nbclient_stops_at_the_sign_in_and_saves_no_widget(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODIKA_BASE_URL", sandbox.url)
    ran = notebook()
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="Nobody is there"):
        nbclient.NotebookClient(ran, kernel_name="python3").execute()
    assert "widgets" not in ran.metadata
    assert ran.cells[2].execution_count is None
    failed = ran.cells[1].outputs[-1]
    assert failed["output_type"] == "error"
    assert len(failed["traceback"]) == 2
    assert sandbox.inbox == []


@pytest.mark.parametrize("program", RUNNERS)
def test_a_runner_fails_with_the_ways_out(tmp_path: Path, sandbox: Sandbox, program: str) -> None:
    done = run(program, tmp_path, CODIKA_BASE_URL=sandbox.url)
    assert done.returncode != 0
    assert "CODIKA_API_KEY" in done.stderr
    assert "signed in as" not in done.stdout


@pytest.mark.parametrize("program", RUNNERS)
def test_a_runner_passes_with_the_key_in_the_environment(
    tmp_path: Path, sandbox: Sandbox, program: str
) -> None:
    key = str.__str__(sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url).api_key)
    ProfileStore().remove("my-organization")
    done = run(program, tmp_path, CODIKA_BASE_URL=sandbox.url, CODIKA_API_KEY=key)
    assert done.returncode == 0, done.stderr
    saved = json.loads((tmp_path / "out.ipynb").read_text())
    assert "signed in as My Organization" in json.dumps(saved["cells"][2])
    assert "widgets" not in saved["metadata"]
    assert key not in json.dumps(saved)


def test_a_check_fails_a_script_that_nobody_watches(greeter: Path) -> None:
    def checked() -> subprocess.CompletedProcess[str]:
        cell = f"%load_ext codika_nb\n%codika_deploy {greeter} --dry-run"
        command = [sys.executable, "-m", "IPython", "-c", cell]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    fine = checked()
    workflow = json.loads((greeter / "workflows" / "greet.json").read_text(encoding="utf-8"))
    del workflow["settings"]
    (greeter / "workflows" / "greet.json").write_text(json.dumps(workflow), encoding="utf-8")
    broken = checked()

    assert (fine.returncode, broken.returncode) == (0, 1), fine.stdout + broken.stdout
    assert "WORKFLOW-SETTINGS" in broken.stdout
    assert "would not run: see above" in broken.stdout + broken.stderr


def test_the_refusal_takes_no_time_to_think(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for: no prompt, no time-out, no code that expires."""
    monkeypatch.setenv("CODIKA_BASE_URL", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        nbclient.NotebookClient(notebook(), kernel_name="python3").execute()
    # Starting a kernel and importing included; waiting for a person would take minutes.
    assert time.monotonic() - began < 60
