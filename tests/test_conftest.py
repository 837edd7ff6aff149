"""What the tests stand on: a failure stays with its test, and Ctrl-C reaches what they start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import LONGEST, ROOT

TESTS = """
import gc, signal, subprocess, sys


def test_that_leaves_a_file_open():
    file = open(__file__)
    around = [file]
    around.append(around)  # so that only the garbage collector finds it
    assert file is None


def test_that_is_not_to_blame():
    gc.collect()


def test_that_interrupts():
    program = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    assert (signal.getsignal(signal.SIGINT), said) == (signal.default_int_handler, "True\\n")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are ignored in another way elsewhere")
def test_a_failure_stays_with_its_test_and_ctrl_c_is_itself_again(tmp_path: Path) -> None:
    (tmp_path / "test_here.py").write_text(TESTS)
    run = [sys.executable, "-m", "pytest", "-W", "error", "-v", "-p", "no:xdist", "-p", "tests.conftest"]
    in_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *run]  # as `nohup sh -c pytest &` does
    done = subprocess.run(
        in_background,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    outcomes = re.findall(r"::test_that_(\w+) (\w+)", done.stdout)
    assert outcomes == [
        ("leaves_a_file_open", "FAILED"),
        ("is_not_to_blame", "PASSED"),
        ("interrupts", "PASSED"),
    ], done.stdout + done.stderr


APART = """
import pathlib, time

def meet(mine, other):
    pathlib.Path(mine).touch()
    for _ in range(6000):
        if pathlib.Path(other).exists():
            return
        time.sleep(0.01)
    raise TimeoutError(other)

def test_one(): meet("one", "two")
def test_two(): meet("two", "one")
"""
TOGETHER = """
import os, pathlib

def test_one(): pathlib.Path("process").write_text(str(os.getpid()))
def test_two(): assert pathlib.Path("process").read_text() == str(os.getpid())
def test_three(): test_two()
"""


def test_a_file_stays_in_one_process_unless_its_tests_share_nothing(tmp_path: Path) -> None:
    for name in LONGEST:
        assert (ROOT / "tests" / f"{name}.py").exists()
    for name, text in (
        (next(name for name, apart in LONGEST.items() if apart), APART),
        ("test_together", TOGETHER),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    options = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-p", "tests.conftest"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "5 passed" in done.stdout, done.stdout + done.stderr
