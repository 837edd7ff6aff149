"""No key is ever seen: not in reprs, not in logs at DEBUG, not in tracebacks with their variables."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from codika_nb import (
    Client,
    CodikaError,
    ConfigError,
    InstanceKey,
    Interrupted,
    OrganizationKey,
    Playground,
    QueryKey,
    UseCase,
    WebhookSignature,
    WebhookVerificationError,
    sign_in,
    verify_webhook,
)
from codika_nb.client.deployed import Account
from codika_nb.client.http import httpx
from codika_nb.models import (
    Deployment,
    Execution,
    Executions,
    ExecutionSummary,
    InstanceSummary,
    KeyBundle,
    MintedKey,
    Triggered,
)
from codika_nb.profiles import Profile, ProfileStore
from codika_nb.profiles import credential as session
from codika_nb.sandbox import Sandbox
from codika_nb.signin.signin import SignIn

from .colours import MakeClient, make_client

__all__ = ["make_client"]

EMAIL = "ada@example.com"
CANARY = "CanaryCanaryCanary" + "x" * 46
WAYS: dict[str, Callable[[], Any]] = {
    "organization": lambda: OrganizationKey(f"cko_{CANARY}"),
    "instance": lambda: InstanceKey(f"ck_{CANARY}"),
    "query": lambda: QueryKey(f"ck_{CANARY}"),
    "signature": lambda: WebhookSignature(f"whsec_{CANARY}"),
}
# What a masked key may show is its first eight characters.
HIDDEN = CANARY[6:]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(ip_limit=1000) as running:
        yield running


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that anybody logs, as a debugging person would have it."""
    for name in ("", "httpx", "httpcore", "codika_nb", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def whole(error: BaseException) -> str:
    """An error with its traceback, and every variable in every frame of it."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format(chain=True))


def ours(error: BaseException) -> str:
    """The same without the frames of these tests, which have to have what they look for."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert shown.__cause__ is None
    assert shown.__context__ is None
    # Of a refusal that was awaited there are none.
    frames = [frame for frame in shown.stack if "codika_nb" in Path(frame.filename).parts]
    return f"{error} {[frame.locals for frame in frames]}"


def logged(caplog: pytest.LogCaptureFixture) -> str:
    # What the server logs, which runs here too, is another matter.
    records = [r for r in caplog.records if not r.name.startswith(("codika_nb.sandbox", "uvicorn"))]
    assert {"httpx", "httpcore.http11"} <= {record.name for record in records}
    return "\n".join(f"{record.getMessage()} {record.args} {record.__dict__}" for record in records)


@pytest.mark.parametrize("way", WAYS)
def test_calls_that_are_refused(
    make_client: MakeClient, sandbox: Sandbox, everything_logged: pytest.LogCaptureFixture, way: str
) -> None:
    client = make_client(auth=WAYS[way](), base_url=sandbox.url)
    client.instance = "i"
    with pytest.raises(CodikaError) as refused:
        client.trigger_workflow("w", {"a": 1})
    assert HIDDEN not in whole(refused.value)
    assert HIDDEN not in logged(everything_logged)
    assert HIDDEN not in repr(client) + str(client) + repr(client.auth) + repr(client.credential)


def test_an_address_with_a_key_is_logged_without_it(
    sandbox: Sandbox, everything_logged: pytest.LogCaptureFixture
) -> None:
    with Client(auth=QueryKey(f"ck_{CANARY}"), base_url=sandbox.url) as client, pytest.raises(CodikaError):
        client.get_execution_status("e", instance="i")
    assert "/status/i/e?api_key=..." in logged(everything_logged)
    # Whoever uses the library besides gets its logs as they are, where there is no key in them.
    httpx.get(f"{sandbox.url}/inbox?email=ada%40example.com", trust_env=False)
    assert "/inbox?email=ada%40example.com" in logged(everything_logged)


@pytest.mark.parametrize("way", WAYS)
def test_calls_that_reach_nobody(
    make_client: MakeClient,
    everything_logged: pytest.LogCaptureFixture,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("codika_nb.client.call.FIRST_PAUSE", 0.001)
    client = make_client(auth=WAYS[way](), base_url="http://127.0.0.1:1")
    with pytest.raises(CodikaError) as unreachable:
        client.get_execution_status("e", instance="i")
    assert HIDDEN not in whole(unreachable.value)
    assert HIDDEN not in "".join(record.getMessage() for record in everything_logged.records)


def test_signing_in_shows_neither_code_nor_key(
    sandbox: Sandbox,
    everything_logged: pytest.LogCaptureFixture,
    make_client: MakeClient,
    request: pytest.FixtureRequest,
) -> None:
    client, email = make_client(base_url=sandbox.url), f"{request.node.callspec.id}@example.com"
    client.request_signup_code(email)
    code = sandbox.code_for(email)
    bundle = client.complete_signup(email, code=code)
    key = bundle.api_key.raw.get_secret_value()
    with pytest.raises(CodikaError) as used:
        client.complete_signup(email, code=code)
    assert key not in repr(bundle) + str(bundle) + bundle.model_dump_json()
    assert key not in logged(everything_logged)
    assert code not in logged(everything_logged)
    assert code not in str(used.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"organizationId": "o", "organizationName": "A", "apiKey": {"apiKey": [f"cko_{CANARY}"]}},
        {"organizationId": f"cko_{CANARY}", "organizationName": "A", "apiKey": {"raw": ""}},
        {"organizationId": "o", "organizationName": "A", "apiKey": f"cko_{CANARY}"},
        {"organizationId": "o", "organizationName": "A", "apiKey": {"raw": [f"cko_{CANARY}"]}},
    ],
)
def test_a_key_in_an_answer_that_cannot_be_used(answer: Any) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"success": True, "data": answer})

    transport = httpx.MockTransport(refuse)
    with (
        Client(base_url="https://example.com", transport=transport) as client,
        pytest.raises(CodikaError) as unusable,
    ):
        client.complete_login(EMAIL, code="123456")
    assert HIDDEN not in str(unusable.value) + repr(vars(unusable.value))
    assert unusable.value.__context__ is None
    assert unusable.value.__cause__ is None


