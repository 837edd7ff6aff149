"""The workshop in the browser alone: the site is built, served on loopback, and used without any network."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from codika_nb.cli import lite
from codika_nb.errors import ConfigError

from .browser import cell_with, chromium, keep, needs_chromium, run_cell

pytestmark = [needs_chromium, pytest.mark.timeout(900)]

IN_CI = bool(os.environ.get("CI"))
LARGEST = 40_000_000
#: How long Python may take to be there, in seconds, on a machine with much else to do.
STARTS = 240

#: Modules of ours that came without bytecode.
COMPILED = (
    "import os, sys; [name for name, module in sys.modules.items() if name.startswith('codika_nb')"
    " and not os.path.exists(module.__spec__.cached or '')]"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as the command makes it."""
    if not IN_CI and find_spec("jupyterlite_core") is None:
        pytest.skip("JupyterLite is not installed: pip install 'codika-nb[lite]'")
    if not IN_CI and shutil.which("npm") is None:
        pytest.skip("there is no npm to get Pyodide with")
    made = tmp_path_factory.mktemp("lite") / "site"
    command = [sys.executable, "-m", "codika_nb", "lite", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not IN_CI and done.returncode == 1:
        pytest.skip(f"it cannot be built here: {done.stderr[-400:]}")
    assert done.returncode == 0, done.stderr
    assert f"Made {made}:" in done.stdout
    return made


#: What the browser asks for by itself, whatever page it shows.
_BY_CHROMIUM = re.compile(
    r" (http://)?((update|optimizationguide-pa|content-autofill|safebrowsing)\.googleapis"
    r"|(accounts|www|clients2|android\.clients)\.google)\.com[:/]"
)


@dataclass
class Site:
    """The site on loopback, and whoever was asked for anything else."""

    url: str
    elsewhere: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    class Files(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def log_error(self, *_: object) -> None:
            known.missing.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=folder)) as server:
        known = Site(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield known
        server.shutdown()
    assert [each for each in known.elsewhere if not _BY_CHROMIUM.search(each)] == []


@contextmanager
def offline(site: Site) -> Iterator[Page]:
    """A browser that gets no further than this machine: whatever it wants elsewhere ends at a proxy."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def note() -> None:
            while True:
                try:
                    connection, _ = proxy.accept()
                except OSError:
                    return
                with connection:
                    site.elsewhere.append(connection.recv(200).partition(b"\r\n")[0].decode())

        threading.Thread(target=note, daemon=True).start()
        with chromium(more=[f"--proxy-server=127.0.0.1:{proxy.getsockname()[1]}"]) as page:
            page.context.on(
                "request",
                lambda asked: (
                    None
                    if asked.url.startswith((site.url, "blob:", "data:"))
                    else site.elsewhere.append(asked.url)
                ),
            )
            yield page


def there(page: Page) -> None:
    """Wait until a notebook is open and has its kernel.

    Python may take longer, and what is run until then waits for it. Before that the page shows the notebook
    once, and puts another view in its place: what is run there is lost.
    """
    for part in (
        ".jp-Toolbar-kernelName:has-text('Python')",
        ".jp-Notebook-ExecutionIndicator:not([data-status=initializing], [data-status=connecting])",
        ".jp-CodeCell",
    ):
        page.locator(part).first.wait_for(timeout=1000 * STARTS)


def until(what: Callable[[], bool], late: Callable[[], object]) -> None:
    end = time.monotonic() + STARTS
    while not what():
        assert time.monotonic() < end, late()
        time.sleep(0.2)


def run_all(page: Page) -> None:
    """Run every cell, and wait until the last one has."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    until(
        lambda: all(re.fullmatch(r"\[\d+\]:", each) for each in prompts.all_text_contents()),
        lambda: (prompts.all_text_contents(), page.locator(".jp-Dialog").all_text_contents()),
    )


def output(page: Page, containing: str) -> Locator:
    """What the cell with this text has put out."""
    return cell_with(page, containing).locator(".jp-OutputArea").first


def new_cell(page: Page, source: str) -> Locator:
    """Run a cell of one's own below the first one."""
    page.locator(".jp-CodeCell .jp-InputArea-editor").first.click()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(source)
    return run_cell(page, source.partition("\n")[0])


