"""Front ends: nothing that only some have is used, and the forms are filled in by keyboard in several."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest
from playwright.sync_api import Page, expect

from codika_nb import Client, Playground, ProfileStore, Sandbox, SignInForm, UseCase, sign_in
from codika_nb.display.markup import line
from codika_nb.notebook import cards
from tests.browser import (
    ARTEFACTS,
    chromium,
    end_kernels,
    free_port,
    keep,
    listening,
    needs_chromium,
    run_cell,
    served,
    wait_for_kernel,
)
from tests.conftest import EMAIL, FRONT_ENDS, GREETER, ROOT


def in_front_end(test: Any) -> Any:
    """Marks what runs in the environment of ``.ci/front-ends.txt``: see `tests.conftest`."""
    return pytest.mark.front_end(pytest.mark.timeout(900)(test))


CORE = {"@jupyter-widgets/base", "@jupyter-widgets/controls"}
EXPENSE_CLAIM = GREETER.parent / "expense-claim"


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme, Inc.")
    with Client(auth=profile.api_key, base_url=sandbox.url) as made:
        yield made


def states(widget: ipywidgets.Widget) -> Iterator[dict[str, Any]]:
    """What a browser is told about a widget, and about all that it refers to."""
    state = widget.get_state()
    yield state
    for name in state:
        value = getattr(widget, name, None)
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, ipywidgets.Widget):
                yield from states(each)


LOADED = re.compile(
    r"<script\b[^>]*>"
    r"|<(?:link|img|iframe)\b[^>]*\b(?:src|href)=\"(?!data:)[^\"]*\""
    r"|url\((?!data:)[^)]*\)|@import[^;]*",
    re.IGNORECASE,
)


def elsewhere(markup: str) -> list[str]:
    """Scripts, and addresses that a front end would fetch without being asked."""
    return LOADED.findall(markup)


def test_the_documents_say_which_versions_were_tried() -> None:
    """Those of `.ci/`, and of the packages that are asked for here."""
    said = (ROOT / "docs" / "where.md").read_text()
    tried = pinned(FRONT_ENDS)
    for label, version in {
        "Solara": tried["solara"],
        f"Panel with ipywidgets-bokeh {tried['ipywidgets-bokeh']}": tried["panel"],
        "marimo": tried["marimo"],
        "qtconsole": tried["qtconsole"],
        "VS Code's widget bundle, a real kernel": VS_CODE.rpartition("@")[2],
    }.items():
        assert f"| {label} | {version} |" in said
    for pins in sorted((ROOT / ".ci" / "kernels").glob("*.txt")):
        minor = pinned(pins)["ipykernel"].rpartition(".")[0]
        assert minor in said.partition("Kernels:")[2], pins
        if "jupyterlab" in pinned(pins):
            assert f"| JupyterLab | {pinned(pins)['jupyterlab'].rpartition('.')[0]} |" in said


def pinned(file: Path) -> dict[str, str]:
    """The versions in a file of requirements."""
    lines = [line.partition("==") for line in file.read_text().splitlines()]
    return {name: version for name, _, version in lines if version}


@pytest.mark.parametrize("make", ["sign-in", "playground"])
def test_forms_are_made_of_what_ipywidgets_brings(client: Client, make: str) -> None:
    form: Any
    if make == "sign-in":
        form = SignInForm("signup", base_url=client.base_url, store=ProfileStore())
    else:
        form = Playground(client, "claim", use_case=UseCase.load(EXPENSE_CLAIM), instance="none")
    seen = list(states(form))
    assert len(seen) > 12
    for state in seen:
        assert {state[name] for name in ("_model_module", "_view_module") if state.get(name)} <= CORE, state
        texts = [value for value in state.values() if isinstance(value, str)]
        assert [found for text in texts for found in elsewhere(text)] == []
    data = form._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/plain"} <= set(data)


def test_what_stands_in_a_shells_place_may_have_little_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on servers of dashboards."""
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=None))
    data = SignInForm()._repr_mimebundle_()
    assert "codika_nb.sign_in(" in data["text/html"]


