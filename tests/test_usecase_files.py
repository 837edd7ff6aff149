"""The single files of a use case: how they are read, and how they are written."""

from __future__ import annotations

import base64
import errno
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from codika_nb.errors import UseCaseError
from codika_nb.usecases.usecase import UseCase

MARK = b"\xef\xbb\xbf"

posix = pytest.mark.skipif(sys.platform == "win32", reason="owner and mode are of other systems")


# --- the byte order mark of editors on Windows -----------------------------------------------------


def marked(file: Path) -> None:
    file.write_bytes(MARK + file.read_bytes())


@pytest.mark.parametrize("name", ["config.json", "workflows/greet.json", "skills/greet-someone/SKILL.md"])
def test_a_byte_order_mark_does_no_harm(greeter: Path, name: str) -> None:
    expected = UseCase.load(greeter).deployment(project_id="p1")
    marked(greeter / name)

    use_case = UseCase.load(greeter)

    assert use_case.verify() == []
    assert use_case.deployment(project_id="p1") == expected
    assert not any(base64.b64decode(d.content_base64).startswith(MARK) for d in use_case.documents)


def test_a_byte_order_mark_before_python_does_no_harm(greeter: Path) -> None:
    configuration = json.loads((greeter / "config.json").read_bytes())
    (greeter / "config.json").unlink()
    (greeter / "config.py").write_text(f"configuration = {configuration!r}", encoding="utf-8")
    marked(greeter / "config.py")

    assert UseCase.load(greeter).configuration.title == "Greeter"


def as_program(folder: Path, before: str = "") -> None:
    """Write the configuration of a folder as a Python program, which begins with these lines."""
    configuration = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").unlink()
    (folder / "config.py").write_text(f"{before}\nconfiguration = {configuration!r}", encoding="utf-8")


def test_a_program_finds_no_keys_in_the_environment(greeter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "cko_" + "aB3-" * 16
    hidden = {
        "CODIKA_API_KEY": key,
        "OPENAI_API_KEY": "sk-1",
        "MY_PASSWORD": "p",
        "github_token": "t",
        "ODD": f"?{key}",
    }
    for name, value in hidden.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STAGE", "test")
    found = greeter / "found.json"
    dump = f"import json, os, pathlib; pathlib.Path({str(found)!r}).write_text(json.dumps(dict(os.environ)))"

    as_program(greeter, f"{dump}\nos.environ['MADE'] = 'here'")
    UseCase.load(greeter)

    seen = json.loads(found.read_text())
    assert hidden.keys().isdisjoint(seen)
    assert seen["STAGE"] == "test"
    assert all(os.environ[name] == value for name, value in hidden.items())
    monkeypatch.delenv("MADE")


def test_two_programs_at_once_find_no_keys_and_leave_nothing_changed(
    tmp_path: Path, greeter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "cko_" + "a" * 40)
    opened = open
    folders = []
    for number in range(4):
        folder = tmp_path / str(number)
        shutil.copytree(greeter, folder)
        text = (folder / "config.json").read_text()
        (folder / "config.json").unlink()
        (folder / "config.py").write_text(
            "import json, os, time\n"
            f"time.sleep({0.05 * number})\n"
            "assert 'CODIKA_API_KEY' not in os.environ\n"
            "time.sleep(0.1)\n"
            "assert 'CODIKA_API_KEY' not in os.environ\n"
            f"configuration = json.loads({text!r})\n"
        )
        folders.append(folder)
    with ThreadPoolExecutor() as pool:
        titles = [each.configuration.title for each in pool.map(UseCase.load, folders)]
    assert len(set(titles)) == 1
    assert os.environ["CODIKA_API_KEY"].startswith("cko_")
    assert open is opened


def test_keys_are_back_after_a_program_that_fails(greeter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "cko_x")
    as_program(greeter, "import os; os.environ['CODIKA_API_KEY']")
    with pytest.raises(UseCaseError, match="KeyError: reads CODIKA_API_KEY, which is withheld from it"):
        UseCase.load(greeter)
    assert os.environ["CODIKA_API_KEY"] == "cko_x"


def test_a_byte_order_mark_before_the_record_does_no_harm(greeter: Path) -> None:
    (greeter / "project.json").write_bytes(MARK + b'{"projectId": "p1"}')
    (greeter / "version.json").write_bytes(MARK + b'{"version": "1.2.3"}')

    use_case = UseCase.load(greeter)

    assert (use_case.links[0].project_id, use_case.version) == ("p1", "1.2.3")


def test_a_workflow_that_the_configuration_carries_is_sent_without_its_mark(greeter: Path) -> None:
    config = json.loads((greeter / "config.json").read_bytes())
    workflow = (greeter / "workflows" / "greet.json").read_bytes()
    marked(greeter / "workflows" / "greet.json")
    config["workflows"][0]["n8nWorkflowJsonBase64"] = base64.b64encode(MARK + workflow).decode()
    (greeter / "config.json").write_text(json.dumps(config), encoding="utf-8")

    use_case = UseCase.load(greeter)

    [sent] = use_case.deployment(project_id="p1")["configuration"]["workflows"]
    assert base64.b64decode(sent["n8nWorkflowJsonBase64"]) == workflow
    assert use_case.verify() == []


def test_a_workflow_given_as_text_may_have_a_mark(greeter: Path) -> None:
    text = (greeter / "workflows" / "greet.json").read_text(encoding="utf-8")
    configuration = UseCase.load(greeter).configuration

    made = UseCase(configuration, {"greet": "\ufeff" + text})

    assert (
        made.deployment(project_id="p1")["configuration"]
        == UseCase(configuration, {"greet": text}).deployment(project_id="p1")["configuration"]
    )


# --- writing ---------------------------------------------------------------------------------------


@posix
def test_owner_and_mode_are_never_set_by_name(greeter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("p1", None)
    (greeter / "project.json").chmod(0o640)
    given: list[tuple[int, int]] = []

    def by_name(*_: Any, **__: Any) -> None:
        raise AssertionError("by name")

    for name in ("chown", "chmod", "lchown"):
        monkeypatch.setattr(os, name, by_name)
    monkeypatch.setattr(Path, "chmod", by_name)
    monkeypatch.setattr(os, "fchown", lambda _, user, group: given.append((user, group)))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    use_case.record_project("p2", None)

    assert (greeter / "project.json").stat().st_mode & 0o777 == 0o640
    assert given == [(os.getuid(), os.getgid())]


def test_a_system_without_owners_and_modes_is_written_to(
    greeter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("geteuid", "fchown", "fchmod"):
        monkeypatch.delattr(os, name, raising=False)
    use_case = UseCase.load(greeter)

    use_case.record_project("p1", None)
    use_case.record_project("p2", None)

    assert use_case.links[0].project_id == "p2"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, 524])
def test_a_system_that_does_not_wait_for_disks_is_written_to(
    greeter: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unsupported(_: int) -> None:
        raise OSError(number, "not here")

    monkeypatch.setattr(os, "fsync", unsupported)
    use_case = UseCase.load(greeter)

    use_case.record_project("p1", None)

    assert use_case.links[0].project_id == "p1"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_fails_is_told(greeter: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def failing(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)

    with pytest.raises(UseCaseError, match=r"project\.json cannot be written"):
        UseCase.load(greeter).record_project("p1", None)
    assert not (greeter / "project.json").exists()
