"""``python -m tests.benchmarks``: how quick it all is, each figure as a ratio within one run.

Both sides of a figure are measured turn by turn, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from . import calls, engine, files, kernel, loading, sandbox
from .figures import FULL, QUICK, Figure, Scale, machine, table, versions

MEASUREMENTS: dict[str, Callable[[Scale], Iterable[Figure]]] = {
    "import": loading.importing,
    "load-ext": loading.load_ext,
    "first-form": kernel.first_form,
    "form-messages": kernel.form_messages,
    "call": calls.one_call,
    "gather": calls.gather,
    "run-many": calls.many,
    "function": calls.function,
    "loop-gap": calls.loop_gap,
    "click": kernel.click,
    "whoami": kernel.whoami,
    "profile": files.profile,
    "packing": files.packing,
    "n8n-import": files.importing,
    "sandbox-status": sandbox.status,
    "sandbox-strangers": sandbox.strangers,
    "sandbox-lists": sandbox.lists,
    "sandbox-workshop": sandbox.workshop,
    "engine": engine.engine,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write everything to a file."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=MEASUREMENTS, metavar="NAME", help=", ".join(MEASUREMENTS)
    )
    parser.add_argument("--quick", action="store_true", help="tiny numbers: shows that it runs, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, round by round")
    options = parser.parse_args(arguments)
    scale = QUICK if options.quick else FULL
    before = machine()
    figures: list[Figure] = []
    for name in options.only or MEASUREMENTS:
        began = time.monotonic()
        figures += MEASUREMENTS[name](scale)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print("\n".join(table(figures)))
    if options.json:
        everything = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": before,
            "load_afterwards": machine()["load"],
            "versions": versions(),
            "scale": asdict(scale),
            "figures": [figure.to_json() for figure in figures],
        }
        options.json.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