def test_what_cells_show_loads_nothing(client: Client, sandbox: Sandbox, greeter: Path) -> None:
    deployed = client.deploy_use_case(greeter)
    here = deployed.process_instance_id
    run = client.run_workflow("greet", {"name": "Ada"}, instance=here)
    shown: list[Any] = [
        *(deployed, run, client.list_executions(here), client.list_executions(here).chart(), client.whoami()),
        *(client.list_projects(), UseCase.load(greeter), UseCase.load(greeter).verify(), sandbox.inbox),
        client.run_many("greet", [{"name": "Ada"}], instance=here, progress=False),
    ]
    for each in shown:
        assert elsewhere(each._repr_html_()) == [], each
    for bundle in (cards.sandbox(sandbox), cards.identity(client.whoami()), line("text")):
        assert set(bundle) == {"text/plain", "text/html"}
        assert elsewhere(bundle["text/html"]) == []


def test_the_search_for_addresses_finds_them() -> None:
    for markup in (
        '<script src="x">',
        '<img src="https://a.example/x.png">',
        "background: url(https://a.example)",
        '<link rel="stylesheet" href="x.css">',
    ):
        assert elsewhere(markup)
    assert not elsewhere('<img src="data:image/png;base64,AA=="><a href="https://doc.codika.io">')


# --- by keyboard ------------------------------------------------------------------------------------


#: What each label says, whether it is seen as a whole, and begins where its field does.
LABELS = """labels => labels.filter(label => label.textContent).map(label => {
    const text = document.createRange();
    text.selectNodeContents(label);
    const [begins, field] = [text, label.nextElementSibling].map(each => each.getBoundingClientRect().left);
    return [label.textContent, label.scrollWidth <= label.clientWidth + 1, Math.abs(begins - field) < 2];
})"""


def sign_up(page: Page, sandbox: Sandbox, name: str) -> None:
    """Fill the sign-in form in by keyboard, until somebody is signed in."""
    form = page.locator(".codika-signin").last
    email = form.get_by_label("E-mail")
    email.focus()
    page.keyboard.type(EMAIL)
    expect(email).to_have_value(EMAIL)
    assert form.locator("label.widget-label").evaluate_all(LABELS) == [
        ["E-mail", True, True],
        ["Organization (optional)", True, True],
    ]
    keep(page, f"{name}-1-email")
    page.keyboard.press("Enter")
    code = form.get_by_label("Six-digit code")
    expect(code).to_be_focused()
    expect(form.get_by_label("E-mail")).to_have_count(0)
    expect(form.get_by_role("button", name="Send code")).to_have_count(0)
    keep(page, f"{name}-2-code")
    page.keyboard.type(sandbox.code_for(EMAIL))
    signed_in = page.get_by_text("Signed in: My Organization, ")
    expect(signed_in.filter(visible=True).first).to_be_visible()
    expect(page.locator(".codika-signin")).to_have_count(0)
    # The focus is on its way there: who types elsewhere before that loses letters.
    expect(page.locator(".widget-label.codika-heard")).to_be_focused()
    keep(page, f"{name}-3-signed-in")


def greet(page: Page, name: str) -> None:
    """Run the greeter by keyboard in its playground."""
    form = page.locator(".codika-playground").last
    field = form.get_by_label("Name")
    field.focus()
    page.keyboard.type("Grace")
    expect(field).to_have_value("Grace")
    page.keyboard.press("Enter")
    expect(form.get_by_text("Hello, Grace!").first).to_be_visible()
    keep(page, f"{name}-4-playground")


# --- VS Code: the bundle by which its Jupyter extension draws ipywidgets, in front of a real kernel --

VS_CODE = "@vscode/jupyter-ipywidgets8@1.0.9"
#: What the page around it is made with.
AROUND_IT = ("@jupyterlab/services@7.6.6", "esbuild@0.28.2")

