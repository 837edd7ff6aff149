"""A program that keeps another one alive for as long as its own input is open, and not longer.

Run as a file, so that it imports nothing of the package: ``python keeper.py FOLDER COMMAND …``; the folder is
removed at the end, unless it is called ``-``. Whoever has started it may be killed: the other program ends
all the same, with all that it has started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

_SECONDS_TO_END = 10


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.terminate()
            process.wait(_SECONDS_TO_END)


def _end_with_the_input(process: subprocess.Popen[bytes]) -> None:
    sys.stdin.buffer.read()
    _end(process)


def _main(folder: str, command: list[str]) -> int:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    threading.Thread(target=_end_with_the_input, args=(process,), daemon=True).start()
    code = process.wait()
    _end(process)  # what it has left behind
    if folder != "-":
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2:]))