def test_keys_that_cannot_be_used_or_are_not_reached() -> None:
    for make in (
        lambda: InstanceKey(f"cko_{CANARY}"),
        lambda: OrganizationKey(f"cko_{CANARY} and more"),
        lambda: Client(auth=f"{CANARY}"),
        lambda: Client(auth=f"cko_{CANARY}", profile="acme"),
        lambda: Client(auth=f"cko_{CANARY}", base_url="http://example.com"),
    ):
        with pytest.raises(ConfigError) as refused:
            make()
        assert HIDDEN not in whole(refused.value)


def test_a_key_in_the_environment_is_not_in_tracebacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"CODIKA_API_KEY=ck_{CANARY}")
    for name in ("process", "file"):
        monkeypatch.setenv("CODIKA_API_KEY", f"cko_{CANARY}" if name == "process" else "")
        wrong: list[dict[str, Any]] = [{"profile": "nope"}, {"base_url": "http://example.com"}]
        for options in wrong:
            with pytest.raises(ConfigError) as refused:
                Client(env_file=tmp_path / ".env", **options)
            assert HIDDEN not in whole(refused.value)


def test_codes_and_secrets_are_not_in_tracebacks(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(auth="cko_unknown12", base_url=sandbox.url)
    calls: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        "complete_login": (("ada@example.com",), {"code": "482913"}),
        "set_integration": (("openai",), {"secrets": {"OPENAI_API_KEY": "482913"}}),
        "create_organization": (
            ("Acme",),
            {"n8n_base_url": "https://n8n.example.com", "n8n_api_key": "482913"},
        ),
    }
    for name, arguments in calls.items():
        with pytest.raises(CodikaError) as refused:
            getattr(client, name)(*arguments[0], **arguments[1])
        assert "482913" not in ours(refused.value)


def test_a_secret_is_not_in_the_traceback_of_a_message_that_is_not_genuine() -> None:
    headers = WebhookSignature("whsec_" + "A" * 32).sign(b"{}")
    for headers_given, body in (
        ({}, b"{}"),
        (headers, b"{ }"),
        (headers | {"webhook-timestamp": "1"}, b"{}"),
    ):
        with pytest.raises(WebhookVerificationError) as refused:
            verify_webhook(f"whsec_{CANARY}", headers_given, body)
        assert HIDDEN not in ours(refused.value)
    # One that is none, as a character is missing or wrong, is as good as the secret.
    for written in (f"whsec_{CANARY}é", [f"whsec_{CANARY}", f"whsec_{CANARY}-"]):
        with pytest.raises(ConfigError) as none:
            verify_webhook(written, headers, b"{}")
        assert HIDDEN not in ours(none.value)
    with pytest.raises(ConfigError) as none:
        WebhookSignature(f"whsec_{CANARY}é")
    assert HIDDEN not in ours(none.value)


def test_members_that_nobody_knows_are_not_shown() -> None:
    minted = MintedKey.model_validate(
        {
            "keyId": "1",
            "raw": "cko_x",
            "keyPrefix": "cko_x",
            "name": "n",
            "scopes": [],
            "createdAt": "",
            "copy": CANARY,
        }
    )
    assert CANARY not in repr(minted)
    assert isinstance(minted, MintedKey)
    assert KeyBundle.model_config["hide_input_in_errors"]


