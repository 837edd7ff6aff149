"""The magics in real kernels: what a cell shows, returns and refuses."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from codika_nb import Client, Profile, ProfileStore, Sandbox, sign_in
from codika_nb.notebook.reading import Line, payload_of
from tests.conftest import EMAIL, GREETER
from tests.kernels import Kernel, Outcome, SharedKernel, kernel

pytestmark = pytest.mark.kernel


@pytest.fixture
def shell(
    shared_kernel: SharedKernel, request: pytest.FixtureRequest, tmp_path: Path, own_settings: Path
) -> Iterator[Kernel]:
    with shared_kernel.renewed(tmp_path, request.session, XDG_CONFIG_HOME=str(own_settings)) as running:
        assert not running.run("%load_ext codika_nb").error
        yield running


@pytest.fixture
def fresh_shell(tmp_path: Path, own_settings: Path) -> Iterator[Kernel]:
    """A kernel that has loaded and remembers nothing yet."""
    with kernel(tmp_path, XDG_CONFIG_HOME=str(own_settings), IPYTHONDIR=str(tmp_path / "ipython")) as running:
        assert not running.run("%load_ext codika_nb").error
        yield running


@pytest.fixture
def profile_name(sandbox: Sandbox) -> str:
    """An account at the sandbox, whose profile is saved and active."""
    profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme, Inc.")
    assert profile.name
    return profile.name


def comms(outcome: Outcome) -> list[str]:
    return [m["content"]["target_name"] for m in outcome.messages if m["msg_type"] == "comm_open"]


def refused(outcome: Outcome, *words: str) -> None:
    """One or two lines that name the next step, and no traceback."""
    assert outcome.error
    text = "\n".join(outcome.traceback)
    assert text.count("\n") <= 2, text
    assert "Traceback" not in text
    assert ".py" not in text
    for word in words:
        assert word in text


def test_the_six_line_session(shell: Kernel, greeter: Path) -> None:
    stand_ins = greeter / "stand_ins.py"
    assert not shell.run(f"sandbox = %codika_sandbox --stand-ins {stand_ins}").error
    form = shell.run("form = %codika_signup", person=True)
    assert "application/vnd.jupyter.widget-view+json" in str(form.messages)
    assert "Codika sign-in form" in form.text
    shell.run(
        f"""
