"""A sandbox in the process of its clients, on ordinary Python; and what happens without threads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codika_nb import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConfigError,
    Profile,
    RequestTimeoutError,
    Sandbox,
    TransportError,
    WebhookSignature,
    in_process,
    sign_in,
)
from codika_nb.loops import Loop
from codika_nb.profiles.credential import resolve
from codika_nb.sandbox import serving
from codika_nb.sandbox.kept import KeptStore

from .conftest import EMAIL, GREETER


@pytest.fixture
def inside() -> Iterator[Sandbox]:
    """A sandbox without any socket."""
    with Sandbox(in_process=True) as running:
        running.load_stand_ins(GREETER / "stand_ins.py")
        yield running


@pytest.fixture
def profile(inside: Sandbox) -> Profile:
    return sign_in(EMAIL, ask_code=inside.code_for, base_url=inside.url, company="Acme")


def test_a_client_that_blocks_does_all_there_is_to_do(
    inside: Sandbox, profile: Profile, greeter: Path
) -> None:
    assert profile.host == inside.url == "http://sandbox.localhost"
    with Client() as client:
        deployed = client.deploy_use_case(greeter)
        assert client.run_workflow("greet", {"name": "Ada"}).result["greeting"] == "Hello, Ada!"
        runs = client.run_many("greet", [{"name": "Ada"}, {"name": " "}] * 10, progress=False)
        assert (len(runs), len(runs.failed)) == (20, 10)
        assert deployed.process_instance_id
        secret = inside.webhook_secret(deployed.process_instance_id, "greet")
        with Client(auth=WebhookSignature(secret), base_url=inside.url) as sender:
            sender.instance = deployed.process_instance_id
            assert client.wait_for(sender.trigger_workflow("greet", {"name": "Eve"})).status == "success"
    assert [mail.to for mail in inside.inbox] == [EMAIL]


def test_an_awaited_client_does_it_in_whatever_loop(inside: Sandbox, profile: Profile, greeter: Path) -> None:
    async def main() -> list[str]:
        async with AsyncClient() as client:
            await client.deploy_use_case(greeter)
            runs = await client.run_many("greet", [{"name": name} for name in ("Ada", "Grace")])
            return [result["greeting"] for result in runs.results]

    assert asyncio.run(main()) == ["Hello, Ada!", "Hello, Grace!"]
    assert asyncio.run(main()) == ["Hello, Ada!", "Hello, Grace!"]


def test_functions_that_are_awaited_have_their_time_limit(
    inside: Sandbox, profile: Profile, greeter: Path
) -> None:
    @inside.workflow("greet", time_limit=0.2)
    async def greet(payload: dict[str, str]) -> dict[str, str]:
        await asyncio.sleep(float(payload["name"]))
        return {"greeting": "there"}

    with Client() as client:
        client.deploy_use_case(greeter)
        assert client.run_workflow("greet", {"name": "0.01"}).result == {"greeting": "there"}
        problem = client.run_workflow("greet", {"name": "30"}).error_details
        assert problem
        assert "within 0.2 seconds" in problem.message


def test_a_key_belongs_to_its_sandbox(inside: Sandbox, profile: Profile) -> None:
    with Sandbox(in_process=True) as other:
        assert other.url != inside.url
        with pytest.raises(ConfigError, match="its key is not sent to"):
            Client(profile=profile.name, base_url=other.url)
        with Client(auth=profile.api_key, base_url=other.url) as client, pytest.raises(AuthenticationError):
            client.verify_key()


def test_nobody_answers_once_it_is_stopped(inside: Sandbox, profile: Profile) -> None:
    client = Client()
    inside.stop()
    with client, pytest.raises(TransportError, match="nobody answers there"):
        client.verify_key()
    # As with any sandbox that is gone: nothing is tried there, and a new sign-in goes elsewhere.
    gone = resolve().gone
    assert gone
    assert gone.name == profile.name


def test_it_keeps_its_data_in_a_folder(tmp_path: Path) -> None:
    with Sandbox(in_process=True, data=tmp_path) as first:
        made = sign_in(EMAIL, ask_code=first.code_for, base_url=first.url)
        with pytest.raises(ConfigError, match="Another sandbox is using"):
            Sandbox(in_process=True, data=tmp_path).start()
    with Sandbox(in_process=True, data=tmp_path) as again, Client() as client:
        assert again.url == made.host  # what did not start has left no address taken
        assert client.whoami().organization_id == made.organization_id


def test_an_address_is_taken_once(inside: Sandbox) -> None:
    with Sandbox(in_process=True, port=8321) as other:
        assert other.url == "http://sandbox.localhost:8321"
        with pytest.raises(ConfigError, match="has the port 8321"):
            Sandbox(in_process=True, port=8321).start()


def test_what_it_cannot_have_is_said_when_it_is_made() -> None:
    with pytest.raises(ConfigError, match="no n8n, and no proxy"):
        Sandbox(in_process=True, engine="n8n")


def test_who_takes_too_long_is_not_waited_for() -> None:
    async def silent(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    loop = Loop("silent")
    url = in_process.reserve()
    in_process.offer(url, in_process.Server(silent, loop))
    try:
        with Client(base_url=url, timeout=0.1) as client, pytest.raises(RequestTimeoutError):
            client.request_login_code(EMAIL)
    finally:
        in_process.take_back(url)
        loop.end()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_forked_child_does_not_wait_for_what_stayed_with_its_parent() -> None:
    printed = run_python("""