def test_a_saved_key_is_not_shown(sandbox: Sandbox) -> None:
    profile = sign_in(
        "grace@example.com", ask_code=sandbox.code_for, base_url=sandbox.url, store=ProfileStore()
    )
    with Client(base_url=sandbox.url) as client:
        who = client.whoami()
        found = session.resolve(base_url=sandbox.url)
        shown = f"{client!r} {client.credential!r} {found!r} {who!r} {who} {who._repr_html_()}"
    assert profile.api_key[:8] in shown
    assert profile.api_key[8:] not in shown


@pytest.mark.parametrize(
    "odd",
    [
        {"apiKey": {"createdAt": None}},
        {"apiKey": {"keyId": None, "keyPrefix": 7, "name": [], "expiresAt": {}}},
        {"apiKey": {"scopes": "x"}},
        {"apiKey": {"scopes": [1, "workflows:trigger"]}},
        {"isNewUser": "maybe"},
        {"organizationName": 5},
        {"organizationId": None, "organizationName": None},
        {"apiKey": {"raw": f" cko_{CANARY}\n"}},
        {"apiKey": {"apiKey": f"cko_{CANARY}", "more": {"key": f"cko_{CANARY}"}}},
    ],
)
def test_of_a_fresh_key_only_the_key_is_indispensable(odd: dict[str, Any]) -> None:
    key = {"raw": f"cko_{CANARY}", **odd.get("apiKey", {})}
    data = {"organizationId": "o", "organizationName": "Acme", **odd, "apiKey": key}
    sent = {"email": EMAIL, "expiresInSeconds": None}

    def answer(request: httpx.Request) -> httpx.Response:
        completes = "complete" in request.url.path
        return httpx.Response(200, json={"success": True, "data": data if completes else sent})

    store = ProfileStore()
    signin = SignIn("login", base_url="https://example.com", store=store)
    with Client(base_url="https://example.com", transport=httpx.MockTransport(answer)) as client:
        client.perform(signin.request_code(EMAIL))
        client.perform(signin.submit_code("123456"))
    assert signin.step == "done", signin.notice
    [saved] = store.list()
    assert saved.api_key == f"cko_{CANARY}"
    assert all(scope == "workflows:trigger" for scope in saved.scopes)
    assert signin.document()["success"]
    assert CANARY not in str(signin.document())
    minted = MintedKey.model_validate({"apiKey": f"cko_{CANARY}", **odd.get("apiKey", {}), "raw": None})
    assert minted.raw.get_secret_value() == f"cko_{CANARY}"


def test_what_holds_a_key_is_copied_but_not_pickled() -> None:
    profile = Profile(f"cko_{CANARY}", name="acme", extra={"more": [1]})
    minted = MintedKey.model_validate({"raw": f"cko_{CANARY}"})
    signin = SignIn("login", base_url="https://example.com", store=ProfileStore())
    signin.profile = profile
    holders = [
        profile,
        profile.api_key,
        minted,
        KeyBundle(organization_id="o", api_key=minted),
        signin,
        session.Credential("https://example.com", f"cko_{CANARY}"),
        session.Credential("https://example.com", profile=profile),
        Account("https://example.com", f"cko_{CANARY}"),
        session.Context("https://example.com", profile),
    ]
    for holder in holders:
        for held in (holder, [holder], {"held": holder}):
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                with pytest.raises(TypeError, match="would be written to disk in clear"):
                    pickle.dumps(held, protocol)
        assert repr(copy.copy(holder)) == repr(holder)
        assert repr(copy.deepcopy(holder)) == repr(holder)
    assert copy.copy(profile) == copy.deepcopy(profile) == replace(profile) == profile
    assert replace(profile, name="beta").api_key == profile.api_key
    assert minted.model_copy().raw == minted.raw


def test_what_a_server_says_of_a_key_reaches_no_terminal_as_it_is() -> None:
    hostile = {
        "type": "org\x1b[31mX\x07",
        "keyName": "a\rb\u202e",
        "organizationName": "\u200bAcme\x9b2J",
        "organizationId": "o\x85\u2066",
        "expiresAt": "never\x00",
        "scopes": ["x\x1b[2J", "y\nz"],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"success": True, "data": hostile})

    transport = httpx.MockTransport(answer)
    with Client(auth=f"cko_{CANARY}", base_url="https://example.com", transport=transport) as client:
        who, known = client.whoami(), client.verify_key()
    for shown in (repr(who), str(who), repr(known), str(known), who._repr_html_()):
        assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"], shown
    assert len(repr(who).splitlines()) == 6