form.email.value = {EMAIL!r}; form.send_code.click(); form.settle()
form.code.value = sandbox.code_for({EMAIL!r}); form.submit.click()
"""
    )
    signed_in = shell.run("form.wait(30)")
    assert "Profile('my-organization'" in signed_in.text
    deployed = shell.run(f"%codika_deploy {greeter}")
    assert "Greeter is deployed" in deployed.text
    assert "1.0" in deployed.text
    run = shell.run('run = %codika_trigger greet {"name": "Ada"}')
    assert "greet succeeded" in run.text
    assert "{'greeting': 'Hello, Ada!', 'language': 'en'}" in shell.run("run.result").text
    assert "My Organization" in shell.run("%codika_whoami").text


@pytest.mark.parametrize("magic", ["codika_signup", "codika_login"])
def test_with_nobody_there_it_fails_at_once_with_the_ways_out(
    shell: Kernel, sandbox: Sandbox, magic: str
) -> None:
    shell.run("import codika_nb.client")
    outcome = shell.run(f"%{magic} --base-url {sandbox.url}")
    refused(outcome, "NotSignedIn", "CODIKA_API_KEY", "--no-form", "on this machine")
    assert comms(outcome) == []
    assert sandbox.inbox == []


def test_at_prompts_somebody_signs_in_where_no_form_is_drawn(shell: Kernel, sandbox: Sandbox) -> None:
    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return EMAIL if "E-mail" in prompt else sandbox.code_for(EMAIL)

    outcome = shell.run(f"%codika_signup --prompt --base-url {sandbox.url}", person=True, answer=answer)
    assert "Signed in: My Organization" in outcome.text
    assert [prompt.split()[0] for prompt in asked] == ["E-mail", "Six-digit"]
    assert comms(outcome) == []


def test_prompts_need_somebody_who_answers(shell: Kernel, sandbox: Sandbox) -> None:
    outcome = shell.run(f"%codika_signup {EMAIL} --prompt --base-url {sandbox.url}")
    refused(outcome, "NotSignedIn", "CODIKA_API_KEY", "--no-form")
    assert sandbox.inbox == []


def test_cells_below_an_open_form_say_to_fill_it_in(shell: Kernel, sandbox: Sandbox) -> None:
    shell.run(f"import os; os.environ['CODIKA_BASE_URL'] = {sandbox.url!r}")
    refused(shell.run("%codika_whoami"), "NotSignedIn", "%codika_signup")
    shell.run("form = %codika_signup", person=True)
    for cell in ("%codika_whoami", "from codika_nb import Client; Client().whoami()"):
        below = shell.run(cell, person=True)
        assert below.error == "NotSignedIn"
        assert "Fill in the form above, then run from here." in "".join(below.traceback)
    shell.run("form.cancel.click()")
    refused(shell.run("%codika_whoami"), "NotSignedIn", "%codika_signup")


def test_a_form_that_is_not_done_leaves_a_sentence_for_later(shell: Kernel, sandbox: Sandbox) -> None:
    shown = shell.run(f"form = %codika_signup --base-url {sandbox.url}", person=True)
    assert "A sign-in form was here: run the cell again." in shown.html
    assert "--prompt" in shown.text
    assert "--prompt" in shown.html  # where widgets cannot be drawn
    gone = shell.run("form.cancel.click()")
    assert "Signing in was cancelled" in gone.text


def test_a_form_is_there_in_few_messages_and_before_what_it_needs_later(
    fresh_shell: Kernel, sandbox: Sandbox
) -> None:
    shell = fresh_shell
    loaded = "import sys; print(sorted({'httpx', 'pydantic', 'codika_nb.client.api'} & set(sys.modules)))"
    outcome = shell.run(f"form = %codika_signup --base-url {sandbox.url}\n{loaded}", person=True)
    assert "[]" in outcome.text.splitlines()
    assert 10 < len([m for m in outcome.messages if m["msg_type"].startswith("comm_")]) < 18


def test_the_two_command_flow_without_anybody(shell: Kernel, sandbox: Sandbox) -> None:
    requested = shell.run(f"%codika_signup {EMAIL} --no-form --base-url {sandbox.url}")
    assert "A code is on its way" in requested.text
    shell.run(f"code = {sandbox.code_for(EMAIL)!r}")
    done = shell.run(
        f'profile = %codika_signup {EMAIL} --code $code --company "Acme, Inc." '
        f"--key-expires-in 30 --base-url {sandbox.url}"
    )
    assert "Signed in: Acme, Inc., profile acme-inc, key cko_" in done.text
    saved = ProfileStore().get("acme-inc")
    assert saved.base_url == sandbox.url
    assert saved.days_left() == 30
    assert "acme-inc" in shell.run("profile").text


def test_the_second_command_is_said_with_all_that_was_asked_for(shell: Kernel, sandbox: Sandbox) -> None:
    options = f"--company 'Acme, Inc.' --key-expires-in 30 --base-url {sandbox.url}"
    said = shell.run(f"%codika_signup {EMAIL} --no-form {options}").text
    command = said.partition("Complete with: ")[2].strip()
    assert command == f"%codika_signup {EMAIL} --code $code {options}"
    shell.run(f"code = {sandbox.code_for(EMAIL)!r}")
    assert "Signed in: Acme, Inc." in shell.run(command).text
    logged_out = shell.run("_ = %codika_logout").text
    assert "Logged out of Acme, Inc.: profile acme-inc is removed" in logged_out
    assert f"still works at {sandbox.url}." in logged_out


@pytest.mark.parametrize("person", [True, False])
def test_a_server_without_encryption_is_refused_before_anybody_types(shell: Kernel, person: bool) -> None:
    outcome = shell.run("%codika_signup --base-url http://codika.example", person=person)
    refused(outcome, "not encrypted", "CODIKA_ALLOW_HTTP")
    assert comms(outcome) == []


def test_code_that_is_wrong_or_no_code(shell: Kernel, sandbox: Sandbox) -> None:
    shell.run(f"%codika_signup {EMAIL} --no-form --base-url {sandbox.url}")
    wrong = f"{(int(sandbox.code_for(EMAIL)) + 1) % 1_000_000:06}"
    refused(shell.run(f"%codika_signup {EMAIL} --code {wrong} --base-url {sandbox.url}"), "4 attempts left")
    refused(shell.run(f"%codika_signup {EMAIL} --code letters --base-url {sandbox.url}"), "six digits")


def test_several_organizations_without_a_form(shell: Kernel, sandbox: Sandbox) -> None:
    sandbox.add_organization(EMAIL, "Acme")
    beta = sandbox.add_organization(EMAIL, "Beta Corp")
    shell.run(f"%codika_login {EMAIL} --no-form --base-url {sandbox.url}")
    line = f"%codika_login {EMAIL} --code {sandbox.code_for(EMAIL)} --base-url {sandbox.url}"
    refused(shell.run(line), "--organization-id", beta, "Beta Corp")
    assert "Signed in: Beta Corp" in shell.run(f"{line} --organization-id {beta}").text


def test_a_saved_profile_or_the_environment_is_enough_unattended(
    shell: Kernel, sandbox: Sandbox, profile_name: str, tmp_path: Path
) -> None:
    assert f"profile {profile_name}" in shell.run("who = %codika_login").text
    key = ProfileStore().get(profile_name).api_key
    ProfileStore().remove(profile_name)
    with kernel(tmp_path, CODIKA_API_KEY=key, CODIKA_BASE_URL=sandbox.url) as other:
        outcome = other.run("%load_ext codika_nb\nwho = %codika_login")
        assert "Signed in: Acme, Inc." in outcome.text
        assert key not in outcome.text
        assert "env (CODIKA_API_KEY)" in other.run("%codika_whoami").text
        assert comms(outcome) == []


def test_a_revoked_key_is_no_sign_in(shell: Kernel, profile_name: str) -> None:
    store = ProfileStore()
    profile = store.get(profile_name)
    raw = json.loads(store.path.read_text())
    raw["profiles"][profile_name]["apiKey"] = profile.api_key[:-4] + "AAAA"
    store.path.write_text(json.dumps(raw))
    refused(shell.run("%codika_whoami"), "AuthenticationError", "%codika_login")
    refused(shell.run("%codika_login"), "Nobody is there")


@pytest.mark.parametrize("line", ["%codika_whoami", "who = %codika_whoami", "%codika_use acme-inc"])
def test_a_magic_shows_its_outcome_once_and_returns_it(shell: Kernel, profile_name: str, line: str) -> None:
    outcome = shell.run(line)
    shown = [m for m in outcome.messages if m["msg_type"] in ("display_data", "execute_result")]
    assert len(shown) == 1
    assert "Acme, Inc." in shown[0]["content"]["data"]["text/plain"]
    if not line.startswith("who"):
        assert "Acme, Inc." in shell.run("_").text


def test_switching_profiles_holds_for_this_kernel_until_saved(shell: Kernel, sandbox: Sandbox) -> None:
    for email, company in ((EMAIL, "Acme"), ("grace@example.com", "Beta Corp")):
        sign_in(email, ask_code=sandbox.code_for, base_url=sandbox.url, company=company)
    assert "Beta Corp" in shell.run("%codika_whoami").text
    shell.run("%codika_use acme")
    assert "Acme" in shell.run("%codika_whoami").text
    active = ProfileStore().active()
    assert active is not None
    assert active.name == "beta-corp"
    assert "and saved as the active profile" in shell.run("%codika_use acme --save").text
    active = ProfileStore().active()
    assert active is not None
    assert active.name == "acme"
    assert f"still works at {sandbox.url}" in shell.run("%codika_logout").text
    assert [p.name for p in ProfileStore().list()] == ["beta-corp"]


def test_a_kernels_sandbox_with_its_data_knows_everybody_again(tmp_path: Path) -> None:
    """On the next day, in a new kernel."""
    start = f"%load_ext codika_nb\nimport sys; s = %codika_sandbox --data {tmp_path / 'data'}"
    with kernel(tmp_path) as first:
        first.run(start)
        first.run(f"from codika_nb import sign_in; sign_in({EMAIL!r}, ask_code=s.code_for, company='Acme')")
        address = first.run("print(s.url)").text.strip()
    with kernel(tmp_path) as second:
        assert "before" not in second.run(start).text
        assert "Acme" in second.run("%codika_whoami").text
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))), kernel(tmp_path) as third:
        assert f"It was at {address} before" in third.run(start).text
        assert "%codika_login makes a profile" in third.run("%codika_sandbox").text


def test_a_profile_of_an_earlier_sandbox_is_told_from_those_of_this_one(
    shell: Kernel, sandbox: Sandbox, profile_name: str
) -> None:
    shell.run("import os; os.environ.pop('CODIKA_BASE_URL', None)")
    assert f"Sandbox at {sandbox.url}" in shell.run("s = %codika_sandbox").text, "that of the account in use"
    shell.run("%env CODIKA_BASE_URL=")  # none that runs already
    shell.run("s = %codika_sandbox")
    taken = shell.run(f"_ = %codika_use {profile_name}").text
    assert "not the sandbox of this kernel." in taken
    there = f"{EMAIL!r}, ask_code=s.code_for, base_url=s.url"
    made = shell.run(f"from codika_nb import sign_in; print(sign_in({there}).name)").text.strip()
    assert f"whose profiles are: {made}." in shell.run(f"_ = %codika_use {profile_name}").text
    assert "Its server" not in shell.run(f"_ = %codika_use {made}").text


def test_a_key_of_the_environment_is_nothing_to_log_out_from(shell: Kernel) -> None:
    refused(shell.run("%codika_logout"), "Nobody is signed in.", "nothing to log out from")
    shell.run("import os; os.environ['CODIKA_API_KEY'] = 'cko_' + 'x' * 43")
    refused(shell.run("%codika_logout"), "No profile is in use: the key is from", "CODIKA_API_KEY")


def test_what_cannot_work_says_so_in_two_lines(shell: Kernel, profile_name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text('{"title": "Empty", "workflows": []}')
    broken = tmp_path / "broken"
    (broken / "workflows").mkdir(parents=True)
    (broken / "config.json").write_text((GREETER / "config.json").read_text())
    (broken / "workflows" / "greet.json").write_text('{"nodes": [,]}')

    refused(shell.run("%codika_use nobody"), "nobody", profile_name)
    refused(shell.run("%codika_deploy nowhere"), "nowhere")
    refused(shell.run("%codika_deploy empty"), "workflows")
    refused(shell.run("%codika_deploy broken"), "greet.json", "line 1")
    refused(shell.run("%codika_signup ada@example --no-form"), "not an e-mail address")
    refused(shell.run(f"%codika_signup {EMAIL} --no-form --company {'x' * 101}"), "101 characters")
    refused(shell.run("%codika_signup --key-expires-in 400"), "1 to 365")
    refused(shell.run("%codika_signup --nonsense"), "--nonsense")
    refused(shell.run("%codika_trigger greet {broken"), "payload")
    refused(shell.run("x = None\n%codika_trigger greet $x"), "x is None")
    refused(shell.run("%codika_trigger greet words here"), "words here", "$variable")
    refused(shell.run("%codika_deploy {nothing}"), "nothing")
    refused(shell.run("%codika_trigger greet {nothing}"), "nothing")
    refused(shell.run("%codika_trigger greet name=$nothing"), "There is no variable 'nothing' here")
    refused(
        shell.run("%codika_trigger greet"),
        "Nothing is deployed in",
        "Deploy a use case first: %codika_deploy FOLDER",
    )
    refused(shell.run('%codika_login "unbalanced'), "cannot be read")


def test_without_an_account_a_magic_says_how_to_get_one(shell: Kernel) -> None:
    refused(shell.run("%codika_whoami"), "Nobody is signed in", "%codika_signup")
    refused(shell.run("%codika_trigger greet"), "Nobody is signed in", "%codika_signup")


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ('{"name": "Ada $x {y} $z"}', "Ada X {y} $z"),
        ("{'name': 'Ada $x {y} $z'}", "Ada X {y} $z"),
        ("""'{"name": "Ada $x {y}"}'""", "Ada X {y}"),
        ("{payload}", "Ada $x {y}"),
        ("$payload", "Ada $x {y}"),
        ("payload", "Ada $x {y}"),
        ('{"name": x}', "X"),
        ("{**payload}", "Ada $x {y}"),
        ('{"name": x if true else null}', "X"),
        ('{"name": payload["name"]}', "Ada $x {y}"),
        ('{"name": {x}}', "X"),
        ('{"name": {payload["name"]}}', "Ada $x {y}"),
        ('{"name": $x, "language": "en"}', "X"),
        ('{"name": $deployed.version}', "1.0"),
        ('{"name": "$deployed.version"}', "1.0"),
        ('{holder["p"]}', "Ada $x {y}"),
        ('{"name": "Ada"};', "Ada"),
        ('{"name": "# Ada"}  # who it is', "# Ada"),
        (r'{"name": "Ada\\"}  # who it is', r"Ada\\"),
        ("name=Ada language=en", "Ada"),
        ('name="Ada L."', "Ada L."),
        ('name="4"', "4"),
        ("name='true'", "true"),
        ("name=$x", "X"),
        ("name={four}", "4"),
        ('name="$four"', "4"),
        ("@who.json", "from a file"),
        ("$text", "in a text"),
        ("$row", "in a row"),
        ("row", "in a row"),
        ("{frame.iloc[0]}", "in a row"),
        ("$mapping", "in a mapping"),
    ],
)
@pytest.mark.usefixtures("profile_name")
def test_payloads_by_value_and_by_name(shell: Kernel, greeter: Path, payload: str, name: str) -> None:
    with Client() as client:
        instance = client.deploy_use_case(greeter).process_instance_id
    shell.run(
        "from types import SimpleNamespace\n"
        f'payload = {{"name": "Ada $x {{y}}"}}; x, y = "X", "Y"; here = {instance!r}\n'
        'deployed = SimpleNamespace(version="1.0"); holder = {"p": payload}; four = "4"\n'
        """text = '{"name": "in a text"}'; open("who.json", "w").write('{"name": "from a file"}')"""
    )
    if name in ("in a row", "in a mapping"):
        shell.run(
            "from types import MappingProxyType; import pandas\n"
            'mapping = MappingProxyType({"name": "in a mapping"})\n'
            'frame = pandas.DataFrame({"name": ["in a row"], "age": [None]}); row = frame.iloc[0]'
        )
    outcome = shell.run(f"run = %codika_trigger greet --instance={{here}} {payload}")
    assert f"Hello, {name}!" in outcome.text, outcome.traceback


@pytest.mark.usefixtures("profile_name")
def test_a_call_that_fails_shows_the_persons_own_lines(shell: Kernel, greeter: Path) -> None:
    shell.run(f"from codika_nb import Client; c = Client(); d = c.deploy_use_case({str(greeter)!r})")
    outcome = shell.run("def nobody():\n    return c.run_workflow('greet', {'name': 4})\nnobody().result")
    shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(outcome.traceback))
    assert "----> 3 nobody()" in shown
    assert "----> 2     return c.run_workflow" in shown
    assert not re.search("site-packages|codika_nb/", shown)
    for call in ("greet(nme='Ada')", "greet('Ada')", "greet(language='fr')"):
        misspelt = shell.run(f"greet = c.workflow('greet')\n{call}")
        shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(misspelt.traceback))
        assert f"----> 2 {call}" in shown
        assert "TypeError: greet() " in shown
        assert not re.search("site-packages|codika_nb/", shown)
    for attribute, meant in (("list_runs", "list_executions"), ("executions", "list_executions")):
        missing = shell.run(f"c.{attribute}")
        shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(missing.traceback))
        assert f"AttributeError: Client has no {attribute}: did you mean {meant}?" in shown
        assert not re.search("site-packages|codika_nb/", shown)
    within = "def f(n):\n    return f(n - 1) if n else c.run_workflow('greet', {})\n"
    chained = shell.run(f"{within}try:\n    1 / 0\nexcept ZeroDivisionError:\n    f(400)")
    shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(chained.traceback))
    assert "ZeroDivisionError" in shown  # the person's own, before it
    assert '"payload.name" is required' in shown
    below = shell.run("import sys, traceback; print(len(traceback.extract_tb(sys.last_traceback)))")
    assert int(below.text) > 3  # for the debugger


def test_variables_in_words_stay_what_they_are(shell: Kernel, sandbox: Sandbox, greeter: Path) -> None:
    key = f"{EMAIL!r}, ask_code=s.code_for, company='Acme'"
    shell.run(f"s = %codika_sandbox\nfrom codika_nb import sign_in; sign_in({key})")
    shell.run(f"_ = %codika_deploy {greeter}\nseen = []")
    shell.run("s.workflow('greet')(lambda payload: seen.append(payload) or {})\ntags, n = ['a \"b\"'], 4")
    outcome = shell.run('%codika_trigger greet name="Ada \'L.\'" tags=$tags nested.m={n} n=4 m="4"')
    assert "Sent, but no part of the form: tags, nested.m, n, m." in outcome.text, outcome.traceback
    shell.run("who, n, text = 'Zoe $n', 4, 'x'")
    shell.run('%codika_trigger greet {"name": "$who", "n": $n, "$n": "a $n", "t": text}')
    assert ast.literal_eval(shell.run("seen.pop()").text) == {"name": "Zoe $n", "n": 4, "$n": "a 4", "t": "x"}
    sent = {"name": "Ada 'L.'", "tags": ['a "b"'], "nested.m": 4, "n": 4, "m": "4"}
    assert ast.literal_eval(shell.run("seen[-1]").text) == sent
    many = "Client().run_many('greet', [{'name': 'Ada'}, {'name': 'Ada', 'lang': 'fr'}], progress=False)"
    assert "lang (did you mean language?)" in shell.run(f"from codika_nb import Client; {many}").html


def test_a_file_is_a_word_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_bytes(b"hi")
    (file,) = (payload_of(["photo=@a.txt"], {}) or {}).values()
    assert file == {"fileName": "a.txt", "mimeType": "text/plain", "fileSize": 2, "contentBase64": "aGk="}
    read = Line('greet handle="@ada" n=@nowhere.txt', {}, payload=True)
    assert payload_of(read.words[1:2], {}) == {"handle": "@ada"}
    for line in ("greet photo=$path", "greet photo={path}", "greet photo={path.read_bytes()}"):
        (word,) = Line(line, {"path": Path("a.txt")}, payload=True).words[1:]
        assert (payload_of([word], {}) or {})["photo"]["contentBase64"] == "aGk="
    with pytest.raises(UsageError, match=r'nowhere.txt cannot be read.*in quotes: n="@nowhere.txt"'):
        payload_of(read.words[2:], {})


def test_a_cell_is_a_payload_too(shell: Kernel, sandbox: Sandbox, profile_name: str, greeter: Path) -> None:
    shell.run(f"_ = %codika_deploy {greeter}")
    twice = shell.run('%%codika_trigger greet language=fr\n{"name": "Ada"}')
    assert "'language=fr' stands beside another payload" in "".join(twice.traceback)
    outcome = shell.run('%%codika_trigger greet\n{\n  "name": "Ada",\n  "language": "fr"\n}\n')
    assert "Bonjour, Ada !" in outcome.text, outcome.traceback


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ('name=Ada lines=[{"sku": "A 1", "n": 2}]', {"name": "Ada", "lines": [{"sku": "A 1", "n": 2}]}),
        ('name=Ada at={"x": {"y": [1, 2]}} n=4', {"name": "Ada", "at": {"x": {"y": [1, 2]}}, "n": 4}),
        ('name="Ada L" tags=["a b", "c"]', {"name": "Ada L", "tags": ["a b", "c"]}),
        ('{"name": "Ada", "q": "find x=[1] y={2}"}', {"name": "Ada", "q": "find x=[1] y={2}"}),
        ("name={who} tags=[1, 2]", {"name": "Zoe", "tags": [1, 2]}),
        ('tags=["$who", "x $who"] n={who}', {"tags": ["Zoe", "x Zoe"], "n": "Zoe"}),
    ],
)
def test_values_in_json_are_words_too(line: str, sent: dict[str, Any]) -> None:
    read = Line(f"greet {line}", {"who": "Zoe"}, payload=True)
    assert (read.payload or payload_of(read.words[1:], {})) == sent


def test_variables_are_parts_of_words_everywhere(shell: Kernel, sandbox: Sandbox, greeter: Path) -> None:
    code = f"{EMAIL!r}, ask_code=s.code_for, company='Acme'"
    shell.run(f"s = %codika_sandbox\nfrom codika_nb import sign_in; sign_in({code})")
    shell.run(f'team = "Blue"; base = {str(greeter.parent)!r}; cash = "no"')
    outcome = shell.run(
        f'd = %codika_deploy {{base}}/{greeter.name} --create-project "{{team}} $5 project"  # new'
    )
    assert "is deployed" in outcome.text, outcome.traceback
    with Client() as client:
        assert [each.name for each in client.list_projects()] == ["Blue $5 project"]
    refused(shell.run("%codika_deploy {base.nothing}/x"), "base.nothing")
    refused(shell.run("%codika_deploy $base.nothing"), "base has no nothing")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("%codika_deploy x --publsh", "--publish"),
        ("%codika_trigger greet --no-wiat", "--no-wait"),
        ("%codika_login zoe@example.com --organization x", "--organization-id"),
        ("%codika_deploy x --DRY-RUN", "--dry-run"),
        ("%codika_instances --hepl", "--help"),
        ("%codika_instances --env prod", "--environment"),
        ("%codika_trigger greet --env prod", "--instance"),
        ("%codika_executions greet --environment prod", "--instance"),
    ],
)
def test_a_misspelt_option_is_found(shell: Kernel, line: str, meant: str) -> None:
    refused(shell.run(line), f"did you mean {meant}?")


def test_a_line_that_cannot_be_read_is_answered_with_one_that_can(shell: Kernel, tmp_path: Path) -> None:
    refused(shell.run("%codika_deploy"), "required: path", "Example: %codika_deploy ")
    other = shell.run("%codika_trigger greet --name Ada")
    refused(other, "--name Ada", 'Example: run = %codika_trigger greet {"name": "Ada"}')
    assert "did you mean" not in "".join(other.traceback)
    refused(shell.run('%codika_trigger greet {"name": "Ada"'), "A closing } is missing.")
    refused(shell.run('%codika_trigger greet {"a": {"name": "Ada"}'), "A closing } is missing.")
    shell.run("from pathlib import Path\n_ = Path('ada.json').write_text('{}')")
    refused(shell.run("%codika_trigger greet ada.json"), "A file is given as @ada.json")
    refused(shell.run("%codika_trigger greet eve.json"), "'eve.json' is no payload")
    spaced = shell.run("%codika_trigger greet name=Grace Brewster Hopper language=en")
    refused(spaced, 'A text with blanks stands in quotes: name="Grace Brewster Hopper"')
    spaced = shell.run('%codika_trigger greet name="Grace Brewster" Hopper')
    refused(spaced, 'A text with blanks stands in quotes: name="Grace Brewster Hopper"')
    shell.run("person = {'name': 'Ada'}")
    refused(shell.run("%codika_deploy {person[0]}"), "{person[0]} cannot be evaluated: KeyError: 0.")
    for written, said in (
        ('{"name": person["nom"]}', "The payload cannot be evaluated: KeyError: 'nom'."),
        ('{"name": nobody}', "There is no variable 'nobody' here."),
        ('{"name": 1/0}', "The payload cannot be evaluated: ZeroDivisionError: division by zero."),
        ('{"name": person.nom}', "The payload cannot be evaluated: AttributeError: "),
        ('{"name": "x" + 1}', "The payload cannot be evaluated: TypeError: "),
        ('{"name": int("x")}', "The payload cannot be evaluated: ValueError: "),
        ("{x}", "is no payload, which is an object: JSON, "),
    ):
        refused(shell.run(f"x = [1, 2]\n%codika_trigger greet {written}"), said)
    shell.run("Path('use-cases/desk').mkdir(parents=True)")
    refused(shell.run("%codika_deploy desk"), "There is no folder", "Did you mean use-cases/desk?")
    refused(shell.run("%codika_deploy use-cases/dsek"), "There is no folder", "Did you mean use-cases/desk?")
    refused(shell.run("%codika_sandbox --forget"), "--forget is for a kernel in the browser")


def test_what_there_is_is_listed_with_how_to_go_on(shell: Kernel, profile_name: str, greeter: Path) -> None:
    assert "No projects" in shell.run("%codika_projects").text
    shell.run(f"d = %codika_deploy {greeter}")
    listed = shell.run("projects = %codika_projects").text
    assert "%codika_deploy FOLDER --project ID" in listed
    project = shell.run("projects[0].id").text.strip("'\n")
    for option in ("--project", "--project-id"):  # the second is what the codika tool calls it
        planned = shell.run(f"%codika_deploy {greeter} {option} {project} --dry-run")
        assert not planned.error
        assert project in planned.text
    assert shell.run("d.process_instance_id in repr(instances)").error == "NameError"
    there = shell.run("instances = %codika_instances --environment dev")
    assert "%codika_trigger WORKFLOW --instance ID" in there.text
    assert "<table" in there.html
    assert "True" in shell.run("instances[0].process_instance_id == d.process_instance_id").text
    refused(shell.run("%codika_instances --environment test"), "dev")
    used = shell.run("profiles = %codika_use")
    assert profile_name in used.text
    assert "in use" in used.text
    assert "%codika_use PROFILE" in used.text
    assert "cko_" in used.text
    assert "True" in shell.run(f"profiles[0].name == {profile_name!r}").text


def test_the_active_profile_is_told_from_the_one_in_use(
    shell: Kernel, sandbox: Sandbox, profile_name: str
) -> None:
    sign_in("grace@example.com", ask_code=sandbox.code_for, base_url=sandbox.url, company="Engines")
    shell.run(f"%codika_use {profile_name}")
    listed = shell.run("_ = %codika_use").text
    assert re.search(rf"^in use +{profile_name} ", listed, re.MULTILINE)
    assert re.search(r"^active +engines ", listed, re.MULTILINE)
    assert "--save" in listed


def test_help_is_an_option_too(shell: Kernel) -> None:
    assert "--no-wait" in shell.run("%codika_trigger --help").text


def test_a_failed_run_shows_node_and_reason(
    shell: Kernel, sandbox: Sandbox, profile_name: str, greeter: Path
) -> None:
    @sandbox.workflow("greet")
    def greet(payload: dict[str, object]) -> None:
        raise RuntimeError("no greeting today")

    shell.run(f"%codika_deploy {greeter}")
    refused(shell.run("%codika_trigger nope {}"), "nope", "There is: greet")
    refused(shell.run('%codika_trigger greet {"name": "Ada"} --timeout -1'), "-1")
    assert "No executions" in shell.run("%codika_executions").text
    outcome = shell.run('run = %codika_trigger greet {"name": "Ada"}')
    assert "greet failed" in outcome.text
    assert "no greeting today" in outcome.text
    assert shell.run("run.result").error == "ExecutionFailedError"


def test_runs_are_listed_newest_first(shell: Kernel, profile_name: str, greeter: Path) -> None:
    shell.run(f"_ = %codika_deploy {greeter}")
    for name in ("Ada", "Grace"):
        shell.run(f'_ = %codika_trigger greet {{"name": "{name}"}}')
    listed = shell.run("runs = %codika_executions greet")
    assert listed.text.count("success") == 2, listed.traceback
    assert "<table" in listed.html
    assert shell.run("[run.status for run in runs]").text.strip() == "['success', 'success']"
    assert shell.run("instance = runs[0].instance\nprint(instance)").text.strip() in listed.html
    refused(shell.run("%codika_executions --limit 1000"), "100")
    refused(shell.run("%codika_trigger greet {}"), "payload.name", "%codika_playground")
    assert "No run has failed at instance" in shell.run("%codika_executions --failed").text


def test_help_is_the_magics_own(shell: Kernel) -> None:
    message = shell.run("print(get_ipython().find_line_magic('codika_signup').__doc__)").text
    assert "Create a Codika account" in message
    for option in ("--company", "--key-expires-in", "--base-url", "--no-form", "--code"):
        assert option in message


def test_loading_again_ends_nothing_and_unloading_leaves_no_magic(shell: Kernel) -> None:
    shell.run("s = %codika_sandbox")
    shell.run(f"from codika_nb import sign_in; sign_in({EMAIL!r}, ask_code=s.code_for, company='Acme')")
    assert not shell.run("%reload_ext codika_nb").error
    assert "Acme" in shell.run("%codika_whoami").text
    assert not shell.run("%unload_ext codika_nb").error
    magics = "get_ipython().magics_manager.magics['line']"
    assert shell.run(f"[name for name in {magics} if 'codika' in name]").text == "[]\n"
    assert shell.run("s.inbox").error == ""


def test_the_kernel_stays_free_while_the_network_does_not_answer(shell: Kernel) -> None:
    release = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

        def answer_late() -> None:
            connection, _ = server.accept()
            with connection:
                release.wait(60)

        server.settimeout(30)
        thread = threading.Thread(target=answer_late, daemon=True)
        thread.start()
        shell.run(f"form = %codika_signup {EMAIL} --base-url {url}", person=True)
        shell.run("form.send_code.click()")
        shell.run(
            "import ipywidgets; other = ipywidgets.Button(); clicks = []; other.on_click(clicks.append)"
        )
        click = {"method": "custom", "content": {"event": "click"}}
        other = shell.run("print(other.comm.comm_id)").text.strip()
        shell.client.shell_channel.send(
            shell.client.session.msg("comm_msg", {"comm_id": other, "data": click})
        )
        assert "1 click" in shell.run("print(len(clicks), 'click')").text
        outcome = shell.run("form.send_code.description")
        assert "Sending…" in outcome.text
        release.set()
        thread.join()
    assert "cannot be reached" in shell.run("form.settle().message.value").text


def test_a_lab_that_runs_a_sandbox_shares_it(
    shell: Kernel, sandbox: Sandbox, greeter: Path, tmp_path: Path
) -> None:
    with kernel(tmp_path, CODIKA_BASE_URL=sandbox.url) as other:
        outcome = other.run("%load_ext codika_nb\nsandbox = %codika_sandbox")
        assert sandbox.url in outcome.text
        other.run(f"%codika_signup {EMAIL} --no-form")
        assert sandbox.code_for(EMAIL) in other.run(f"sandbox.code_for({EMAIL!r})").text
        inbox = other.run("sandbox.inbox")
        assert sandbox.code_for(EMAIL) in inbox.text
        assert "<table" in inbox.html
        for beyond in ('webhook_secret("x", "greet")', "clock"):
            outcome = other.run(f"sandbox.{beyond}")
            assert outcome.error == "AttributeError"
            assert f"it runs in another process, at {sandbox.url}" in outcome.traceback[-1]
        gone = (
            "from codika_nb.notebook.remote_sandbox import RemoteSandbox; RemoteSandbox('http://127.0.0.1:9')"
        )
        for asked in (".inbox", ".code_for('ada@example.com')"):
            outcome = shell.run(gone + asked)
            assert outcome.error == "TransportError"
            assert "codika-nb lab" in outcome.traceback[-1]
        assert other.run("sandbox.instance_key('x')").error == "NotSignedIn"
        other.run(f"%codika_signup {EMAIL} --code {sandbox.code_for(EMAIL)}")
        other.run(f"from codika_nb import Client\ndeployed = %codika_deploy {greeter}")
        other.run("here = deployed.process_instance_id\ncolleague = Client(auth=sandbox.instance_key(here))")
        ran = other.run("colleague.run_workflow('greet', {'name': 'Ada'}, instance=here).result")
        assert "Hello, Ada!" in ran.text
        assert "for ID also dev or prod" in other.run("_ = %codika_instances").text
        # A colleague's key is taken back.
        made = other.run(
            "client = Client()\nkey = client.create_organization_key('Bo', scopes=['workflows:trigger'])\n"
            "bo = Client(auth=key.raw.get_secret_value(), base_url=sandbox.url)\n"
            "print(bo.run_workflow('greet', {'name': 'Bo'}, instance=here).result)"
        )
        assert "Hello, Bo!" in made.text
        other.run("sandbox.revoke_key(key.key_id)")
        assert "The API key has been revoked." in other.run("bo.whoami()").traceback[-1]
        for how in ("'Cy'", "made"):
            other.run("made = client.create_organization_key('Cy', scopes=['workflows:trigger'])")
            other.run(f"sandbox.revoke_key({how})")
            refused_key = other.run("Client(auth=made, base_url=sandbox.url).whoami()")
            assert "The API key has been revoked." in refused_key.traceback[-1]
        other.run("for _ in 'ab': client.create_organization_key('Di', scopes=['workflows:trigger'])")
        assert "2 keys have that name: give the id" in other.run("sandbox.revoke_key('Di')").traceback[-1]
        assert "slack is connected" not in other.run("sandbox.connect_integration('slack')").text
        assert (
            other.run("[each.integration_id for each in client.list_integrations()]").text.strip()
            == "['slack']"
        )
        odd = other.run("sandbox.connect_integration('slack', 'world')")
        assert "neither organization nor member" in odd.traceback[-1]
        unknown = other.run("sandbox.revoke_key('nope')")
        assert unknown.error == "NotFoundError"
        assert "There is no such API key." in unknown.traceback[-1]
        assert "There is: " in unknown.traceback[-1]
        assert "Di" in unknown.traceback[-1]
        other.run("%codika_sandbox --stop")
    assert Client(base_url=sandbox.url).perform is not None
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=1):
        pass


def test_signing_in_at_a_sandbox_does_not_replace_the_real_active_profile(
    shell: Kernel, sandbox: Sandbox
) -> None:
    real = Profile(api_key="cko_" + "r" * 40, organization_id="org_real", organization_name="Real")
    ProfileStore().save(real)
    shell.run(f"%codika_signup {EMAIL} --no-form --base-url {sandbox.url}")
    shell.run(f"%codika_signup {EMAIL} --code {sandbox.code_for(EMAIL)} --base-url {sandbox.url}")
    active = ProfileStore().active()
    assert active is not None
    assert active.name == "real"
    assert "My Organization" in shell.run("%codika_whoami").text
    assert os.environ.get("CODIKA_API_KEY") is None


def test_the_documented_json_of_both_commands(shell: Kernel, sandbox: Sandbox) -> None:
    def printed(line: str) -> tuple[dict[str, object], str]:
        outcome = shell.run(f"_ = {line} --json --base-url {sandbox.url}")
        return json.loads(outcome.text), outcome.error

    requested, _ = printed(f"%codika_signup {EMAIL} --no-form")
    assert requested == {"success": True, "data": {"email": EMAIL, "expiresInSeconds": 600}}
    again, error = printed(f"%codika_signup {EMAIL} --no-form")
    assert again["error"]["code"] == "OTP_RESEND_COOLDOWN"  # type: ignore[index]
    assert (again["success"], again["status"], error) == (False, 429, "RateLimitError")
    code = sandbox.code_for(EMAIL)
    wrong, error = printed(f"%codika_signup {EMAIL} --code {(int(code) + 1) % 1_000_000:06}")
    assert wrong["error"]["details"] == {"attemptsRemaining": 4}  # type: ignore[index]
    assert error == "OTPError"
    nobody, error = printed("%codika_signup --prompt")
    assert nobody["error"]["code"] == "not-signed-in"  # type: ignore[index]
    assert (nobody["success"], error) == (False, "NotSignedIn")
    for misread in ("--key-expires-in soon", "--nosuch", "a@b.example --email c@d.example", "$nosuch"):
        outcome = shell.run(f"_ = %codika_login {misread} --json")
        refused, _ = json.JSONDecoder().raw_decode(outcome.text)  # IPython says it, too, on stderr
        assert refused["error"]["code"] == "INVALID_REQUEST"
        assert (refused["success"], refused["status"], outcome.error) == (False, 0, "UsageError")
    no_key, error = printed("%codika_login --api-key nonsense")
    assert "begins with cko_" in no_key["error"]["message"]  # type: ignore[index]
    assert (no_key["success"], error) == (False, "InvalidRequestError")
    lasts, error = printed("%codika_login --api-key nonsense --key-expires-in 400")
    assert lasts["error"]["code"] == "INVALID_EXPIRES_IN_DAYS"  # type: ignore[index]
    assert (lasts["success"], error) == (False, "ConfigError")
    done, _ = printed(f"%codika_signup {EMAIL} --code {code} --company Acme --key-expires-in 7")
    data = done["data"]
    assert isinstance(data, dict)
    assert list(data) == ["profileName", "organizationId", "organizationName", "isNewUser", "apiKey"]
    assert set(data["apiKey"]) == {"keyId", "keyPrefix", "name", "scopes", "createdAt", "expiresAt"}
    assert ProfileStore().get("acme").api_key not in json.dumps(done)


def test_a_key_from_a_variable(shell: Kernel, sandbox: Sandbox, profile_name: str) -> None:
    key = ProfileStore().get(profile_name).api_key
    ProfileStore().remove(profile_name)
    (Path(ProfileStore().path).parent / "key").write_text(key)
    shell.run(f"key = open({str(Path(ProfileStore().path).parent / 'key')!r}).read()")
    done = shell.run(f"%codika_login --api-key $key --base-url {sandbox.url}")
    assert "Signed in: Acme, Inc., profile acme-inc" in done.text
    assert ProfileStore().get("acme-inc").api_key == key
    refused(shell.run(f"key = 'ck_'\n%codika_login --api-key {{key}} --base-url {sandbox.url}"), "instance")


@pytest.mark.parametrize("cut_off", ["cko_" + "1f" * 31, "cko_abc123", "'ckp_1f'", "ck_1f"])
def test_a_key_that_was_cut_off_is_refused_as_well(shell: Kernel, cut_off: str) -> None:
    for line in (f"%codika_login --api-key {cut_off}", f"%codika_signup --api-key={cut_off} --ephemeral"):
        outcome = shell.run(line)
        assert outcome.error == "UsageError"
        assert "A key on the line stays in the notebook" in "".join(outcome.traceback)


def test_a_key_on_the_line_is_refused_and_forgotten(fresh_shell: Kernel, tmp_path: Path) -> None:
    shell = fresh_shell
    literal = "cko_" + "caNARY-7" * 8
    for line in (
        f"%codika_login --api-key {literal}",
        f"%codika_signup {EMAIL} --api-key {literal}",
        f"%codika_login --api-key={literal} --nonsense",
        f"%codika_login {literal} --no-form",
    ):
        outcome = shell.run(line)
        refused(outcome, "variable")
        assert literal not in outcome.text + "".join(outcome.traceback)
    everywhere = "[v for k, v in globals().copy().items() if k.startswith('_i')]"
    remembered = shell.run(f"print(In, _ih, _i, _ii, _iii, {everywhere})")
    assert "***" in remembered.text
    assert literal not in remembered.text
    shell.run("get_ipython().history_manager.writeout_cache()")
    databases = list((tmp_path / "ipython").rglob("history.sqlite*"))
    assert databases
    assert all(literal.encode() not in database.read_bytes() for database in databases)


SECRETS = {
    "organization": "cko_" + "caNARY-7" * 8,
    "instance": "ck_" + "caNARY_7" * 8,
    "webhook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLwSw",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_taken_out_whatever_the_form_of_the_line(
    fresh_shell: Kernel, tmp_path: Path, secret: str
) -> None:
    shell = fresh_shell
    for cell in (
        f"%%codika_login\n{secret}",
        f"%%codika_login --api-key {secret}\nx",
        f"%codika_login? {secret}",
        f"%codika_login {secret}?",
        f"?%codika_login {secret}",
        f"%pinfo codika_login {secret}",
        f"1 + 1\ncodika_login --api-key {secret}",
        f"%codika_trigger greet {secret}",
        f'%codika_trigger greet {{"key": "{secret}"}}',
        f"answer = %codika_trigger greet --payload={secret}",
    ):
        outcome = shell.run(cell)
        refused(outcome, "variable", "taken out of the history")
        # What the front end has sent comes back to all who look on.
        said = [message for message in outcome.messages if message["msg_type"] != "execute_input"]
        assert secret not in json.dumps(said, default=str), cell
    for cell in (
        f"%codika_nothing {secret}",
        f"key = '{secret}'  # for codika_login",
        f"!true codika_login {secret}",
    ):
        outcome = shell.run(cell)
        assert "taken out of IPython's history" in json.dumps(outcome.messages, default=str), cell
        assert secret not in outcome.text + "".join(outcome.traceback)
    assert shell.run("len(key)").text.strip() == str(len(secret)), "what runs is as it was"
    everywhere = "[v for k, v in globals().copy().items() if k.startswith('_i')]"
    told = "vars(get_ipython().history_manager).get('exceptions')"
    remembered = shell.run(f"print(In, _ih, _i, _ii, _iii, {everywhere}, {told})")
    assert "***" in remembered.text
    assert secret not in remembered.text
    shell.run("get_ipython().history_manager.writeout_cache()")
    databases = list((tmp_path / "ipython").rglob("history.sqlite*"))
    assert databases
    assert all(secret.encode() not in database.read_bytes() for database in databases)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_in_a_variable_that_is_given_in_the_wrong_place_is_not_repeated(
    shell: Kernel, sandbox: Sandbox, profile_name: str, secret: str
) -> None:
    shell.run(f"first, second = {secret[:20]!r}, {secret[20:]!r}; key = first + second")
    for cell in (
        "%codika_use $key",
        "%codika_logout {key}",
        "%codika_login ada@example.com $key",
        "%codika_login ada@example.com --json --base-url $key",
        "%codika_login ada@example.com --json --key-expires-in $key",
        "%codika_instances $key",
        "%codika_deploy $key",
        "%codika_import $key",
        "%codika_sandbox --stand-ins $key",
        "%codika_trigger greet $key",
        "%codika_trigger greet @$key",
        "%codika_trigger greet --timeout $key",
        "%codika_executions --instance $key",
        "from codika_nb import Client; Client(profile=key)",
        "Client(base_url=key)",
    ):
        outcome = shell.run(cell)
        assert outcome.error, cell
        assert secret not in json.dumps(outcome.messages, default=str), cell


def test_what_is_no_key_is_used_and_no_history_changes(tmp_path: Path, own_settings: Path) -> None:
    """Yesterday's session has lines like today's, and even the key itself."""
    key, longer = SECRETS["organization"], SECRETS["organization"] + "_and-more"
    settings = {"XDG_CONFIG_HOME": str(own_settings), "IPYTHONDIR": str(tmp_path / "ipython")}
    yesterday = [
        'table = "slack_message_summarizer.csv"',
        "rollback_deployment_to_previous = 1",
        f"key = '{key}'",
    ]
    with kernel(tmp_path, **settings) as shell:
        for cell in yesterday:
            assert not shell.run(cell).error
    names = ["slack_message_summarizer", "rollback_deployment_to_previous", "ck_editor_plugin_for_feedback"]
    with kernel(tmp_path, **settings) as shell:
        shell.run("%load_ext codika_nb")
        shell.run(f"longer = '{longer}'")
        for name in names:
            refused(shell.run(f"%codika_deploy {name}"), "There is no folder")
        refused(shell.run(f"%codika_login --api-key {key}"), "variable")
        assert longer in shell.run("print(In)").text, "another word that begins like the key"
        assert not shell.run("get_ipython().history_manager.writeout_cache()").error
    [database] = (tmp_path / "ipython").rglob("history.sqlite")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("select session, source_raw from history order by session, line").fetchall()
    first = min(session for session, _ in rows)
    assert [source for session, source in rows if session == first][: len(yesterday)] == yesterday
    today = [source for session, source in rows if session != first]
    assert f"longer = '{longer}'" in today
    assert "%codika_login --api-key ***" in today
    assert [source for source in today if "deploy" in source] == [f"%codika_deploy {name}" for name in names]


def test_no_hook_is_left_behind_by_unloading(shell: Kernel) -> None:
    hooks = (
        "ip = get_ipython(); "
        "hooks = [*ip.input_transformers_cleanup, *ip.events.callbacks['post_run_cell']]; "
        "print([f.__name__ for f in hooks if 'secrets' in getattr(f, '__name__', '')])"
    )
    both = "['refuse_secrets', 'forget_secrets']"
    assert shell.run(hooks).text.strip() == both
    shell.run("%reload_ext codika_nb")
    assert shell.run(hooks).text.strip() == both
    shell.run("%unload_ext codika_nb")
    assert shell.run(hooks).text.strip() == "[]"


def test_a_profile_whose_name_is_taken_is_saved_under_another(
    shell: Kernel, sandbox: Sandbox, profile_name: str
) -> None:
    line = f"%codika_signup bob@example.com --company Bob --name {profile_name} --base-url {sandbox.url}"
    shell.run(f"{line} --no-form")
    done = shell.run(f"{line} --code {sandbox.code_for('bob@example.com')}")
    assert "profile bob," in done.text
    assert f"Profile '{profile_name}' belongs to another organization" in done.text
    assert ProfileStore().active() == ProfileStore().get("bob")


def test_ephemeral_keeps_the_key_in_memory(shell: Kernel, sandbox: Sandbox) -> None:
    shell.run(f"%codika_signup {EMAIL} --no-form --base-url {sandbox.url}")
    done = shell.run(
        f"%codika_signup {EMAIL} --code {sandbox.code_for(EMAIL)} --ephemeral --base-url {sandbox.url}"
    )
    assert "for this kernel only" in done.text
    assert ProfileStore().list() == []
    assert "My Organization" in shell.run("%codika_whoami").text
    assert "Logged out" in shell.run("%codika_logout").text
    refused(shell.run("%codika_whoami"), "Nobody is signed in")


def completions(shell: Kernel, line: str) -> list[str]:
    shell.client.complete(line, len(line))
    while True:
        reply = shell.client.get_shell_msg(timeout=120)
        if reply["msg_type"] == "complete_reply":
            return list(reply["content"]["matches"])


def test_tab_completes_options_profiles_and_workflows(
    shell: Kernel, profile_name: str, greeter: Path
) -> None:
    assert "--company" in completions(shell, "%codika_signup --")
    assert completions(shell, "form = %codika_login --key-e") == ["--key-expires-in"]
    assert completions(shell, "%codika_use ac") == [profile_name]
    assert completions(shell, "%codika_login --name ") == [profile_name]
    shell.run(f"%codika_deploy {greeter}")
    assert completions(shell, "run = %codika_trigger g") == ["greet"]
    shell.run("from codika_nb.client.deployed import forget; forget()")  # as after a restart
    assert completions(shell, "run = %codika_trigger g") == ["greet"]
    assert completions(shell, "run = %codika_trigger greet ") == ["language=", "name="]
    assert completions(shell, "run = %codika_trigger greet name=Ada l") == ["language="]
    assert completions(shell, "run = %codika_trigger greet name=Ada language=f") == ["language=fr"]
    assert completions(shell, "run = %codika_trigger greet --instance p") == ["prod"]
    assert completions(shell, "greet = client.workflow('gr") == ["greet"]
    assert completions(shell, 'with Client() as client:\n    client.run_workflow( "') == ["greet"]
    assert "greet" not in completions(shell, "'.workflow(' + gr")
    within = str(greeter.parent)
    assert completions(shell, f"_ = %codika_deploy {within}/gr") == [f"{within}/greeter/"]
    assert completions(shell, f"%codika_deploy --dry-run {within}/greeter/w") == [
        f"{within}/greeter/workflows/"
    ]
    assert completions(shell, f"%codika_import {within}/greeter/c") == [f"{within}/greeter/config.json"]
    assert "print" in completions(shell, "prin")
    shell.run("%reload_ext codika_nb")
    shell.run("%unload_ext codika_nb")
    assert completions(shell, "%codika_use ac") == []
    count = shell.run("len([m for m in get_ipython().Completer.custom_matchers if 'codika' in m.__module__])")
    assert count.text.strip() == "0"


def test_a_key_that_expires_soon_is_mentioned_once(shell: Kernel, sandbox: Sandbox) -> None:
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, key_expires_in=3)
    assert "expires in 3 days" in shell.run("%codika_whoami").text
    assert "expires in 3 days" not in shell.run("%codika_whoami").text


def test_whether_a_key_has_expired_is_for_the_server_to_say(
    shell: Kernel, sandbox: Sandbox, profile_name: str
) -> None:
    store = ProfileStore()
    raw = json.loads(store.path.read_text())
    raw["profiles"][profile_name]["expiresAt"] = "2020-01-01T00:00:00.000Z"
    store.path.write_text(json.dumps(raw))
    assert "Acme" in shell.run("%codika_whoami").text
    shell.run(f"%codika_login {EMAIL} --no-form --key-expires-in 30")
    shell.run(f"%codika_login {EMAIL} --code {sandbox.code_for(EMAIL)} --key-expires-in 30")
    assert "Acme" in shell.run("%codika_whoami").text
    sandbox.clock.advance(31 * 24 * 3600)
    refused(shell.run("%codika_whoami"), "expired", "%codika_login")


def test_a_key_in_the_environment_that_hides_a_fresh_sign_in_is_named(
    sandbox: Sandbox, profile_name: str, tmp_path: Path
) -> None:
    key = ProfileStore().get(profile_name).api_key
    with kernel(tmp_path, CODIKA_API_KEY=str.__str__(key), CODIKA_BASE_URL=sandbox.url) as shell:
        shell.run("%load_ext codika_nb")
        shell.run("%codika_signup grace@example.com --no-form")
        code = sandbox.code_for("grace@example.com")
        done = shell.run(f"_ = %codika_signup grace@example.com --code {code}")
        assert "CODIKA_API_KEY is set in the environment, and wins" in done.text
        assert "Acme, Inc." in shell.run("%codika_whoami").text
        assert "and wins until it is unset" in shell.run("%codika_use my-organization").text


def test_a_text_of_digits_is_led_to(shell: Kernel, profile_name: str, greeter: Path) -> None:
    assert not shell.run(f"_ = %codika_deploy {greeter}").error
    for line in ("name=2", '{"name": 2}'):
        number = shell.run(f"%codika_trigger greet {line}")
        refused(number, '"payload.name" must be a string.', 'A text stands in quotes: name="2"')
    assert "Hello, 2" in shell.run('_ = %codika_trigger greet name="2"').text
    for line in ("name=[2]", "name='[2]'"):
        refused(shell.run(f"%codika_trigger greet {line}"), 'As a text in a payload: {"name": "[2]"}')
    quoted = shell.run("""%codika_trigger greet name='{"a": 1}' language=en""")
    refused(quoted, r"""As a text in a payload: {"name": "{\"a\": 1}"}""")
    literal = shell.run(r"""_ = %codika_trigger greet {"name": "{\"a\": 1}"}""").text
    assert r"Hello, {\"a\": 1}" in literal


def test_who_signs_in_as_another_is_told_of_clients_made_before(
    shell: Kernel, sandbox: Sandbox, profile_name: str
) -> None:
    kept = "Clients made before keep their account."
    shell.run("_ = %codika_whoami")
    shell.run("%codika_signup grace@example.com --no-form")
    code = sandbox.code_for("grace@example.com")
    assert kept in shell.run(f"_ = %codika_signup grace@example.com --code {code}").text
    assert kept not in shell.run("_ = %codika_use my-organization").text
    assert kept in shell.run(f"_ = %codika_use {profile_name}").text


def test_the_name_of_a_profile_is_no_address(shell: Kernel, profile_name: str) -> None:
    for magic in ("%codika_login", "%codika_signup --no-form"):
        refused(shell.run(f"{magic} {profile_name}"), f"%codika_use {profile_name} goes on with it")


def test_an_address_on_the_line_means_that_account_unattended_too(shell: Kernel, profile_name: str) -> None:
    """Whoever is signed in: going on as somebody else would deploy to the wrong organization."""
    for line in (f"%codika_login {EMAIL}", "%codika_signup --company Other"):
        outcome = shell.run(line)
        assert outcome.error == "NotSignedIn"
        assert "--no-form and then --code" in "".join(outcome.traceback)
        assert outcome.seconds < 5
    assert f"profile {profile_name}" in shell.run("_ = %codika_login").text


def test_the_environments_key_goes_to_no_other_server(tmp_path: Path, own_settings: Path) -> None:
    """Not even to the one that the active profile belongs to, or that is named on the line."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(65536))

        threading.Thread(target=listen, daemon=True).start()
        other = Profile(api_key="cko_" + "o" * 40, organization_id="org_o", base_url=url)
        ProfileStore().save(other)
        key = "cko_" + "e" * 40
        with kernel(tmp_path, CODIKA_API_KEY=key, XDG_CONFIG_HOME=str(own_settings)) as shell:
            shell.run("%load_ext codika_nb")
            shell.run(f"_ = %codika_signup --base-url {url}", person=True)
            shell.run(f"_ = %codika_login --base-url {url}")
        server.shutdown(socket.SHUT_RDWR)
    assert all(key.encode() not in request for request in asked)


