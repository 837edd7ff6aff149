"""Where secrets may not be: a whole session with canary values, and everything it left behind searched."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path

import nbclient
import nbformat
import pytest

from codika_nb import ProfileStore, Sandbox, SignInForm
from tests.kernels import kernel

CANARY = "canary-7f3a@example.com"
SESSION = [
    "%load_ext codika_nb\nimport logging, os\n"
    "logging.basicConfig(level=logging.DEBUG, filename=os.environ['KERNEL_LOG'])",
    "import ipywidgets\n"
    "# so that the saved state holds something in any case\nbox = ipywidgets.Text('kept'); box",
    "sandbox = %codika_sandbox\nform = %codika_signup",
    "email = open('email.txt').read()\nform.email.set_state({'value': email})\n"
    "form.send_code.click(); _ = form.settle()",
    "wrong = f'{(int(sandbox.code_for(email)) + 1) % 1_000_000:06}'\n"
    "form.code.value = wrong; form.submit.click(); _ = form.settle()",
    "open('code.txt', 'w').write(sandbox.code_for(email) + ' ' + wrong)\n"
    "form.code.value = sandbox.code_for(email); form.submit.click(); profile = form.wait(30)\nprofile",
    "form",
    "%codika_whoami",
    "from codika_nb import Client\nclient = Client()\n"
    "print(repr(client), client.auth, vars(client)); client.verify_key()",
    "from codika_nb.profiles import credential as session\n"
    "print(session.context, session.resolve(), form.signin, vars(form.signin))",
    "%codika_login",
    "again = %codika_logout\nagain",
]


def secrets_of(home: Path, cwd: Path) -> dict[str, str]:
    right, wrong = (cwd / "code.txt").read_text().split()
    return {"code": right, "wrong code": wrong, "key": (home / "key.txt").read_text()}


def everything_under(folder: Path, *, but: set[str]) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_bytes().decode("utf-8", "replace")
        for file in folder.rglob("*")
        if file.is_file() and file.name not in but
    }


@pytest.mark.kernel
def test_a_session_leaves_no_secret_behind(tmp_path: Path, own_settings: Path) -> None:
    cwd = tmp_path / "work"
    cwd.mkdir()
    (cwd / "email.txt").write_text(CANARY)
    environment = {
        "XDG_CONFIG_HOME": str(own_settings),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "KERNEL_LOG": str(tmp_path / "kernel.log"),
        "TMPDIR": str(tmp_path),
    }
    published = []
    with kernel(cwd, **environment) as running:
        for number, source in enumerate(SESSION):
            if number == len(SESSION) - 1:
                active = ProfileStore().active()
                assert active is not None
                (own_settings / "key.txt").write_text(active.api_key)
            outcome = running.run(source)
            assert not outcome.error, (source, outcome.traceback)
        published = running.overheard()
        assert len(published) > 50
    found = secrets_of(own_settings, cwd)
    heard = json.dumps(published, default=str)
    assert "Signed in: My Organization" in heard
    for name, secret in found.items():
        assert secret not in heard, f"the {name} was published"
    rows = []
    for database in (tmp_path / "ipython").rglob("history.sqlite"):
        with sqlite3.connect(database) as connection:
            rows += connection.execute("select source, source_raw from history").fetchall()
    assert len(rows) >= len(SESSION)
    left = everything_under(tmp_path, but={"code.txt"}) | {"history": json.dumps(rows)}
    assert "kernel.log" in left
    for name, secret in found.items():
        for place, text in left.items():
            assert secret not in text, f"the {name} is in {place}"
    for place, text in left.items():
        if place != "work/email.txt":
            assert CANARY not in text, f"the e-mail is in {place}"


@pytest.mark.kernel
def test_a_notebook_saved_with_widget_state_holds_nothing_typed(tmp_path: Path) -> None:
    """nbclient, and with it papermill and nbconvert, save the state of every widget by default."""
    (tmp_path / "email.txt").write_text(CANARY)
    cells = [nbformat.v4.new_code_cell(source) for source in SESSION[:-1]]
    cells[0].source = "%load_ext codika_nb"
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook,
        resources={"metadata": {"path": str(tmp_path)}},
        kernel_name="python3",
        store_widget_state=True,
    )
    client.execute()
    active = ProfileStore().active()
    assert active is not None
    right, wrong = (tmp_path / "code.txt").read_text().split()
    saved = nbformat.writes(notebook)
    assert notebook.metadata["widgets"], "the state was saved, or this test shows nothing"
    assert "Signed in: My Organization" in saved
    for secret in (right, wrong, active.api_key, CANARY):
        assert secret not in saved
    form_output = notebook.cells[2].outputs[-1]
    assert set(form_output["data"]) == {"text/plain", "text/html"}


#: Each ends in an error while the key or the code is on its way to a server that never answers.
STOPPED = {
    "%xmode Verbose\nimport asyncio, os, pickle, signal, socket, threading\n"
    "from codika_nb import AsyncClient, Client, InstanceKey, QueryKey, WebhookSignature\n"
    "nobody = socket.create_server(('127.0.0.1', 0))\nurl = f'http://127.0.0.1:{nobody.getsockname()[1]}'\n"
    "def secret(name):\n    return open(name).read()\n"
    "def stop_soon():\n    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()": "",
    "stop_soon(); Client(auth=QueryKey(secret('key')), base_url=url).run_workflow('w', {}, instance='i')": (
        "Interrupted"
    ),
    "stop_soon(); Client(auth=secret('key'), base_url=url).wait_for('e', instance='i')": "Interrupted",
    "stop_soon(); Client(base_url=url).complete_login('a@b.example', code=secret('code'))": "Interrupted",
    "await asyncio.wait_for(AsyncClient(auth=QueryKey(secret('key')), base_url=url).run_workflow("
    "'w', {}, instance='i'), 1)": "TimeoutError",
    "await asyncio.wait_for(AsyncClient(base_url=url).complete_login("
    "'a@b.example', code=secret('code')), 1)": "TimeoutError",
    "Client(auth=QueryKey(secret('key')), base_url=url, timeout=0.5).run_workflow('w', {}, instance='i')": (
        "RequestTimeoutError"
    ),
    "nobody.close(); Client(auth=QueryKey(secret('key')), base_url=url).trigger_workflow("
    "'w', instance='i')": "TransportError",
    "pickle.dumps(Client(auth=InstanceKey(secret('key')), base_url=url))": "TypeError",
    "pickle.dumps(Client(auth=InstanceKey(secret('key')), base_url=url).trigger_url('w', instance='i'))": (
        "TypeError"
    ),
}


@pytest.mark.kernel
def test_what_is_stopped_or_fails_shows_no_secret_however_verbose(tmp_path: Path) -> None:
    key, code = "ck_" + "aB3-" * 16, "482913"
    (tmp_path / "key").write_text(key)
    (tmp_path / "code").write_text(code)
    with kernel(tmp_path) as running:
        for source, expected in STOPPED.items():
            outcome = running.run(source)
            assert outcome.error == expected, (source, outcome.error, outcome.traceback)
        heard = json.dumps(running.overheard(), default=str)
    assert "TimeoutError" in heard
    for secret in (key, key[10:40], f"'{code}'", f'\\"{code}'):
        assert secret not in heard


def test_errors_and_logs_show_no_secret(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        form = SignInForm("signup", base_url=sandbox.url, store=ProfileStore())
        form.email.value = CANARY
        form.send_code.click()
        form.settle()
        code = sandbox.code_for(CANARY)
        form.code.value = code
        form.submit.click()
        key = form.wait(10).api_key
    printed = caplog.text + "".join(capfd.readouterr())
    assert "clicompletesignup" in printed, "nothing was logged, or this test shows nothing"
    for secret in (code, key, CANARY):
        assert secret not in printed