@pytest.mark.parametrize(
    "value",
    [
        Execution(execution_id="e\x1b", status="odd\x1b[2J\u202e"),
        Execution(execution_id="e\x1b", status="success", result_data={"a\x1b": "b\u200b\r"}),
        Triggered(execution_id="e\x1b", message="m\u202e"),
        Deployment(
            template_id="t",
            version="1\x07",
            process_id="p",
            deployment_instance_id="d",
            deployment_status="\x1b[2J",
        ),
        Executions([ExecutionSummary(execution_id="e\x1b", workflow_id="w\u202e", status="\x9b")]),
        InstanceSummary(process_instance_id="i", title="\u2067\x1b"),
    ],
)
def test_text_from_a_server_is_fit_to_be_shown_in_every_repr(value: Any) -> None:
    for shown in (repr(value), str(value)):
        assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"], shown


def test_a_repr_shows_no_key_that_a_server_repeats() -> None:
    run = Execution(execution_id="e", status="success", result_data={"said": f"use cko_{CANARY}"})
    for value in (run, Triggered(execution_id="e", message=f"ck_{CANARY}")):
        assert HIDDEN not in repr(value) + str(value)
    assert run.result["said"] == f"use cko_{CANARY}"


# --- a person who stops waiting --------------------------------------------------------------------


def stopping(monkeypatch: pytest.MonkeyPatch, at: str, problem: type[BaseException]) -> None:
    """Let a person press Ctrl-C, or a task be cancelled, deep in the HTTP library at the address `at`."""
    plain, awaited = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request

    def blocking(self: Any, request: httpx.Request) -> httpx.Response:
        if at in str(request.url):
            raise problem
        return plain(self, request)

    async def asynchronous(self: Any, request: httpx.Request) -> httpx.Response:
        if at in str(request.url):
            raise problem
        return await awaited(self, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", blocking)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", asynchronous)


@pytest.mark.parametrize("problem", [KeyboardInterrupt, asyncio.CancelledError])
def test_stopping_shows_no_secret(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, problem: type[BaseException]
) -> None:
    stopping(monkeypatch, "127.0.0.1", problem)
    client = make_client(auth=QueryKey(f"ck_{CANARY}"), base_url="http://127.0.0.1:9")
    is_awaited = not isinstance(client, Client)
    if problem is asyncio.CancelledError and not is_awaited:
        return
    expected = Interrupted if problem is KeyboardInterrupt else problem
    calls: list[Any] = [
        lambda: client.run_workflow("w", {"secret": "482913"}, instance="i"),
        lambda: client.complete_login("a@b.example", code="482913"),
        lambda: client.wait_for("e-1", instance="i"),
    ]
    for call in calls:
        with pytest.raises(expected) as refused:
            call()
        shown = ours(refused.value)
        assert HIDDEN not in shown
        assert "482913" not in shown
        lines = refused.value._render_traceback_()  # type: ignore[attr-defined]
        assert len(lines) == 2
    assert lines[0] == "Stopped waiting; run e-1 goes on."
    assert lines[1] == "Take it up again: client.wait_for('e-1', instance='i')"


#: Calls with a key where none belongs.
MISPLACED: list[Callable[[Any, Any], Any]] = [
    lambda client, key: UseCase.load(key),
    lambda client, key: UseCase.load(f"use-cases/{key}"),
    lambda client, key: Client(env_file=key),
    lambda client, key: Client(timeout=key),
    lambda client, key: Client(base_url=key),
    lambda client, key: Client(profile=key),
    lambda client, key: client.list_executions("i", limit=key),
    lambda client, key: client.set_integration("openai", secrets={key: "x"}),
    lambda client, key: client.set_integration(key, secrets={}),
    lambda client, key: client.workflow(key),
    Playground,
    lambda client, key: client.run_workflow(key, instance=key),
    lambda client, key: client.wait_for(key, instance="i", timeout=0.01),
    lambda client, key: client.run_many("greet", key),
    lambda client, key: sign_in("ada@example.com", ask_code=str, name=f"{key}/"),
]


def test_a_key_in_the_wrong_place_is_not_repeated(sandbox: Sandbox) -> None:
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    for misplaced, key in product(MISPLACED, (f"cko_{CANARY}", f"whsec_{CANARY}")):
        with Client() as client, pytest.raises((CodikaError, TypeError, UserWarning)) as refused:
            misplaced(client, key)
        error = refused.value
        said = [str(error), repr(error), *map(str, error.args), *traceback.format_exception_only(error)]
        assert CANARY not in " ".join(said)