#: Runs cells in a kernel, and shows of each output the first of its kinds that can be drawn.
PAGE = """
import { KernelManager, ServerConnection } from "@jupyterlab/services";
import { activate } from "./bundle/dist/ipywidgets.js";

const WIDGET = "application/vnd.jupyter.widget-view+json";
const server = { baseUrl: location.origin, wsUrl: location.origin.replace("http", "ws"), token: "t" };
const settings = { serverSettings: ServerConnection.makeSettings(server) };
const cells = new Map(), places = new Map(), modules = {};
// VS Code has requirejs for what the bundle brings.
window.define = (name, make) => { modules[name] = make(); };
window.requirejs = ([name], then) => then(modules[name]);
let drawn = Promise.resolve();

const started = new KernelManager(settings).startNew({ name: "python3" }).then((kernel) => {
  activate();
  vscIPyWidgets8.load();
  const scripts = { widgetsRegisteredInRequireJs: new Set(), errorHandler() {}, successHandler() {} };
  const manager = new vscIPyWidgets.WidgetManager(kernel, document.body, scripts, () => {});
  kernel.iopubMessage.connect((_, { header: { msg_type }, parent_header, content }) => {
    const cell = cells.get(parent_header.msg_id), id = content.transient?.display_id;
    if (cell && ["display_data", "execute_result"].includes(msg_type)) {
      const output = cell.appendChild(document.createElement("div"));
      if (id) places.set(id, [...(places.get(id) ?? []), output]);
      drawn = drawn.then(() => draw(manager, content.data, output));
    } else if (msg_type === "update_display_data") {
      for (const each of places.get(id) ?? []) drawn = drawn.then(() => draw(manager, content.data, each));
    } else if (cell && ["stream", "error"].includes(msg_type)) {
      cell.append(content.text ?? content.traceback.join("\\n"));
    }
  });
  return kernel;
});

async function draw(manager, data, output) {
  const id = data[WIDGET]?.model_id;
  output.replaceChildren();
  if (id && manager.has_model(id)) {
    const view = await manager.create_view(await manager.get_model(id), {});
    await manager.display_view(data, view, { node: output });
  } else if (data["text/html"]) output.innerHTML = data["text/html"];
  else output.textContent = data["text/plain"];
}

window.run = async (source) => {
  const kernel = await started;
  const cell = document.body.appendChild(document.createElement("section"));
  const running = kernel.requestExecute({ code: source, allow_stdin: true });
  cells.set(running.msg.header.msg_id, cell);
  await running.done;
  await drawn;
  return cell.innerText;
};
"""


