"""How others call a deployed workflow: an address with a key in it, signed messages, and keys that end."""

from __future__ import annotations

import copy
import datetime
import inspect
import json
import pickle
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import uvicorn
from IPython.core.formatters import DisplayFormatter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from codika_nb import (
    AuthenticationError,
    Client,
    ConfigError,
    InstanceKey,
    OrganizationKey,
    QueryKey,
    TriggerURL,
    WebhookSignature,
    WebhookVerificationError,
    verify_webhook,
)
from codika_nb.client.auth import auth_for
from codika_nb.client.http import httpx

from .colours import MakeClient, make_client
from .test_client import Platform, platform

__all__ = ["make_client", "platform"]

KEY = "ck_aB123" + "canary" * 9
SHOWN = "ck_aB123..."
OLD = "whsec_" + "T2xk" * 8
NEW = "whsec_" + "TmV3" * 8


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """An ASGI application on a port of this machine; yields its address."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


# --- an address with a key in it -------------------------------------------------------------------


def post(address: str, body: Any) -> dict[str, Any]:
    """What a device does that knows an address and nothing else."""
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.mark.parametrize("body", [{"payload": {"name": "Ada"}}, {"name": "Ada"}], ids=["wrapped", "bare"])
def test_the_address_alone_starts_the_workflow(
    platform: Platform, make_client: MakeClient, body: dict[str, Any]
) -> None:
    client = make_client(auth=platform.sandbox.instance_key(platform.instance), base_url=platform.url)
    address = client.trigger_url("greet", instance=platform.instance)

    started = post(address.get_secret_value(), body)

    run = client.wait_for(started["executionId"], instance=platform.instance)
    assert run.result["greeting"] == "Hello, Ada!"
    platform.sandbox.instance_key(platform.instance)
    with pytest.raises(urllib.error.HTTPError) as stopped:
        post(address.get_secret_value(), body)
    assert stopped.value.code == 401
    stopped.value.close()


@pytest.mark.parametrize("workflow", ["greet", "a/b c?d=1#e", "../x", "..", "é%2F&api_key=1"])
@pytest.mark.parametrize("key", ["ck_aB123rest", "ck_a&b=c#d%2Be+f/g"])
def test_it_is_what_a_query_key_sends(make_client: MakeClient, workflow: str, key: str) -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(str(request.url))
        return httpx.Response(200, json={"success": True, "executionId": "e"})

    query = make_client(auth=QueryKey(key), transport=httpx.MockTransport(answer))
    query.instance = "pi/1"
    query.trigger_workflow(workflow)
    header = make_client(auth=key)
    header.instance = "pi/1"
    assert [client.trigger_url(workflow).get_secret_value() for client in (query, header)] == sent * 2
    assert sent[0].startswith("https://api.codika.io/webhook/pi%2F1/")
    url = httpx.URL(sent[0])
    assert dict(url.params) == {"api_key": key}
    assert url.raw_path.split(b"?")[0].count(b"/") == 3


def test_the_environments_own_addresses_are_honoured(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        f"CODIKA_API_KEY={KEY}\nPROCESS_INSTANCE_ID=pi\n"
        "CODIKA_TRIGGER_BASE_URL=https://example.com/v2/webhook/\n"
        "CODIKA_STATUS_BASE_URL=https://status.example.com/status\n"
    )
    client = make_client(env_file=tmp_path / ".env")
    address = client.trigger_url("greet").get_secret_value()
    assert address == f"https://example.com/v2/webhook/pi/greet?api_key={KEY}"
    assert client.trigger_url("greet", instance="other").get_secret_value() == address.replace(
        "/pi/", "/other/"
    )
    monkeypatch.setenv("CODIKA_API_KEY", KEY)  # whose addresses are then those of the process
    monkeypatch.setenv("CODIKA_TRIGGER_BASE_URL", "http://example.com/webhook")
    with pytest.raises(ConfigError, match="not encrypted"):
        make_client(env_file=tmp_path / ".env")
    monkeypatch.setenv("CODIKA_TRIGGER_BASE_URL", "http://127.0.0.1:1/webhook")
    client = make_client(env_file=tmp_path / ".env")
    assert client.trigger_url("greet").get_secret_value().startswith("http://127.0.0.1:1/webhook/pi/greet?")


def test_without_looking_for_the_key_it_is_not_seen() -> None:
    with Client(auth=KEY) as client:
        address = client.trigger_url("greet", instance="<pi>")
    displayed, _ = DisplayFormatter().format(address)
    seen = [
        str(address),
        repr(address),
        f"{address}",
        f"{address!s:>200}",
        repr([address]),
        repr({1: address}),
    ]
    seen += [displayed["text/plain"], displayed["text/html"], repr(vars(client)), repr(client.auth)]
    for text in seen[:-2]:
        assert SHOWN in text
    for text in seen:
        assert "canary" not in text
        assert "canary" not in urllib.parse.unquote(text)
    assert str(address) == f"https://api.codika.io/webhook/%3Cpi%3E/greet?api_key={SHOWN}"
    for kind in ("text/plain", "text/html"):
        assert displayed[kind].count("logs") == 1
    assert "<pi>" not in displayed["text/html"]
    for explained in (inspect.getdoc(TriggerURL), inspect.getdoc(Client.trigger_url)):
        words = " ".join((explained or "").split())
        assert "Query parameters can appear in server access logs and monitoring dashboards" in words
        assert "header" in words
    for write in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            write(address)
    with pytest.raises(TypeError):
        _ = "curl " + address  # type: ignore[operator]
    assert KEY in address.get_secret_value()
    assert type(address.get_secret_value()) is str


def test_a_traceback_with_variables_does_not_show_it(make_client: MakeClient) -> None:
    client = make_client(auth=QueryKey(KEY))
    with pytest.raises(ConfigError) as unnamed:
        client.trigger_url("greet")
    assert "PROCESS_INSTANCE_ID" in str(unnamed.value)
    shown = traceback.TracebackException.from_exception(unnamed.value, capture_locals=True)
    assert "canary" not in "".join(shown.format())
    client.instance = "pi"
    address = client.trigger_url("greet")
    try:
        raise RuntimeError(address)
    except RuntimeError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert SHOWN in (text := "".join(shown.format()))
    assert "canary" not in text


@pytest.mark.parametrize("auth", [OrganizationKey("cko_aB12canary"), WebhookSignature(OLD), None])
def test_only_an_instance_key_goes_into_an_address(make_client: MakeClient, auth: Any) -> None:
    client = make_client(auth=auth)
    with pytest.raises(ConfigError) as refused:
        client.trigger_url("greet", instance="pi")
    kind = "no key" if auth is None else type(auth).__name__
    assert kind in refused.value.message
    assert "ck_…" in refused.value.message
    assert "Client(auth=key)" in (refused.value.next_action or "")
    assert "canary" not in str(refused.value)


# --- a key that is regenerated ---------------------------------------------------------------------


def dotenv(platform: Platform, key: str) -> str:
    """The four variables of the platform's page "Authentication methods"."""
    return (
        f"# Codika integration\nCODIKA_API_KEY={key}\nPROCESS_INSTANCE_ID={platform.instance}\n\n"
        f"CODIKA_TRIGGER_BASE_URL={platform.url}/webhook\nCODIKA_STATUS_BASE_URL={platform.url}/status\n"
    )