def test_the_profile_that_was_chosen_is_the_one_in_use(
    sandbox: Sandbox, profile_name: str, tmp_path: Path
) -> None:
    with Sandbox() as second:
        sign_in(EMAIL, ask_code=second.code_for, base_url=second.url, company="Second")
        with kernel(tmp_path, CODIKA_BASE_URL=second.url) as shell:
            shell.run("%load_ext codika_nb")
            assert "Second" in shell.run("%codika_whoami").text
            shell.run(f"%codika_use {profile_name}")
            assert "Acme, Inc." in shell.run("%codika_whoami").text
            shell.run("sandbox = %codika_sandbox")
            shell.run("%codika_use second")
            assert "Second" in shell.run("%codika_whoami").text


def test_stopping_the_sandbox_keeps_what_is_not_of_it(shell: Kernel, profile_name: str) -> None:
    shell.run(f"%codika_use {profile_name}")
    shell.run("sandbox = %codika_sandbox")
    shell.run(f"%codika_use {profile_name}")
    shell.run("%codika_sandbox --stop")
    assert "Acme, Inc." in shell.run("%codika_whoami").text
    shell.run("sandbox = %codika_sandbox")
    shell.run("sandbox.stop()")
    assert not shell.run("sandbox = %codika_sandbox").error
    assert "http://127.0.0.1" in shell.run("sandbox.url").text