def test_somebody_signs_up_by_keyboard_and_is_known_after_a_reload(site: Site) -> None:
    with offline(site) as page:
        page.goto(site.url)
        keep(page, "lite-0-welcome")
        began = time.monotonic()
        page.get_by_role("link", name="Sign in and deploy").focus()
        page.keyboard.press("Enter")
        there(page)
        run_cell(page, "%load_ext codika_nb", within=STARTS)
        assert "at http://sandbox.localhost" in run_cell(page, "sandbox = %codika_sandbox").inner_text()
        form = run_cell(page, "form = %codika_signup").locator(".codika-form")
        email = form.get_by_label("E-mail")
        email.focus()
        print(f"the form: {time.monotonic() - began:.0f} s after the notebook was opened")
        page.keyboard.type("ada@example.com")
        page.keyboard.press("Enter")
        code = form.get_by_label("Six-digit code")
        code.wait_for()
        expect(code).to_be_focused()
        keep(page, "lite-1-code")
        mail = run_cell(page, "sandbox.inbox").locator("td code").first
        expect(mail).to_have_text(re.compile(r"\d{6}"))
        digits = mail.inner_text()
        code.focus()
        page.keyboard.type(digits)
        expect(output(page, "form = %codika_signup")).to_contain_text("Signed in: My Organization")
        for cell in ("if not form.done", "%codika_whoami", "deployed = %codika_deploy"):
            run_cell(page, cell)
        expect(run_cell(page, "run = %codika_trigger")).to_contain_text("Hello, Ada!")
        expect(run_cell(page, "with Client() as client")).to_contain_text("['Bonjour, Ada !', 'Hallo, Ada!']")
        keep(page, "lite-2-run")
        # What is kept is on its way within a second.
        time.sleep(1)

        page.reload()
        there(page)
        run_cell(page, "%load_ext codika_nb", within=STARTS)
        run_cell(page, "sandbox = %codika_sandbox")
        assert "My Organization" in run_cell(page, "%codika_whoami").inner_text()
        expect(run_cell(page, "run = %codika_trigger")).to_contain_text("Hello, Ada!")
        again = run_cell(page, "deployed = %codika_deploy").locator(".jp-OutputArea-output")
        expect(again).to_contain_text("1.1")

        # Nothing of it was compiled in the page, except what only some use.
        counted = new_cell(page, COMPILED).locator(".jp-OutputArea-executeResult")
        expect(counted).to_have_text(re.compile(r"\[\]"))

        # Real keys are refused before anything is done with them.
        refused = new_cell(
            page,
            "import codika_nb; codika_nb.Client(auth='cko_' + 'x' * 64, base_url='https://api.codika.io')",
        )
        expect(refused).to_contain_text("In a browser, codika_nb talks to the sandbox in the page alone")

        assert "has forgotten" in new_cell(page, "%codika_sandbox --forget").inner_text()
        run_cell(page, "sandbox = %codika_sandbox")
        assert "Nobody is signed in" in run_cell(page, "%codika_whoami").inner_text()


@pytest.mark.parametrize(
    ("notebook", "last"),
    [
        ("01_sign_in_and_deploy", "['Bonjour, Ada !', 'Hallo, Ada!']"),
        ("03_your_own_use_case", "5"),
        ("06_scripting", "('greet', {'greeting': 'Hello, Grace!', 'language': 'en'})"),
    ],
)
def test_a_tutorial_runs_to_its_end_by_itself(site: Site, notebook: str, last: str) -> None:
    with offline(site) as page:
        began = time.monotonic()
        page.goto(f"{site.url}/notebooks/index.html?path={notebook}.ipynb")
        there(page)
        run_all(page)
        print(f"{notebook}: at its end {time.monotonic() - began:.0f} s after it was opened")
        keep(page, f"lite-{notebook[:2]}")
        failed = page.locator('[data-mime-type="application/vnd.jupyter.error"]').all_text_contents()
        assert failed == []
        said = page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_text_contents()
        assert [each for each in said if "Warning" in each] == []
        results = page.locator(".jp-OutputArea-executeResult").all_text_contents()
        assert results[-1].endswith(last)


def test_it_is_small_enough_for_a_class_and_names_no_other_server(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= LARGEST
    assert "://" not in (folder / "index.html").read_text()


def test_links_of_its_notebooks_lead_to_its_files(folder: Path) -> None:
    notebooks = sorted((folder / "files").glob("*.ipynb"))
    links = []
    for notebook in notebooks:
        cells = nbformat.read(notebook, 4).cells
        texts = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        links += re.findall(r"\]\(([^)]+)\)|href=[\"']([^\"']+)", texts)
        if notebook.name.startswith("01"):  # that is not on the site, scripting is
            assert "Accounts and profiles" not in texts
            assert "* [Scripting](06_scripting.ipynb) for thousands of runs." in texts
    targets = {target.partition("#")[0] for link in links for target in link if target and ":" not in target}
    assert [target for target in targets if not (folder / "files" / target).exists()] == []
    assert "01_sign_in_and_deploy.ipynb" in targets


def test_as_a_file_it_says_what_to_do() -> None:
    page_of_the_site = Path(lite.__file__).with_name("lite.html")
    with chromium(width=500) as page:
        page.goto(page_of_the_site.as_uri())
        expect(page.get_by_text("python -m http.server")).to_be_visible()
        keep(page, "lite-file")
        page.emulate_media(color_scheme="dark")
        keep(page, "lite-file-dark")


def test_what_is_imported_for_the_first_form_comes_as_bytecode(folder: Path) -> None:
    with zipfile.ZipFile(folder / "static/pyodide/python_stdlib.zip") as library:
        assert {"json/decoder.pyc", "asyncio/base_events.pyc"} <= set(library.namelist())
    ours = next((folder / "static/pyodide").glob("codika_nb-*.whl"))
    with zipfile.ZipFile(ours) as wheel:
        names = set(wheel.namelist())
    assert "codika_nb/notebook/signin_form.py" in names
    assert [name for name in names if re.match(r"codika_nb/notebook/__pycache__/signin_form\..*\.pyc", name)]


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigError, match="not empty"):
        lite.build(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "pyodide").mkdir()
    with pytest.raises(ConfigError, match=r"not the npm package pyodide: pyodide\.mjs"):
        lite.build(tmp_path / "site", pyodide=tmp_path / "pyodide")
    # Nor is a file that is no archive, or one of something else.
    other = tmp_path / "other.tgz"
    with tarfile.open(other, "w:gz") as archive:
        archive.add(__file__, "package/pyodide-lock.json")
    for file in (Path(__file__), other):
        with pytest.raises(ConfigError, match=r"not the npm package pyodide: pyodide\.mjs"):
            lite.build(tmp_path / "site", pyodide=file)
