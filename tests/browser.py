"""JupyterLab as a person has it: ``codika-nb lab`` in one process, Chromium in front of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

ARTEFACTS = Path(__file__).resolve().parent.parent / "artefacts"
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Without one they are skipped, except in CI: see `pytest_runtest_setup` of `tests.conftest`.
needs_chromium = pytest.mark.browser
#: How long a page may take to show something, in milliseconds: a busy machine is not a wrong page.
SOON = 60_000
#: How long a server or a kernel may take to be there, or to end, in seconds.
PATIENCE = 240
expect.set_options(timeout=SOON)


@dataclass
class Lab:
    """A running ``codika-nb lab``."""

    process: subprocess.Popen[str]
    address: str
    sandbox: str
    folder: Path
    #: What it has printed.
    said: str

    def mail(self, email: str) -> list[dict[str, Any]]:
        """The sandbox's mail for an address, newest first."""
        request = urllib.request.Request(
            f"{self.sandbox}/inbox?email={email}", headers={"Accept": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def wait_for_kernel(self) -> None:
        """Wait until a kernel is idle with a front end attached: cells run before that are lost."""
        wait_for_kernel(self.address)


def wait_for_kernel(address: str) -> None:
    """Wait until a kernel is idle with a front end attached: cells run before that are lost."""
    parts = urlsplit(address)
    token = parse_qs(parts.query)["token"][0]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        kernels = []
        # While a kernel starts, Jupyter's own list of them may fail for a moment.
        with (
            suppress(urllib.error.HTTPError),
            urllib.request.urlopen(f"http://{parts.netloc}/api/kernels?token={token}") as answer,
        ):
            kernels = json.load(answer)
        if any(k["execution_state"] == "idle" and k["connections"] > 0 for k in kernels):
            time.sleep(0.5)
            return
        time.sleep(0.1)
    raise TimeoutError("no kernel became idle")


def end_kernels(address: str) -> None:
    """Shut every kernel of a server down, as a person who closes it for the day."""
    parts = urlsplit(address)
    token = parse_qs(parts.query)["token"][0]
    sessions = f"http://{parts.netloc}/api/sessions"
    with urllib.request.urlopen(f"{sessions}?token={token}") as answer:
        running = json.load(answer)
    for each in running:
        urllib.request.urlopen(
            urllib.request.Request(f"{sessions}/{each['id']}?token={token}", method="DELETE")
        ).close()


def _environment(scratch: Path, theme: str) -> dict[str, str]:
    """Settings that are nobody else's, and quiet."""
    config = scratch / "config" / "labconfig"
    config.mkdir(parents=True, exist_ok=True)
    settings = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        "@jupyterlab/apputils-extension:themes": {"theme": theme},
    }
    (config / "default_setting_overrides.json").write_text(json.dumps(settings))
    # So that a page can be asked to change its theme.
    exposed = {"LabApp": {"expose_app_in_browser": True}}
    (config.parent / "jupyter_lab_config.json").write_text(json.dumps(exposed))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CODIKA_", "JUPYTER", "PROCESS_"))}
    return kept | {
        "JUPYTER_CONFIG_DIR": str(config.parent),
        "JUPYTER_DATA_DIR": str(scratch / "data"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "XDG_CONFIG_HOME": str(scratch / "xdg"),
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def lab(scratch: Path, *, theme: str = "JupyterLab Light") -> Iterator[Lab]:
    """Start ``codika-nb lab`` with settings of its own, and stop it as Ctrl-C would."""
    environment = _environment(scratch, theme)
    folder = scratch / "tutorials"
    with (scratch / "lab.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "codika_nb", "lab", "--no-browser", f"--folder={folder}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout
            said = ""
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, f"codika-nb lab ended: {said}\n{(scratch / 'lab.log').read_text()}"
                said += line
            found = re.search(r"JupyterLab\s+(\S+)\nSandbox\s+(\S+)", said)
            assert found, said
            yield Lab(process, found[1], found[2], folder, said)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
            if process.stdout:
                process.stdout.close()


@contextmanager
def served(
    scratch: Path,
    program: str,
    cells: Sequence[str],
    *,
    theme: str = "JupyterLab Light",
    more: Sequence[str] = (),
    **environment: str,
) -> Iterator[str]:
    """Serve a notebook of these cells; yields its address.

    Args:
        scratch: a folder for it and for settings.
        program: ``lab``, ``notebook``, ``voila``, or ``server`` for one whose pages are given by `more`.
        cells: their sources.
        theme: of JupyterLab.
        more: for the command line.
        environment: variables.
    """
    folder = scratch / "served"
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "here.ipynb")
    port = free_port()
    if program == "voila":
        words, page = ["voila", str(folder / "here.ipynb"), "--no-browser"], "/"
        words += ["--Voila.ip=127.0.0.1", f"--port={port}"]
    else:
        module, page = {
            "lab": ("jupyterlab", "/lab/tree/here.ipynb?token=t&reset"),
            "notebook": ("notebook", "/notebooks/here.ipynb?token=t"),
            "server": ("jupyter_server", "/"),
        }[program]
        words = [module, "--no-browser", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
        words += [f"--ServerApp.root_dir={folder}", "--ServerApp.allow_root=True"]
    with listening(scratch, [*words, *more], port, theme=theme, JUPYTER_TOKEN="t", **environment):
        yield f"http://127.0.0.1:{port}{page}"


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def listening(
    scratch: Path, words: Sequence[str], port: int, *, theme: str = "JupyterLab Light", **environment: str
) -> Iterator[None]:
    """Run a module of Python that listens at a port.

    Args:
        scratch: a folder for settings, and for what it says.
        words: its name and arguments.
        port: which it listens at.
        theme: of JupyterLab.
        environment: variables.
    """
    said, settings = scratch / f"{words[0]}.log", _environment(scratch, theme) | environment
    with said.open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", *words], env=settings, stdout=log, stderr=log)
        try:
            _wait_for_port(port, process, said)
            yield
        finally:
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """End a program of others: some now and then do not, although they have been asked."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise TimeoutError(f"the server is not there: {log.read_text()}")


@contextmanager
def chromium(*, width: int = 1280, height: int = 1000, more: Sequence[str] = ()) -> Iterator[Page]:
    """A fresh browser window; `more` is for its command line."""
    assert CHROMIUM, "CI needs Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *more])
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(SOON)
            yield page
        finally:
            browser.close()


def keep(page: Page, name: str) -> None:
    """Keep a screenshot as an artefact of the run."""
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png")


def keep_in_both_themes(
    page: Page, name: str, *, narrow: int | None = None, check: Callable[[Page], None] = lambda page: None
) -> None:
    """Keep what JupyterLab shows in the light theme and what it then shows in the dark one, each checked.

    Args:
        page: JupyterLab in its light theme.
        name: of the pictures, which get ``-light`` and ``-dark``.
        narrow: how wide the window is in the dark, if not as wide as in the light.
        check: looks at each of the two.
    """
    check(page)
    keep(page, f"{name}-light")
    wide = page.viewport_size
    assert wide
    with in_theme(page, "JupyterLab Dark"):
        if narrow:
            page.set_viewport_size({"width": narrow, "height": wide["height"]})
        check(page)
        keep(page, f"{name}-dark")
    page.set_viewport_size(wide)


@contextmanager
def in_theme(page: Page, name: str) -> Iterator[None]:
    """JupyterLab in another theme than its light one."""
    for theme, is_light in ((name, "false"), ("JupyterLab Light", "true")):
        page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        page.locator(f"body[data-jp-theme-light={is_light}]").wait_for(state="attached")
        if theme == name:
            yield


def cell_with(page: Page, source: str) -> Locator:
    """The first cell with this text in its source."""
    return page.locator(".jp-CodeCell", has=page.locator(".jp-InputArea-editor", has_text=source)).first


def run_cell(page: Page, containing: str, *, within: float = 180.0) -> Locator:
    """Run the cell with this text in its source, wait until it has run, and return it."""
    cell = cell_with(page, containing)
    prompt = cell.locator(".jp-InputPrompt")
    # What is out of sight may be drawn later, and has no inner text before.
    cell.scroll_into_view_if_needed()
    expect(prompt).to_have_text(re.compile(r"\[.*\]:"))
    before, end, again = prompt.text_content(), time.monotonic() + within, 0.0
    while (now := time.monotonic()) < end:
        if (text := prompt.text_content() or "") == before and now > again:
            # A form that has just ended may take the keyboard between the click and the keys.
            cell.locator(".jp-InputArea-editor").click()
            page.keyboard.press("Control+Enter")
            again = now + 10
        elif text != before and re.fullmatch(r"\[\d+\]:", text):
            return cell
        time.sleep(0.1)
    raise TimeoutError(f"the cell with {containing!r} did not finish: {prompt.text_content()!r}")