@pytest.mark.parametrize("way", [None, InstanceKey, QueryKey], ids=["found", "header", "address"])
def test_a_regenerated_key_in_a_file(
    platform: Platform, make_client: MakeClient, tmp_path: Path, way: type[InstanceKey | QueryKey] | None
) -> None:
    file, key = tmp_path / "app.env", platform.sandbox.instance_key(platform.instance)
    file.write_text(dotenv(platform, key))
    client = make_client(env_file=file, **({"auth": way(key)} if way else {}))
    run = client.run_workflow("greet", {"name": "Ada"})

    new = platform.sandbox.instance_key(platform.instance)

    calls: list[Callable[[], Any]] = [
        lambda: client.trigger_workflow("greet", {"name": "Ada"}),
        lambda: client.run_workflow("greet", {"name": "Ada"}),
        lambda: client.get_execution_status(run),
        lambda: client.wait_for(run),
    ]
    for call in calls:
        with pytest.raises(AuthenticationError) as regenerated:
            call()
        assert f"The key from {file} (CODIKA_API_KEY) was not accepted." in str(regenerated.value)
        assert "may have been regenerated: the dashboard's" in str(regenerated.value)
        assert f"Set CODIKA_API_KEY in {file} to the new one" in str(regenerated.value)
        assert key[8:] not in str(regenerated.value)
    file.write_text(dotenv(platform, new))
    assert make_client(env_file=file).run_workflow("greet", {"name": "Ada"}).status == "success"