def npm(folder: Path, *words: str) -> None:
    """Have npm do something in a folder."""
    command = ["npm", "--silent", "--no-audit", "--no-fund", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def package(name: str, folder: Path) -> None:
    """Put the files of an npm package there, without what it depends on."""
    with tempfile.TemporaryDirectory() as scratch:
        npm(Path(scratch), "pack", name)
        # The first versions of Python 3.11 know no filter.
        filtered: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        shutil.unpack_archive(next(Path(scratch).glob("*.tgz")), scratch, **filtered)
        # Everything in a package is in one folder, which some call after themselves.
        (inside,) = (each for each in Path(scratch).iterdir() if each.is_dir())
        shutil.copytree(inside, folder)


@pytest.fixture(scope="module")
def vs_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with that page."""
    folder = tmp_path_factory.mktemp("vs-code")
    npm(folder, "install", "--prefix=.", "--ignore-scripts", *AROUND_IT)
    package(VS_CODE, folder / "bundle")
    (folder / "page.js").write_text(PAGE)
    options = ["--bundle", "--format=esm", "--define:process.env={}", "--define:global=globalThis"]
    npm(folder, "exec", "--offline", "--", "esbuild", "page.js", *options, "--outfile=site/page.js")
    (folder / "site/page.html").write_text('<!doctype html><script type="module" src="page.js"></script>')
    return folder / "site"


@in_front_end
@needs_chromium
def test_the_widgets_of_vs_code(tmp_path: Path, sandbox: Sandbox, greeter: Path, vs_code: Path) -> None:
    pages = f"--ServerApp.extra_static_paths={vs_code}"
    with (
        served(tmp_path, "server", [], more=[pages], CODIKA_BASE_URL=sandbox.url) as address,
        chromium(width=700) as page,
    ):
        page.goto(f"{address}static/page.html?token=t")
        page.evaluate("run('%load_ext codika_nb')")
        page.evaluate("run('form = %codika_signup')")
        sign_up(page, sandbox, "vs-code")
        assert "My Organization" in page.evaluate("run('%codika_whoami')")
        page.evaluate("source => run(source)", f"deployed = %codika_deploy {greeter}")
        page.evaluate("run('%codika_playground greet')")
        greet(page, "vs-code")


# --- servers of dashboards --------------------------------------------------------------------------

#: Solara's pages ask another server for these; they are taken from here if they are in its cache.
OF_SOLARA = ("@widgetti/solara-vuetify3-app@5.2.0", "requirejs@2.3.6", "font-awesome@4.5.0")

SOLARA = """
import codika_nb, solara

@solara.component
def Page():
    for make in (lambda: codika_nb.SignInForm(store=None), lambda: codika_nb.Playground(workflow="greet")):
        solara.display(solara.use_memo(make, []))
"""

PANEL = """
import codika_nb, panel

panel.extension("ipywidgets")
playground = codika_nb.Playground(workflow="greet")
playground["name"]  # is there: Panel goes through all widgets, and no new ones may come meanwhile
panel.Column(codika_nb.SignInForm(store=None), playground).servable()
"""


@pytest.fixture
def settings(sandbox: Sandbox, greeter: Path) -> dict[str, str]:
    """The variables by which a program finds the greeter, which is deployed, and an account for it."""
    key = sign_in("grace@example.com", ask_code=sandbox.code_for, base_url=sandbox.url).api_key
    with Client(auth=key, base_url=sandbox.url) as client:
        instance = client.deploy_use_case(greeter).process_instance_id
    assert instance
    return {"CODIKA_BASE_URL": sandbox.url, "CODIKA_API_KEY": key, "PROCESS_INSTANCE_ID": instance}


@in_front_end
@needs_chromium
@pytest.mark.parametrize("program", ["solara", "panel"])
def test_a_dashboard(program: str, tmp_path: Path, sandbox: Sandbox, settings: dict[str, str]) -> None:
    port = free_port()
    app = tmp_path / "app.py"
    if program == "solara":
        app.write_text(SOLARA)
        for name in OF_SOLARA:
            package(name, tmp_path / "cdn" / name)
        settings["SOLARA_ASSETS_PROXY_CACHE_DIR"] = str(tmp_path / "cdn")
        words = ["solara", "run", str(app), "--host=127.0.0.1", f"--port={port}", "--production", "--no-open"]
    else:
        app.write_text(PANEL)
        words = ["panel", "serve", str(app), "--address=127.0.0.1", f"--port={port}"]
    with listening(tmp_path, words, port, **settings), chromium(width=700) as page:
        page.goto(f"http://127.0.0.1:{port}/{'app' if program == 'panel' else ''}")
        sign_up(page, sandbox, program)
        greet(page, program)


# --- front ends that draw no widgets ----------------------------------------------------------------

MARIMO = """
import marimo
app = marimo.App()

@app.cell
def _():
    import codika_nb
    codika_nb.SignInForm()
    return (codika_nb,)

@app.cell
def _(codika_nb):
    profile = codika_nb.sign_in("ada@example.com", ask_code=input)
    profile
    return (profile,)
"""


@in_front_end
@needs_chromium
def test_marimo_says_what_works_there(tmp_path: Path, sandbox: Sandbox) -> None:
    app = tmp_path / "app.py"
    app.write_text(MARIMO)
    port = free_port()
    words = ["marimo", "edit", str(app), "--headless", "--no-token", "--host=127.0.0.1", f"--port={port}"]
    with listening(tmp_path, words, port, CODIKA_BASE_URL=sandbox.url), chromium() as page:
        page.goto(f"http://127.0.0.1:{port}/")
        said = page.get_by_text("Codika sign-in form. No fields here?")
        page.get_by_text("import").first.wait_for()
        while not said.count():
            page.keyboard.press("Control+Shift+R")  # runs all cells, once its own kernel is there
            page.wait_for_timeout(5000)
        expect(said).to_contain_text('codika_nb.sign_in("you@example.com", ask_code=input) asks in words.')
        page.get_by_placeholder("stdin").fill(sandbox.code_for(EMAIL))
        page.keyboard.press("Enter")
        expect(page.get_by_text("Profile('my-organization', organization='My Organization'")).to_be_visible()
        keep(page, "marimo")


QTCONSOLE = """
import json, sys, time, urllib.request
from qtconsole.manager import QtKernelManager
from qtconsole.rich_jupyter_widget import RichJupyterWidget
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

inbox, picture = sys.argv[1:]
application = QApplication([])
manager = QtKernelManager(kernel_name="python3")
manager.start_kernel()
client = manager.client()
client.start_channels()
console = RichJupyterWidget()
console.kernel_manager, console.kernel_client = manager, client
console.resize(900, 700)
console.show()
seen = 0

def until(text):
    global seen
    end = time.monotonic() + 200
    while (at := (said := console._control.toPlainText()).find(text, seen)) < 0:
        assert time.monotonic() < end, said
        QTest.qWait(20)
    seen = at + len(text)

def enter(line):
    QTest.keyClicks(console._control, line)
    QTest.keyClick(console._control, Qt.Key.Key_Return)

def code(email):
    asked = urllib.request.Request(f"{inbox}?email={email}", headers={"Accept": "application/json"})
    return json.load(urllib.request.urlopen(asked))[0]["code"]

until("In [1]: ")
enter("%load_ext codika_nb")
until("In [2]: ")
enter("%codika_signup")
until("In [3]: ")
enter("%codika_signup ada@example.com --prompt")
until("Six-digit code sent to ada@example.com")
enter(code("ada@example.com"))
until("In [4]: ")
enter("%codika_signup grace@example.com --company Grace --no-form")
until("In [5]: ")
enter(f"code = '{code('grace@example.com')}'")
until("In [6]: ")
enter("%codika_signup grace@example.com --company Grace --code $code")
until("In [7]: ")
console.grab().save(picture)
print(console._control.toPlainText())
client.stop_channels()
manager.shutdown_kernel()
"""


@in_front_end
def test_qtconsole_says_what_works_there(tmp_path: Path, sandbox: Sandbox) -> None:
    variables = {"CODIKA_BASE_URL": sandbox.url, "QT_QPA_PLATFORM": "offscreen"}
    ARTEFACTS.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", QTCONSOLE, f"{sandbox.url}/inbox", str(ARTEFACTS / "qtconsole.png")],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    form, asked, sent, _, completed = re.split(r"In \[\d\]: ", done.stdout)[2:7]
    assert "%codika_signup MAIL --prompt asks in words" in form
    assert "%codika_signup MAIL --no-form, and then the same with --code CODE." in form
    assert "Signed in: My Organization, profile my-organization" in asked
    assert "Complete with: %codika_signup grace@example.com --code $code --company Grace" in sent
    assert "Signed in: Grace, profile grace" in completed


# --- a notebook that is opened again ----------------------------------------------------------------


@needs_chromium
@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", ["lab", "notebook"])
def test_of_a_form_that_was_not_done_a_sentence_is_left(
    tmp_path: Path, program: str, settings: dict[str, str]
) -> None:
    cells = [
        "%load_ext codika_nb",
        "form = %codika_login x@example.com",
        "playground = %codika_playground greet",
    ]
    sentences = [
        "A sign-in form was here: run the cell again.",
        "The form of Greet someone was here: run the cell again.",
    ]
    with served(tmp_path, program, cells, **settings) as address, chromium(width=800) as page:

        def opened() -> None:
            page.goto(address)
            page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
            wait_for_kernel(address)

        opened()
        for cell in cells:
            run_cell(page, cell)
        expect(page.locator(".codika-form")).to_have_count(2)
        for sentence in sentences:
            expect(page.get_by_text(sentence)).to_be_hidden()
        page.keyboard.press("Control+s")
        notebook = tmp_path / "served" / "here.ipynb"
        for _ in range(600):
            if all(sentence in notebook.read_text() for sentence in sentences):
                break
            time.sleep(0.1)
        page.goto("about:blank")
        end_kernels(address)

        opened()
        for sentence in sentences:
            expect(page.get_by_text(sentence)).to_be_visible()
        seen = page.locator(".jp-OutputArea").all_inner_texts()
        assert [text.strip() for text in seen if text.strip()] == sentences
        keep(page, f"reopened-{program}")