import os, warnings
from codika_nb import Client, Sandbox, TransportError

warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
with Sandbox(in_process=True) as sandbox, Client(base_url=sandbox.url) as client:
    child = os.fork()
    if child == 0:
        try:
            client.request_signup_code("ada@example.com")
        except TransportError:
            os._exit(0)
        os._exit(1)
    print(os.waitpid(child, 0)[1])
""")
    assert printed == "0\n"


# --- without threads -------------------------------------------------------------------------------

WITHOUT_THREADS = f"""
import asyncio, os, sys, threading, types

def start(thread):
    raise RuntimeError("can't start new thread")

threading.Thread.start = start

import codika_nb, codika_nb.client.client, codika_nb.sandbox.web.app
from codika_nb import AsyncClient, Client, CodikaError, ProfileStore, Sandbox, asign_in

async def main():
    with Sandbox(in_process=True) as sandbox:
        sandbox.load_stand_ins({str(GREETER / "stand_ins.py")!r})

        @sandbox.workflow("later")
        async def later(payload):
            await asyncio.sleep(0.01)
            return payload

        await asign_in("ada@example.com", ask_code=sandbox.code_for, base_url=sandbox.url)
        async with AsyncClient() as client:
            await client.deploy_use_case(os.environ["GREETER"])
            print((await client.run_workflow("greet", {{"name": "Ada"}})).result["greeting"])
            print(repr(await client.run_many("greet", [{{"name": "Ada"}}] * 20, progress=False)))
        try:
            Client().verify_key()
        except CodikaError as error:
            print(error.code)
        print(sandbox.personal_key("ada@example.com")[:4])
    print(sandbox)

asyncio.run(main())
"""

AS_IN_A_BROWSER = """
import sys, types

# One that cannot wait within a call.
platform, sys.platform = sys.platform, "emscripten"
import codika_nb.loops
sys.platform = platform
sys.modules["pyodide"] = types.ModuleType("pyodide")
sys.modules["pyodide.ffi"] = ffi = types.ModuleType("pyodide.ffi")
ffi.can_run_sync = lambda: False
"""


def test_without_threads_everything_goes_on_in_the_loop_that_runs(greeter: Path) -> None:
    printed = run_python(WITHOUT_THREADS, GREETER=str(greeter)).splitlines()
    expected = ["Hello, Ada!", "20 runs of greet: 20 succeeded", "would-block", "ckp_", "<Sandbox, stopped>"]
    assert printed == expected


def test_a_browser_needs_no_word_for_it(greeter: Path) -> None:
    program = AS_IN_A_BROWSER + WITHOUT_THREADS.replace("in_process=True", "")
    assert run_python(program, GREETER=str(greeter)).splitlines()[0] == "Hello, Ada!"


REFUSED = """
import asyncio, os
from codika_nb import Client, CodikaError, SignIn, Sandbox, asign_in, InstanceKey
from codika_nb.profiles.credential import sign_in_server

