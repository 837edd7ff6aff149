"""The tutorials as they are committed: read by people, compared by nbval, written by `tests.notebooks`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

from codika_nb import Sandbox
from codika_nb.cli.tutorials import NOT_YOURS
from tests.browser import chromium, lab, needs_chromium
from tests.conftest import ROOT
from tests.notebooks import METADATA, NOTEBOOKS, SHOWN, executed, main, tutorials

LARGEST_NOTEBOOK = 150_000
LARGEST_PICTURE = 150_000

each_tutorial = pytest.mark.parametrize("path", tutorials(), ids=lambda path: path.stem)

#: What is another thing each time: addresses with a port, ids, times, keys.
CHANGING = re.compile(
    r"(127\.0\.0\.1|localhost):\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}|\borg_\w{20}|"
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d+ ms\b|\bck[oap]?_[\w-]{4}|/tmp/"
)


def read(path: Path) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path: Path) -> str:
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def is_compared(cell: nbformat.NotebookNode) -> bool:
    """Whether nbval holds the next run to what came out of this cell."""
    return "nbval-ignore-output" not in cell.metadata.get("tags", ())


def compared(cells: list[nbformat.NotebookNode]) -> dict[str, Any]:
    """What came out of cells, as far as nbval looks at it."""
    return {
        cell.id: [{k: v for k, v in output.items() if k != "traceback"} for output in cell.outputs]
        for cell in cells
        if is_compared(cell)
    }


# --- as committed ----------------------------------------------------------------------------------


@each_tutorial
def test_a_reader_sees_results_and_no_leftovers(path: Path) -> None:
    text = path.read_text()
    notebook = read(path)
    nbformat.validate(notebook)
    assert dict(notebook.metadata) == METADATA, "python -m tests.notebooks writes it as it should be"
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run it as a whole"
    assert any(cell.outputs for cell in cells)
    for cell in cells:
        assert "execution" not in cell.metadata, "times of a run"
        for output in cell.outputs:
            assert set(output.get("data", {})) <= SHOWN, "a widget without its state"
            assert output.output_type != "error" or "raises-exception" in cell.metadata.get("tags", ())
    assert len(text) < LARGEST_NOTEBOOK
    assert text == nbformat.writes(notebook) + "\n", "as every program writes it, so that changes stay small"


@each_tutorial
def test_nothing_private_is_in_it(path: Path) -> None:
    text = path.read_text()
    keys = re.findall(r"(?<![A-Za-z0-9_])ck[oap]?_[A-Za-z0-9_-]+", text)
    assert [key for key in keys if len(key) > 8] == [], "a key beyond its first eight characters"
    places = {str(Path.home()), str(ROOT), tempfile.gettempdir() + "/", "/home/", "/Users/", "C:\\\\Users"}
    assert [place for place in places if len(place) > 1 and place in text] == []


@each_tutorial
def test_what_changes_from_run_to_run_is_not_compared(path: Path) -> None:
    for cell in code_cells(path):
        if is_compared(cell):
            found = CHANGING.search(json.dumps(compared([cell])))
            assert found is None, f"cell {cell.id}: tag it nbval-ignore-output"


@each_tutorial
def test_cells_have_names(path: Path) -> None:
    names = [cell.id for cell in read(path).cells]
    assert len(set(names)) == len(names)
    made_up = [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)]
    assert made_up == [], "a name stays when the cell is edited; random ones make every change look larger"


@each_tutorial
def test_it_says_what_to_leave_out_for_the_real_codika(path: Path) -> None:
    assert re.search(r"\bthe real Codika\b|\bproduction\b", prose(path), re.IGNORECASE)


@each_tutorial
def test_links_lead_somewhere_and_readers_are_led_here(path: Path) -> None:
    texts = {other: prose(other) for other in tutorials()}
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", texts[path]):
        assert (path.parent / target).exists(), target
    texts[ROOT / "README.md"] = (ROOT / "README.md").read_text()
    leading = [other.name for other, text in texts.items() if f"{path.name})" in text and other != path]
    assert leading, "no other tutorial mentions it, nor does the README"


def test_pictures_are_small_and_shown() -> None:
    texts = "".join(
        file.read_text() for file in [*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("*.md"), ROOT / "README.md"]
    )
    for picture in (NOTEBOOKS / "pictures").iterdir():
        if picture.name == "all.png":  # for those who work on the project: `tests.pictures`
            continue
        assert picture.stat().st_size < LARGEST_PICTURE, picture.name
        assert f"pictures/{picture.name}" in texts, f"{picture.name} is shown nowhere"


# --- as run ----------------------------------------------------------------------------------------


@each_tutorial
def test_it_runs_where_a_sandbox_runs_already(path: Path, sandbox: Sandbox) -> None:
    """As in ``codika-nb lab`` and on Binder; without one, nbval runs it."""
    for stand_ins in NOTEBOOKS.glob("use-cases/*/stand_ins.py"):
        sandbox.load_stand_ins(stand_ins)
    ran = executed(path, CODIKA_BASE_URL=sandbox.url)
    assert compared([cell for cell in ran.cells if cell.cell_type == "code"]) == compared(code_cells(path))


OPEN = """async (path) => {
  const panel = await jupyterapp.commands.execute("docmanager:open", { path });
  await panel.context.ready;
  await panel.sessionContext.ready;
}"""
RUN_ALL = """async () => {
  const panel = jupyterapp.shell.currentWidget;
  await jupyterapp.commands.execute("notebook:run-all-cells");
  // It comes back before the end if a cell fails, also one that is meant to.
  const waits = (cell) => cell.model.type === "code" && !cell.model.executionCount;
  for (let n = 0; n < 600 && panel.content.widgets.some(waits); n++)
    await new Promise((later) => setTimeout(later, 100));
  await panel.context.save();
  await panel.sessionContext.shutdown();
  panel.dispose();
}"""


@needs_chromium
@pytest.mark.timeout(600)
def test_run_all_reaches_the_end_in_jupyterlab(tmp_path: Path) -> None:
    """With somebody there who could be asked, and past cells that are meant to fail."""
    with lab(tmp_path) as running, chromium() as page:
        for path in tutorials(running.folder):
            notebook = read(path)
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            nbformat.write(notebook, path)
        page.goto(f"{running.address}&reset")
        page.locator(".jp-Cell").first.wait_for(timeout=60_000)
        for path in tutorials(running.folder):
            page.evaluate(OPEN, path.name)
            running.wait_for_kernel()
            page.evaluate(RUN_ALL)
            cells = code_cells(path)
            failed = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
            assert all(cell.execution_count for cell in cells), (path.name, failed)
            assert compared(cells) == compared(code_cells(NOTEBOOKS / path.name)), path.name


def test_nbval_notices_an_output_that_has_changed(tmp_path: Path) -> None:
    folder = shutil.copytree(NOTEBOOKS, tmp_path / "notebooks", ignore=NOT_YOURS)
    path = folder / "01_sign_in_and_deploy.ipynb"
    notebook = read(path)
    cell = next(cell for cell in notebook.cells if cell.id == "result")
    assert "Hello" in cell.outputs[0].data["text/plain"]
    cell.outputs[0].data["text/plain"] = cell.outputs[0].data["text/plain"].replace("Hello", "Goodbye")
    nbformat.write(notebook, path)
    command = ["pytest", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-q", path.name]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    number = [cell.id for cell in code_cells(path)].index("result")
    assert re.findall(r"^FAILED .*::Cell (\d+)", done.stdout, re.MULTILINE) == [str(number)], done.stdout


# --- the tool --------------------------------------------------------------------------------------

WIDGET = """\
import ipywidgets
print("one")
ipywidgets.IntSlider()"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one notebook, as an editor leaves it."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Mine"}})
    notebook.cells = [
        nbformat.v4.new_code_cell(source, id=name)
        for name, source in {"widget": WIDGET, "where": "import os\nos.environ.get('CODIKA_API_KEY')"}.items()
    ]
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="old")]
    nbformat.write(notebook, tmp_path / "01_one.ipynb")
    (tmp_path / "beside.txt").write_text("kept")
    return tmp_path


