"""Run the tutorials and write what came out into them: ``python -m tests.notebooks [NAME …]``.

A reader on GitHub then sees results, and nbval has something to compare with. Each notebook runs
from a fresh kernel in a copy of its folder, with settings of its own and nobody there. One in which
a cell fails is left as it was.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbclient
import nbformat

from codika_nb.cli.tutorials import NOT_YOURS

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
#: What a tutorial says about its kernel: no version, so that it opens everywhere without a change.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: What a saved notebook shows without a kernel. A widget's view without its state is an error on GitHub.
SHOWN = {"text/plain", "text/html", "image/png", "image/svg+xml"}


def tutorials(folder: Path = NOTEBOOKS) -> list[Path]:
    """The numbered notebooks, in their order."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def executed(notebook: Path, **environment: str) -> nbformat.NotebookNode:
    """Run a notebook from top to bottom in a copy of its folder; returns it with what came out.

    Args:
        notebook: the file; it stays as it is.
        environment: more variables for its kernel, which has none of ours otherwise.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed that is not tagged ``raises-exception``.
    """
    ran = nbformat.read(notebook, as_version=4)
    with tempfile.TemporaryDirectory(prefix="codika-notebooks-") as scratch:
        folder = shutil.copytree(notebook.parent, Path(scratch, "notebooks"), ignore=NOT_YOURS)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CODIKA_", "PROCESS_INSTANCE_"))}
        own = {"XDG_CONFIG_HOME": f"{scratch}/config", "IPYTHONDIR": f"{scratch}/ipython"}
        nbclient.NotebookClient(
            ran,
            kernel_name="python3",
            timeout=120,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        ).execute(env=kept | own | environment)
    return _as_saved(ran)


def _as_saved(ran: nbformat.NotebookNode) -> nbformat.NotebookNode:
    ran.metadata = nbformat.from_dict(METADATA)  # without the state of widgets, and the kernel's version
    for cell in ran.cells:
        for output in cell.get("outputs", ()):
            for mime in set(output.get("data", ())) - SHOWN:
                del output.data[mime]
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
    return ran


def main(argv: Sequence[str] | None = None, folder: Path = NOTEBOOKS) -> int:
    """Refresh the tutorials named, or all; the exit status is 1 if one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a number or name; all if left out")
    names = parser.parse_args(argv).names
    found = {
        path: [n for n in names if path.name.startswith(f"{n}_") or n in (path.name, path.stem)]
        for path in tutorials(folder)
    }
    if unknown := set(names).difference(*found.values()):
        parser.error(f"there is no {', '.join(sorted(unknown))} in {folder}")
    failed = 0
    for path in [path for path, asked in found.items() if asked or not names]:
        began = time.monotonic()
        try:
            nbformat.write(executed(path), path)
        except nbclient.exceptions.CellExecutionError as error:
            print(f"{path.name} was left as it is: {error}", file=sys.stderr)
            failed += 1
        else:
            print(f"{path.name}  {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