async def refused(what):
    try:
        outcome = what()
        if asyncio.iscoroutine(outcome):
            await outcome
    except CodikaError as error:
        return error.code
    return "sent"

async def main():
    with Sandbox() as sandbox:
        print(await refused(lambda: Client(auth="cko_" + "x" * 64)))
        print(await refused(lambda: Client(auth="cko_" + "x" * 64, base_url="https://api.codika.io")))
        print(await refused(lambda: asign_in("ada@example.com", ask_code=input)))
        print(await refused(lambda: Client(base_url="http://localhost:8321").request_login_code("ada@example.com")))
        print(await refused(lambda: sign_in_server("https://codika.example.com")))
        print(await refused(lambda: Client(base_url="https://codika.example.com").verify_key()))
        os.environ["CODIKA_API_KEY"] = "cko_" + "x" * 64
        print(await refused(Client))
        os.environ["CODIKA_BASE_URL"] = sandbox.url
        print(await refused(Client))

asyncio.run(main())
"""


def test_in_a_browser_nothing_is_sent_elsewhere() -> None:
    printed = run_python(AS_IN_A_BROWSER + REFUSED).splitlines()
    assert printed == [*["in-browser"] * 5, "not-signed-in", "in-browser", "sent"]


def run_python(program: str, **variables: str) -> str:
    """What a program prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", program],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- what a browser keeps --------------------------------------------------------------------------


def test_what_is_kept_is_shared_and_outlasts_the_page(tmp_path: Path) -> None:
    async def two_notebooks() -> None:
        ours, others = KeptStore(tmp_path), KeptStore(tmp_path)
        with ours.transaction(LookupError):
            ours.insert("users", id="u1", email=EMAIL, created_at=0.0)
        await until((tmp_path / "sandbox.txt").exists)

        def has_come() -> bool:
            with others.transaction(LookupError):
                return others.count("SELECT COUNT(*) FROM users") == 1

        await until(has_come)
        # What only looks is not written, and what is under way is not lost when it is closed.
        with others.transaction(LookupError):
            others.insert("users", id="u2", email="eve@example.com", created_at=0.0)
        others.close()
        ours.close()

    async def until(what: Callable[[], bool]) -> None:
        while not what():  # noqa: ASYNC110 - files say nothing
            await asyncio.sleep(0.05)

    asyncio.run(two_notebooks())
    again = KeptStore(tmp_path)
    assert again.count("SELECT COUNT(*) FROM users") == 2
    again.close()


def test_a_key_of_another_notebook_of_the_page_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "IN_BROWSER", True)
    with Sandbox(data=tmp_path) as ours, Sandbox(data=tmp_path) as others:
        profile = sign_in(EMAIL, ask_code=ours.code_for, base_url=ours.url, store=None)
        with Client(auth=profile.api_key, base_url=others.url) as client:
            until = time.monotonic() + 20
            while time.monotonic() < until:  # it is written soon, and looked for now and then
                with contextlib.suppress(AuthenticationError):
                    assert client.list_projects() == []
                    return
                time.sleep(0.1)
    pytest.fail("the key has stayed unknown")


def test_what_is_damaged_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "sandbox.txt").write_text("no database")
    with pytest.raises(ConfigError, match="damaged") as refused:
        KeptStore(tmp_path)
    assert "--forget" in str(refused.value)
    assert (tmp_path / "sandbox.txt").read_text() == "no database"
