"""What the README says: every command and every line of code in it is run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

import pytest
from readme_renderer import markdown

from codika_nb import Sandbox, __version__, sign_in
from codika_nb.cli.tutorials import NOT_YOURS
from tests.conftest import EMAIL, ROOT
from tests.kernels import Kernel, kernel

CODIKA_NB = Path(sys.executable).with_name("codika-nb")
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def tutorials(tmp_path: Path) -> Path:
    """A copy of the tutorials, as ``codika-nb lab`` makes one and starts notebooks in it."""
    return Path(shutil.copytree(ROOT / "notebooks", tmp_path / "tutorials", ignore=NOT_YOURS))


@pytest.fixture
def shell(tutorials: Path, own_settings: Path, sandbox: Sandbox) -> Iterator[Kernel]:
    settings = {"XDG_CONFIG_HOME": str(own_settings), "IPYTHONDIR": str(tutorials / "ipython")}
    with kernel(tutorials, CODIKA_BASE_URL=sandbox.url, **settings) as running:
        yield running


def test_the_six_lines_do_what_their_comments_say(shell: Kernel, sandbox: Sandbox) -> None:
    six, _ = blocks("python")
    lines = [line.partition("  #") for line in six.splitlines()]
    (said,) = [comment.strip() for _, _, comment in lines if comment.strip().startswith("{")]
    for code in (code.rstrip() for code, _, _ in lines):
        outcome = shell.run(f"form = {code}" if code == "%codika_signup" else code, person=True)
        assert not outcome.error, (code, outcome.traceback)
        if code == "%codika_signup":
            shell.run(f"form.email.value = {EMAIL!r}; form.send_code.click(); form.settle()")
            filled = f"form.code.value = {sandbox.code_for(EMAIL)!r}; form.submit.click(); form.wait(30)"
            assert not shell.run(filled).error
        if code == "run.result":
            assert outcome.text.strip() == said
    assert len(six.splitlines()) == 6
    assert not shell.run("%codika_deploy?").error


def test_the_lines_for_python_run_in_a_script(tutorials: Path, sandbox: Sandbox) -> None:
    _, script = blocks("python")
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tutorials,
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
    for command in set(re.findall(r"`codika-nb (\w+)", README)):
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


def test_a_package_index_shows_it_with_links_that_lead_somewhere() -> None:
    command = [sys.executable, "-m", "hatchling", "metadata", "readme"]
    shown = markdown.render(
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    )
    assert shown
    assert "How quick it is" in shown
    leading = re.findall(r'(?:href|src)="([^"#][^"]*)"', shown)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = project["urls"]["Source"]
    assert [target for target in leading if not target.startswith("https://")] == []
    pictures = [target for target in leading if target.endswith(".png")]
    assert pictures
    for target in (target for target in leading if target.startswith(source)):
        kind, tag, path = target.removeprefix(f"{source}/").split("/", 2)
        assert (kind, tag) == ("raw" if target in pictures else "blob", f"v{__version__}")
        assert (ROOT / path).is_file()


def test_what_is_said_of_versions_is_what_is_tried() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    said = re.findall(r"Python :: (3\.\d+)", "".join(project["classifiers"]))
    weekly = (ROOT / ".github" / "workflows" / "weekly.yml").read_text(encoding="utf-8")
    tried = re.findall(r'python: "(3\.\d+)"', weekly)
    assert said == tried
    assert project["requires-python"] == f">={said[0]}"


def test_the_placeholder_of_the_owner_is_one_line_to_change() -> None:
    addresses = re.findall(r"https://[^'\"\s]+", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    owner = r"https://(?:github\.com/)?([\w-]+)"
    assert len({re.findall(owner, address)[0] for address in addresses}) == 1
