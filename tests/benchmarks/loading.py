"""What it costs to have the extension: importing the package, loading the extension into a shell."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

from .figures import Aim, Figure, Scale, compared, interleaved
from .processes import environment

EXTENSIONS = {
    "autoreload": ("", Aim(0.5)),
    "sql": ("jupysql", Aim(20, at_least=True)),
    "jupyter_ai_magics": ("jupyter_ai_magics", Aim(20, at_least=True)),
}

LOAD = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("1")
began = time.perf_counter()
shell.run_line_magic("load_ext", sys.argv[1])
print("took", (time.perf_counter() - began) * 1000)
"""


def importing(scale: Scale) -> Iterator[Figure]:
    """``import codika_nb`` in a fresh process."""
    sides = {"ours": partial(_start, "import codika_nb"), "theirs": partial(_start, "pass")}
    found = interleaved(sides, scale.rounds)
    yield compared(
        Figure("import", "`import codika_nb`", "bare Python", Aim(15, "ms more")),
        found,
        unit="ms",
        how="difference",
        estimate="minima",
    )


def load_ext(scale: Scale) -> Iterator[Figure]:
    """``%load_ext codika_nb`` in a live shell, against other extensions."""
    missing = {name for name, (package, _) in EXTENSIONS.items() if package and not _has(package)}
    present = [name for name in EXTENSIONS if name not in missing]
    found = interleaved(
        {name: partial(_load, name) for name in ("codika_nb", *present)}, max(1, scale.rounds // 3)
    )
    for name, (package, aim) in EXTENSIONS.items():
        note = f"{package} is not installed here" if name in missing else ""
        figure = Figure("load-ext", "`%load_ext codika_nb`", f"`%load_ext {name}`", aim, note=note)
        if name in missing:
            yield figure
        else:
            yield compared(
                figure,
                {"ours": found["codika_nb"], "theirs": found[name]},
                unit="ms",
                upside_down=aim.at_least,
                estimate="minima",
            )


def _start(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)
    return (time.perf_counter() - began) * 1000


def _load(extension: str) -> float:
    command = [sys.executable, "-c", LOAD, extension]
    said = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
    return float(said.rpartition("took ")[2])


def _has(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
