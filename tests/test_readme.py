"""What the README says: every command and every line of code in it is run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

import pytest

from codika_nb import Sandbox, sign_in
from codika_nb.cli import NOT_YOURS
from tests.conftest import EMAIL, ROOT
from tests.kernels import Kernel, kernel

CODIKA_NB = Path(sys.executable).with_name("codika-nb")
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which the paths of the README lead somewhere, and nothing is written to the real ones."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=NOT_YOURS)
    return tmp_path


@pytest.fixture
def shell(checkout: Path, own_settings: Path) -> Iterator[Kernel]:
    with kernel(checkout, XDG_CONFIG_HOME=str(own_settings), IPYTHONDIR=str(checkout / "ipython")) as running:
        yield running


def test_the_six_lines_do_what_their_comments_say(shell: Kernel) -> None:
    six, _ = blocks("python")
    lines = [line.partition("  #") for line in six.splitlines()]
    load, *others = [code.rstrip() for code, _, _ in lines]
    (said,) = [comment.strip() for _, _, comment in lines if comment.strip().startswith("{")]
    sandbox = re.search(r"`(%codika_sandbox [^`]*)`", README)
    assert sandbox
    assert not shell.run(load).error
    started = shell.run(f"sandbox = {sandbox[1]}")
    assert not started.error, started.traceback
    for code in others:
        outcome = shell.run(f"form = {code}" if code == "%codika_signup" else code)
        assert not outcome.error, (code, outcome.traceback)
        if code == "%codika_signup":
            shell.run(
                f"form.email.value = {EMAIL!r}; form.send_code.click(); form.settle()\n"
                f"form.code.value = sandbox.code_for({EMAIL!r}); form.submit.click(); form.wait(30)"
            )
        if code == "run.result":
            assert outcome.text.strip() == said
    assert len(six.splitlines()) == 6
    for words in re.findall(r"`(%codika_(?:playground|executions|deploy\?)[^`]*)`", README):
        outcome = shell.run(words)
        assert not outcome.error, (words, outcome.traceback)


def test_the_lines_for_python_run_in_a_script(checkout: Path, sandbox: Sandbox) -> None:
    _, script = blocks("python")
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "{'greeting': 'Hello, Ada!', 'language': 'en'}" in ran.stdout
    assert "2 succeeded" in ran.stdout


def test_every_command_is_one_that_there_is(tmp_path: Path) -> None:
    """The servers and the suite itself are started by other tests: here it is what they are called with."""
    lines = [
        part.strip()
        for block in blocks("console")
        for line in block.splitlines()
        for part in line.split("&&")
    ]
    assert lines
    for line in lines:
        program, *words = shlex.split(line)
        if program == "pip":
            (extras,) = re.findall(r"^\.\[([\w,]+)\]$", words[-1])
            assert set(extras.split(",")) <= set(metadata("codika-nb").get_all("Provides-Extra") or [])
        elif program == "codika-nb":
            helped = subprocess.run(
                [CODIKA_NB, words[0], "--help"], capture_output=True, text=True, check=True, cwd=tmp_path
            )
            for option in (word for word in words if word.startswith("--")):
                assert option in helped.stdout
        else:
            assert program == "pytest"
    for command in re.findall(r"`codika-nb (\w+)", README):
        subprocess.run([CODIKA_NB, command, "--help"], capture_output=True, check=True, cwd=tmp_path)


def test_the_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).is_file(), target


def test_the_names_are_public() -> None:
    import codika_nb

    for name in re.findall(r"`([A-Z]\w+)(?:\(\))?`", README):
        assert name in codika_nb.__all__ or name.isupper(), name
    for method in re.findall(r"`?client\.(\w+)\(", README):
        assert hasattr(codika_nb.Client, method), method


def test_what_is_claimed_about_keys_names_a_test_that_is_there() -> None:
    named = re.findall(r"`(tests/\w+\.py)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).is_file()] == []