def test_the_key_of_an_instance_is_good_for_nothing_else(platform: Platform, make_client: MakeClient) -> None:
    key = platform.sandbox.instance_key(platform.instance)
    client = make_client(auth=key, base_url=platform.url)
    calls: list[Callable[[], Any]] = [
        client.list_projects,
        lambda: client.list_executions(instance=platform.instance),
        lambda: client.create_project("Mine"),
    ]
    for call in calls:
        with pytest.raises(AuthenticationError) as refused:
            call()
        assert "for this, use an organization's key" in str(refused.value)
        assert "regenerated" not in str(refused.value)
    assert client.run_workflow("greet", {"name": "Ada"}, instance=platform.instance).status == "success"


def test_the_place_that_counts_is_the_one_that_is_named(
    platform: Platform, make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (platform.sandbox.instance_key(platform.instance) for _ in range(2))
    file = tmp_path / ".env"
    file.write_text(dotenv(platform, new))
    monkeypatch.setenv("CODIKA_API_KEY", old)
    monkeypatch.setenv("CODIKA_BASE_URL", platform.url)
    # What the process has set itself counts more than the file, so editing the file would change nothing.
    with pytest.raises(AuthenticationError) as hidden:
        make_client(env_file=file).trigger_workflow("greet", {"name": "Ada"})
    assert "The key from env (CODIKA_API_KEY)" in str(hidden.value)
    assert "Set CODIKA_API_KEY to the new one" in str(hidden.value)
    assert str(file) not in str(hidden.value)
    monkeypatch.delenv("CODIKA_API_KEY")
    assert make_client(env_file=file).run_workflow("greet", {"name": "Ada"}).status == "success"


def test_a_key_given_by_hand_that_is_in_no_variable(platform: Platform, make_client: MakeClient) -> None:
    client = make_client(auth=platform.sandbox.instance_key(platform.instance), base_url=platform.url)
    platform.sandbox.instance_key(platform.instance)
    with pytest.raises(AuthenticationError) as regenerated:
        client.trigger_workflow("greet", {}, instance=platform.instance)
    assert regenerated.value.next_action == (
        "The key given as auth was not accepted. It may have been regenerated: the dashboard's trigger panel "
        "shows the new one. Give the new one."
    )


# --- signed messages: sending ----------------------------------------------------------------------


def sign_as_the_library_does(secret: str, body: str, *, age: float = 0) -> dict[str, str]:
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
    message_id = f"msg_{time.monotonic_ns()}"
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(secret).sign(message_id, now, body),
    }


def test_any_of_an_endpoints_secrets_will_do(platform: Platform, make_client: MakeClient) -> None:
    secrets = [platform.sandbox.webhook_secret(platform.instance, "greet") for _ in range(3)]
    secrets.append(platform.sandbox.webhook_secret(platform.instance, "greet", OLD))
    runs = []
    for secret in [*secrets, OLD.removeprefix("whsec_")]:
        client = make_client(auth=WebhookSignature(secret), base_url=platform.url)
        client.instance = platform.instance
        runs.append(client.trigger_workflow("greet", {"name": "Zoë 🦊"}).execution_id)
    assert len(set(runs)) == 5
    with Client(**platform.account) as owner:
        assert owner.wait_for(runs[-1], instance=platform.instance).result["greeting"] == "Hello, Zoë 🦊!"

    wrong = make_client(auth=WebhookSignature(NEW), base_url=platform.url)
    with pytest.raises(AuthenticationError) as refused:
        wrong.trigger_workflow("greet", {"name": "Ada"}, instance=platform.instance)
    assert "endpoint" in (refused.value.next_action or "")
    assert "regenerated" not in str(refused.value), "no key was sent"


