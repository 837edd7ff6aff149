"""The command line, as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from codika_nb.cli.tutorials import NOT_YOURS, copy_tutorials, tutorials

from .browser import lab


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codika_nb", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )


def test_demo_tells_the_whole_story(own_settings: Path) -> None:
    done = command("demo")
    assert done.returncode == 0, done.stderr
    steps = re.findall(r"^ *(\w+(?: \w+)?)  ", done.stdout, re.MULTILINE)
    assert steps == ["sandbox", "sign up", "profile", "deploy", "trigger", "result"]
    assert "Hello, Ada!" in done.stdout
    assert not re.search(r"cko_\S{9}", done.stdout), "the key is shown whole"
    assert list(own_settings.iterdir()) == [], "the demo keeps to a configuration folder of its own"


def test_console_script_and_module_are_the_same() -> None:
    script = subprocess.run(
        [Path(sys.executable).with_name("codika-nb"), "--version"], capture_output=True, text=True, check=True
    )
    assert command("--version").stdout == script.stdout
    assert re.fullmatch(r"codika-nb \d+\.\d+\.\d+\n", script.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are closed otherwise there")
@pytest.mark.parametrize("words", ["demo", "--help", "auth whoami --json", "sandbox --port 0"])
@pytest.mark.parametrize("lines", [0, 1])
def test_who_reads_no_further_gets_no_traceback(words: str, lines: int, own_settings: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "codika_nb", *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdout
        assert process.stderr
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        if lines and words.startswith("sandbox"):
            process.terminate()  # it may have said all that it has to say
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_sandbox_serves_until_it_is_told_to_stop(tmp_path: Path, name: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "codika_nb", "sandbox", "--port=0", f"--data={tmp_path / 'data'}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said = "".join(process.stdout.readline() for _ in range(4))
    url = re.search(r"http://\S+", said)
    assert url, said
    assert f"{url[0]}/inbox" in said
    with urllib.request.urlopen(f"{url[0]}/inbox") as page:
        assert page.status == 200
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "server process" not in err
    assert "Traceback" not in err
    assert (tmp_path / "data" / "sandbox.sqlite3").is_file()


def test_a_sandbox_for_others_says_where_they_reach_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "codika_nb", "sandbox", "--host=0.0.0.0", "--port=0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said = process.stdout.readline() + process.stdout.readline()
    process.terminate()
    process.communicate(timeout=10)
    mine, others = re.findall(r"http://(\S+?):\d+", said)
    assert mine == "127.0.0.1"
    assert others != mine


@pytest.mark.parametrize("words", [["sandbox"], ["lab", "--no-browser", "--folder=FOLDER"]])
def test_a_port_that_is_taken_is_named(tmp_path: Path, words: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = [word.replace("FOLDER", str(tmp_path / "tutorials")) for word in words]
        done = command(*words, f"--port={port}")
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_what_jupyterlab_says_is_shown_if_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "jupyter_lab_config.py").write_text("import sys\nsys.exit('Out of order.')")
    folder = f"--folder={tmp_path / 'tutorials'}"
    done = command("lab", "--no-browser", folder, JUPYTER_CONFIG_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "Out of order." in done.stderr
    assert "JupyterLab did not start.\nIts own message is above." in done.stderr


def test_the_users_copy_of_the_tutorials_is_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    copy_tutorials(folder)
    notebook = folder / "01_sign_in_and_deploy.ipynb"
    copied, original = (json.loads(each.read_text()) for each in (notebook, tutorials() / notebook.name))
    assert [cell["source"] for cell in copied["cells"]] == [cell["source"] for cell in original["cells"]]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in copied["cells"])
    assert (folder / "use-cases" / "greeter" / "workflows" / "greet.json").is_file()
    assert not list(folder.rglob("conftest.py"))
    assert NOT_YOURS("", ["project.json", "config.json"]) == {"project.json"}
    notebook.write_text("mine")
    (folder / "use-cases" / "greeter" / "config.json").unlink()
    copy_tutorials(folder)
    assert notebook.read_text() == "mine"
    assert (folder / "use-cases" / "greeter" / "config.json").is_file()


def test_a_lab_is_found_again_where_it_was(tmp_path: Path) -> None:
    """Profiles and endpoints are of its sandbox's address."""
    with lab(tmp_path) as running:
        first = running.sandbox
    with lab(tmp_path) as running:
        assert running.sandbox == first
        assert "before" not in running.said
    with socket.create_server(("127.0.0.1", int(first.rpartition(":")[2]))), lab(tmp_path) as running:
        assert running.sandbox != first
        assert f"It was at {first} before" in running.said
        second = running.sandbox
    with lab(tmp_path) as running:
        assert running.sandbox == second


def test_no_token_is_on_any_command_line(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$@" > {seen}.new; cat "${{1#file://}}" > {seen}.page\n'
        f'ls -ld "${{1#file://}}" > {seen}.mode; mv {seen}.new {seen}\n'
    )
    browser.chmod(0o700)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "codika_nb", "lab", f"--folder={tmp_path / 'tutorials'}"],
        env=os.environ | {"BROWSER": f"{browser} %s"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout
        token = ""
        while not token:
            line = process.stdout.readline()
            assert line, "codika-nb lab has ended"
            token = line.partition("token=")[2].strip()
        while not seen.exists():
            assert process.poll() is None
            time.sleep(0.05)
        lines = [
            (each / "cmdline").read_bytes()
            for each in Path("/proc").iterdir()
            if each.name.isdigit() and (each / "cmdline").exists()
        ]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    opened = seen.read_text()
    assert opened.startswith("file://")
    assert token not in opened
    assert not any(token.encode() in each for each in lines)
    assert f"?token={token}" in seen.with_suffix(".page").read_text()
    assert seen.with_suffix(".mode").read_text().startswith("-rw-------")
    assert not Path(opened.strip().removeprefix("file://")).exists()