def test_the_tool_writes_results_and_the_same_ones_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "the author's own")
    path = folder / "01_one.ipynb"
    assert main([], folder) == 0
    written = path.read_text()
    notebook = read(path)
    assert notebook.metadata == METADATA
    widget, where = notebook.cells
    assert [output.output_type for output in widget.outputs] == ["stream", "execute_result"]
    assert set(widget.outputs[1].data) == {"text/plain"}
    assert where.outputs == [], "the key is none of the notebook's business"
    assert [widget.execution_count, where.execution_count] == [1, 2]
    assert main(["01"], folder) == 0
    assert path.read_text() == written
    assert {entry.name for entry in folder.iterdir()} == {"01_one.ipynb", "beside.txt"}


def test_the_tool_leaves_a_notebook_that_fails_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = folder / "02_two.ipynb"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_code_cell("1 / 0")]
    )
    nbformat.write(notebook, broken)
    before = broken.read_text()
    assert main([], folder) == 1
    assert broken.read_text() == before
    said = capsys.readouterr()
    assert "02_two.ipynb was left as it is" in said.err
    assert "ZeroDivisionError" in said.err
    assert "01_one.ipynb" in said.out


def test_the_tool_knows_notebooks_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["01_one.ipynb"], folder) == 0
    with pytest.raises(SystemExit):
        main(["one"], folder)
    assert "there is no one" in capsys.readouterr().err