def test_the_platform_takes_what_the_specifications_library_signs(platform: Platform) -> None:
    secret = platform.sandbox.webhook_secret(platform.instance, "greet")
    other = platform.sandbox.webhook_secret(platform.instance, "greet")
    address, body = f"{platform.url}/webhook/{platform.instance}/greet", '{"payload": {"name": "Ada"}}'

    def answer(headers: dict[str, str], content: str = body) -> httpx.Response:
        return httpx.post(address, content=content, headers=headers, trust_env=False)

    def send(headers: dict[str, str], content: str = body) -> int:
        return answer(headers, content).status_code

    headers = sign_as_the_library_does(secret, body)
    first, again = answer(headers), answer(headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["executionId"] == again.json()["executionId"], "a message is taken once"
    both = sign_as_the_library_does(secret, body)
    replaced = both | {"webhook-signature": f"v1,{'A' * 43}= {both['webhook-signature']} v1a,abc"}
    assert send(replaced) == 200
    assert send(sign_as_the_library_does(other, body)) == 200
    assert send(sign_as_the_library_does(secret, body), body.replace("Ada", "Eve")) == 401
    assert send(sign_as_the_library_does(secret, body) | {"webhook-id": "msg_another"}) == 401
    for age, status in ((150, 200), (600, 401), (-150, 200), (-600, 401)):
        assert send(sign_as_the_library_does(secret, body, age=age)) == status, age


# --- signed messages: receiving --------------------------------------------------------------------


class Receiver:
    """A route as one would write it, and what it took in."""

    def __init__(self, *secrets: str, tolerance: float = 300.0) -> None:
        self.secrets = list(secrets)
        self.tolerance = tolerance
        self.taken: list[Any] = []
        self.refused: list[str] = []
        self._known: set[str] = set()
        routes = [Route("/hook", self.receive, methods=["POST"])]
        self.application = Starlette(routes=routes)

    async def receive(self, request: Request) -> Response:
        try:
            message = verify_webhook(
                self.secrets, request.headers, await request.body(), tolerance=self.tolerance
            )
        except WebhookVerificationError as error:
            self.refused.append(error.code)
            return JSONResponse({"error": "not signed by us"}, 401)
        if (message_id := request.headers["webhook-id"]) not in self._known:
            self._known.add(message_id)
            self.taken.append(message)
        return Response(status_code=204)


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    made = Receiver(OLD)
    with serving(made.application) as address:
        yield made, f"{address}/hook"


Send = Callable[..., httpx.Response]


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Iterator[Send]:
    """`httpx.Client.post`, and then the one of its awaited sibling."""
    if request.param == "sync":
        with httpx.Client(trust_env=False) as client:
            yield client.post
        return
    import asyncio

    async def once(method: str, url: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            answering: Awaitable[httpx.Response] = client.request(method, url, **options)
            return await answering

    yield lambda url, **options: asyncio.run(once("POST", url, **options))


def test_a_route_takes_what_a_signature_vouches_for(receiver: tuple[Receiver, str], send: Send) -> None:
    made, address = receiver
    signature = WebhookSignature(OLD)
    messages: list[Any] = [{"name": "Zoë 🦊"}, [], "text", 1.5, {"nested": [{"a": None}]}]
    for message in messages:
        assert send(address, json=message, auth=signature).status_code == 204
    # Written with other blanks and escapes: it is the bytes that are signed, not the value.
    body = b'{ "name" :\n"Zo\\u00eb" }\n'
    assert send(address, content=body, auth=signature).status_code == 204
    assert send(address, content=body, headers=signature.sign(body)).status_code == 204
    assert made.taken == [*messages, {"name": "Zoë"}, {"name": "Zoë"}]
    assert not made.refused


def test_a_route_refuses_everything_else(receiver: tuple[Receiver, str]) -> None:
    made, address = receiver
    body = b'{"amount": 10}'
    headers = WebhookSignature(OLD).sign(body)

    def refused(content: bytes, given: dict[str, str]) -> str:
        answer = httpx.post(address, content=content, headers=given, trust_env=False)
        assert answer.status_code == 401
        assert "whsec" not in answer.text
        return made.refused[-1]

    assert refused(body, {}) == "missing-header"
    assert refused(b'{"amount": 1000}', headers) == "no-match"
    assert refused(json.dumps(json.loads(body), separators=(",", ":")).encode(), headers) == "no-match"
    assert refused(body, headers | {"webhook-id": "msg_another"}) == "no-match"
    assert (
        refused(body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)})
        == "no-match"
    )
    assert refused(body, WebhookSignature(NEW).sign(body)) == "no-match"
    for age in (600, -600, 86400):
        late = WebhookSignature(OLD).sign(body, timestamp=int(time.time()) - age)
        assert refused(body, late) == "stale"
    assert refused(b"amount=10", WebhookSignature(OLD).sign(b"amount=10")) == "not-json"
    assert made.taken == []


