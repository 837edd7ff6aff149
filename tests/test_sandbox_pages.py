"""The pages for people: the inbox's states, the teacher's page, and both with a keyboard and by voice."""

from __future__ import annotations

import logging
import multiprocessing
import re
import sys
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from codika_nb import Client, ConfigError, Sandbox, sign_in
from tests.browser import chromium, keep, needs_chromium
from tests.conftest import GREETER
from tests.test_sandbox import Platform
from tests.test_sandbox_workflows import Deployed


@pytest.fixture
def taught(sandbox: Sandbox, greeter: Path) -> Sandbox:
    """A sandbox in which somebody has signed up, deployed the greeter, and run it twice."""
    profile = sign_in(
        "ada@example.com", ask_code=sandbox.code_for, base_url=sandbox.url, store=None, company="<b>Acme</b>"
    )
    with Client(auth=profile.api_key, base_url=sandbox.url) as client:
        project = client.create_project("A project").project_id
        deployed = client.deploy_use_case(greeter, project_id=project)
        for name in ("Ada", " "):
            client.run_workflow("greet", {"name": name}, instance=deployed.process_instance_id)
    return sandbox


def states(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Address and state of each mail on the page, newest first."""
    page = httpx.get(sandbox.inbox_url, headers={"Accept": "text/html"}).text
    return re.findall(r'data-id="\S+ (\S+)" data-state="(\w+)"', page)


def test_the_inbox_says_what_each_code_is_good_for(sandbox: Sandbox) -> None:
    with Client(base_url=sandbox.url) as client:
        client.request_signup_code("ada@example.com")
        assert states(sandbox) == [("ada@example.com", "waiting")]
        sandbox.clock.advance(31)
        client.request_signup_code("ada@example.com")
        assert [state for _, state in states(sandbox)] == ["waiting", "replaced"]
        client.complete_signup("ada@example.com", code=sandbox.code_for("ada@example.com"))
        assert [state for _, state in states(sandbox)] == ["used", "replaced"]
        client.request_signup_code("grace@example.com")
        for _ in range(5):
            with pytest.raises(Exception, match="code"):
                client.complete_signup("grace@example.com", code="000000")
        assert states(sandbox)[0] == ("grace@example.com", "locked")
        client.request_signup_code("linus@example.com")
        sandbox.clock.advance(601)
        assert states(sandbox)[0] == ("linus@example.com", "expired")


def test_a_newer_code_changes_nothing_of_what_had_become_of_an_older_one(sandbox: Sandbox) -> None:
    with Client(base_url=sandbox.url) as client:
        for email in ("ada@example.com", "grace@example.com", "linus@example.com"):
            client.request_signup_code(email)
        client.complete_signup("ada@example.com", code=sandbox.code_for("ada@example.com"))
        for _ in range(5):
            with pytest.raises(Exception, match="code"):
                client.complete_signup("grace@example.com", code="000000")
        sandbox.clock.advance(601)
        for _ in range(2):
            client.request_login_code("ada@example.com")
            sandbox.clock.advance(31)
        for email in ("grace@example.com", "linus@example.com"):
            client.request_signup_code(email)
        became = {
            each: [state for email, state in states(sandbox) if email == f"{each}@example.com"]
            for each in ("ada", "grace", "linus")
        }
        assert became == {
            "ada": ["waiting", "replaced", "used"],
            "grace": ["waiting", "locked"],
            "linus": ["waiting", "expired"],
        }


def test_the_class_page_tells_who_deployed_and_ran_what(taught: Sandbox) -> None:
    page = httpx.get(f"{taught.url}/class", headers={"Accept": "text/html"}).text
    assert "&lt;b&gt;Acme&lt;/b&gt;" in page
    assert "<b>Acme" not in page
    seen = httpx.get(f"{taught.url}/class", headers={"Accept": "application/json"}).json()
    assert [(run["workflow"], run["status"]) for run in seen["runs"]] == [
        ("greet", "failed"),
        ("greet", "success"),
    ]
    assert "A name is required" in seen["runs"][0]["error"]
    (deployment,) = seen["deployments"]
    assert (deployment["useCase"], deployment["version"], deployment["status"]) == (
        "Greeter",
        "1.0",
        "deployed",
    )
    (organization,) = seen["organizations"]
    assert organization["emails"] == "ada@example.com"


@pytest.mark.parametrize("accepted", ["application/json", "text/html"])
def test_half_a_character_takes_the_class_page_from_nobody(
    sandbox: Sandbox, accepted: str, caplog: pytest.LogCaptureFixture
) -> None:
    # What is logged is kept with the test's report, which cannot be sent with half a character in it.
    caplog.set_level(logging.CRITICAL, "codika_nb.sandbox")

    @sandbox.workflow("greet")
    def greet(_payload: object) -> None:
        raise ValueError("half \ud83d of it")

    platform = Platform(sandbox)
    with platform.http:
        deployed = Deployed(platform, title="Half \ud83d title")
        assert deployed.run({})["status"] == "failed"
        answer = platform.http.get("/class", headers={"Accept": accepted})
        assert answer.status_code == 200, answer.text
        assert "ValueError: half" in answer.text
        assert " title" in answer.text


def test_an_address_is_looked_for_as_it_is_written(sandbox: Sandbox) -> None:
    httpx.post(f"{sandbox.url}/clirequestsignupotp", json={"email": "ada+tag@example.com"}, trust_env=False)
    for given in ("ada+tag@example.com", " ADA%2Btag@example.com", "ada%2btag@EXAMPLE.com"):
        found = httpx.get(f"{sandbox.url}/inbox?email={given}", headers={"Accept": "application/json"})
        assert [mail["to"] for mail in found.json()] == ["ada+tag@example.com"], given


def test_the_pages_for_the_teacher_take_the_token_and_keep_it() -> None:
    with Sandbox(host="127.0.0.1", trusted_proxy="127.0.0.1") as sandbox:
        token = sandbox.inbox_url.partition("?token=")[2]
        assert httpx.get(f"{sandbox.url}/class").status_code == 403
        refused = httpx.get(f"{sandbox.url}/class", headers={"Accept": "text/html"})
        assert refused.status_code == 403
        assert "inbox" not in re.findall(r'href="([a-z]*)', refused.text)
        start = httpx.get(sandbox.url, headers={"Accept": "text/html"}).text
        assert 'href="inbox' not in start
        known = f"{sandbox.url}/?token={token}"
        for address in (known, sandbox.inbox_url, f"{sandbox.url}/class?token={token}"):
            page = httpx.get(address, headers={"Accept": "text/html"})
            assert page.status_code == 200
            links = [each for each in re.findall(r'<a href="([^"]+)"', page.text) if each]
            assert len(links) >= 2
            assert all(token in each for each in links)


@needs_chromium
def test_what_is_new_is_put_in_and_said_and_the_focus_stays(taught: Sandbox) -> None:
    def accessible(page: Page) -> None:
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

    with Client(base_url=taught.url) as client, chromium(width=1280) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        client.request_signup_code("grace@example.com")
        page.goto(taught.inbox_url)
        accessible(page)
        page.set_viewport_size({"width": 320, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        page.set_viewport_size({"width": 1280, "height": 800})
        button = page.get_by_role("button", name="Copy code for grace@example.com")
        expect(button).to_have_text("Copy code")
        subject = "grace@example.com Your code to sign up for Codika"
        expect(page.get_by_role("heading", name=subject)).to_be_visible()
        button.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == taught.code_for("grace@example.com")

        client.request_signup_code("linus@example.com")
        expect(page.get_by_role("status")).to_have_text("New code for linus@example.com")
        expect(button).to_be_focused()
        expect(page.locator("[data-id]")).to_have_count(3)
        client.complete_signup("linus@example.com", code=taught.code_for("linus@example.com"))
        expect(page.locator("article").first).to_contain_text("used")
        keep(page, "sandbox-inbox")
        page.get_by_role("searchbox").fill("GRACE")
        expect(page.locator("[data-id]").filter(visible=True)).to_have_count(1)

        page.get_by_role("link", name="Class").click()
        accessible(page)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 320, "height": 700})
        accessible(page)
        page.get_by_role("link", name="About").click()
        expect(page.get_by_role("heading", name="A local Codika is running")).to_be_visible()
        accessible(page)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 700})
        accessible(page)
        page.get_by_role("link", name="Class").click()
        expect(page.get_by_role("row", name="failed")).to_contain_text("A name is required")
        keep(page, "sandbox-class")


def in_a_child(sandbox: Sandbox, answers: multiprocessing.Queue[str]) -> None:
    for asked in (
        lambda: sandbox.add_organization("ada@example.com", "Acme"),
        lambda: sandbox.code_for("ada@example.com"),
        lambda: sandbox.inbox,
        lambda: sandbox.workflow("greet")(print),
        lambda: sandbox.load_stand_ins(GREETER / "stand_ins.py"),
    ):
        try:
            answers.put(repr(asked()))
        except (ConfigError, LookupError) as error:
            answers.put(str(error))
    answers.put(str(httpx.get(sandbox.url).status_code))
    sandbox.stop()
    answers.put("stopped")


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_where_the_sandbox_runs(sandbox: Sandbox) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=in_a_child, args=(sandbox, answers))
    child.start()
    for _ in range(5):
        assert "forked from" in answers.get(timeout=60)
    assert answers.get(timeout=60) == "200"
    assert answers.get(timeout=60) == "stopped"
    child.join(60)
    assert httpx.get(sandbox.url).status_code == 200