def test_a_message_that_comes_twice_is_acted_on_once(receiver: tuple[Receiver, str]) -> None:
    made, address = receiver
    body = b'{"amount": 10}'
    # The sender has lost the answer, and tries again: same id, later time, another signature.
    for age in (60, 60, 0):
        headers = WebhookSignature(OLD).sign(body, message_id="msg_1", timestamp=int(time.time()) - age)
        assert httpx.post(address, content=body, headers=headers, trust_env=False).status_code == 204
    assert made.taken == [{"amount": 10}]


def test_a_secret_is_replaced_without_a_gap(receiver: tuple[Receiver, str]) -> None:
    made, address = receiver

    def deliver(*senders: WebhookSignature) -> int:
        body, now = b'{"from": 1}', int(time.time())
        each = [s.sign(body, message_id="msg_r", timestamp=now) for s in senders]
        signatures = " ".join(headers["webhook-signature"] for headers in each)
        headers = {**each[0], "webhook-signature": signatures}
        return httpx.post(address, content=body, headers=headers, trust_env=False).status_code

    old, new = WebhookSignature(OLD), WebhookSignature(NEW)
    assert (deliver(old), deliver(new)) == (204, 401)
    assert deliver(new, old) == 204  # a sender that signs with both while it changes over
    made.secrets.append(NEW.removeprefix("whsec_"))
    assert (deliver(old), deliver(new), deliver(old, new)) == (204, 204, 204)
    made.secrets.remove(OLD)
    assert (deliver(old), deliver(new), deliver(old, new)) == (401, 204, 204)


def test_a_route_takes_what_the_specifications_library_signs(receiver: tuple[Receiver, str]) -> None:
    made, address = receiver
    body = json.dumps({"name": "Zoë"}, ensure_ascii=False)
    for age, status in ((0, 204), (150, 204), (600, 401)):
        headers = sign_as_the_library_does(OLD, body, age=age)
        answer = httpx.post(address, content=body.encode(), headers=headers, trust_env=False)
        assert answer.status_code == status
    assert made.taken == [{"name": "Zoë"}] * 2


def test_the_specifications_library_takes_what_we_send(send: Send) -> None:
    async def receive(request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name.startswith("webhook-")}
        return JSONResponse(standardwebhooks.Webhook(NEW).verify(await request.body(), headers))

    with serving(Starlette(routes=[Route("/hook", receive, methods=["POST"])])) as address:
        answer = send(f"{address}/hook", json={"name": "Zoë 🦊"}, auth=WebhookSignature(NEW))
    assert answer.json() == {"name": "Zoë 🦊"}


def test_bare_keys_and_our_classes_are_the_same_to_the_http_library(platform: Platform, send: Send) -> None:
    """What `Client` sends can be sent by hand, too: the four classes are ways of the HTTP library."""
    key = platform.sandbox.instance_key(platform.instance)
    secret = platform.sandbox.webhook_secret(platform.instance, "greet")
    ways = (OrganizationKey(platform.key), auth_for(key), QueryKey(key), WebhookSignature(secret))
    for way in ways:
        answer = send(
            f"{platform.url}/webhook/{platform.instance}/greet", json={"payload": {"name": "Ada"}}, auth=way
        )
        assert answer.status_code == 200, way
        assert answer.json()["executionId"]
