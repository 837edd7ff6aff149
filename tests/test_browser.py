"""The tutorial in a real browser: what a person types, and what they get to see."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from codika_nb import Sandbox, sign_in
from tests.browser import (
    chromium,
    in_theme,
    keep,
    keep_in_both_themes,
    lab,
    needs_chromium,
    run_cell,
    served,
    wait_for_kernel,
)
from tests.conftest import EMAIL

pytestmark = needs_chromium


def open_tutorial(page: Page, address: str) -> None:
    page.goto(f"{address}&reset")
    page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)


def test_a_person_signs_up_deploys_and_runs(tmp_path: Path) -> None:
    with lab(tmp_path) as running, chromium() as page:
        open_tutorial(page, running.address)
        # JupyterLab asks nothing of its own over the tutorial.
        settings = page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent)")
        assert "@jupyterlab/apputils-extension:announcements" in settings["disabledExtensions"]
        running.wait_for_kernel()
        run_cell(page, "%load_ext codika_nb")
        run_cell(page, "sandbox = %codika_sandbox")
        form_cell = run_cell(page, "form = %codika_signup")
        form = form_cell.locator(".codika-form")

        # An address that is none: said at once, and what was typed stays.
        email = form.get_by_label("E-mail")
        email.fill("ada@example")
        form.get_by_role("button", name="Send code").click()
        expect(form.get_by_role("alert")).to_contain_text("not an e-mail address")
        expect(email).to_have_value("ada@example")
        form.scroll_into_view_if_needed()
        keep_in_both_themes(page, "1-email", narrow=620)

        email.fill("ada@example.com")
        form.get_by_label("Organization (optional)").fill("Acme, Inc.")
        email.press("Enter")
        code = form.get_by_label("Six-digit code")
        code.wait_for()
        expect(form).to_contain_text("ada@example.com")
        counted = form.get_by_role("button", name="Resend")
        expect(counted).to_be_disabled()
        expect(counted).to_have_class(re.compile("codika-counting"))

        right = running.mail("ada@example.com")[0]["code"]
        wrong = "000000" if right != "000000" else "111111"
        code.press_sequentially(wrong)
        expect(form.get_by_role("alert")).to_contain_text("4 attempts left")
        expect(code).to_have_value("")
        keep_in_both_themes(page, "2-code", narrow=620)

        code.press_sequentially(f"{right[:3]} {right[3:]}")
        signed_in = form_cell.get_by_text("Signed in: Acme, Inc., profile acme-inc, key cko_").filter(
            visible=True
        )
        expect(signed_in.first).to_be_visible()
        expect(form).to_have_count(0)
        # Whoever has typed goes on by keyboard: the focus is at the sentence, inside the notebook.
        expect(form_cell.locator(".widget-label.codika-heard")).to_be_focused()
        keep_in_both_themes(page, "3-signed-in", narrow=620)

        run_cell(page, "%codika_whoami")
        run_cell(page, "deployed = %codika_deploy")
        triggered = run_cell(page, "run = %codika_trigger")
        expect(triggered).to_contain_text("Hello, Ada!")
        result = run_cell(page, "run.result")
        expect(result.locator(".jp-OutputArea-output")).to_contain_text("'greeting': 'Hello, Ada!'")
        result.scroll_into_view_if_needed()
        keep_in_both_themes(page, "4-run", narrow=620)

        page.keyboard.press("Control+s")
        notebook = running.folder / "01_sign_in_and_deploy.ipynb"
        key = json.loads((tmp_path / "xdg/codika/config.json").read_text())["profiles"]["acme-inc"]["apiKey"]
        for _ in range(600):
            if "Hello, Ada!" in notebook.read_text():
                break
            time.sleep(0.1)
        saved = notebook.read_text()
        assert "Hello, Ada!" in saved
        assert "Signed in: Acme, Inc." in saved
        for secret in (key, right, wrong, "ada@example.com'", "ada@example.com<"):
            assert secret not in saved
        history = subprocess.run(
            ["grep", "-rac", key, str(tmp_path / "ipython"), str(tmp_path / "data")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert not any(line.rpartition(":")[2] != "0" for line in history.stdout.splitlines())
        # A terminal has the four lines, and nothing that JupyterLab or a kernel says of itself.
        assert (tmp_path / "lab.log").read_text() == ""
        mine = running.process.pid
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(mine)], capture_output=True, text=True, check=False
    )
    assert children.stdout.strip() == ""
    left = subprocess.run(["ps", "ax", "-o", "args="], capture_output=True, text=True, check=False).stdout
    assert str(tmp_path) not in left, "a process of the lab is still there"
    assert os.path.exists(running.folder)  # noqa: PTH110


def accessible(page: Page) -> None:
    """No accessibility rule is broken inside the form."""
    found = Axe().run(page, context=".codika-form")
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("program", ["lab", pytest.param("notebook", marks=pytest.mark.kernel)])
def test_keyboard_alone_and_two_organizations(tmp_path: Path, sandbox: Sandbox, program: str) -> None:
    def seen(name: str, check: Callable[[Page], None] = accessible) -> None:
        check(page)
        if program == "notebook":
            keep(page, f"{name}-{program}")
            return
        for theme in ("JupyterLab Dark", "JupyterLab Dark High Contrast"):
            with in_theme(page, theme):
                check(page)
                keep(page, f"{name}-{theme.rsplit(maxsplit=1)[-1].lower()}")

    sandbox.add_organization(EMAIL, "Acme")
    sandbox.add_organization(EMAIL, "Beta Corp")
    cells = ["%load_ext codika_nb", "form = %codika_login", "form.wait(0)"]
    with (
        served(tmp_path, program, cells, CODIKA_BASE_URL=sandbox.url) as address,
        chromium(width=900) as page,
    ):
        page.goto(address)
        page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
        wait_for_kernel(address)
        run_cell(page, "%load_ext")
        form_cell = run_cell(page, "form = %codika_login")
        form = form_cell.locator(".codika-form")
        accessible(page)

        # Every letter arrives, also those that are shortcuts of the notebook.
        email = form.get_by_label("E-mail")
        email.focus()
        page.keyboard.type("LabddMyo00jk@example.com")
        expect(email).to_have_value("LabddMyo00jk@example.com")
        page.keyboard.press("Control+a")
        page.keyboard.type("ada@example")
        page.keyboard.press("Enter")
        expect(form.get_by_role("alert")).to_contain_text("not an e-mail address")
        expect(email).to_be_focused()
        page.keyboard.type(".com")
        page.keyboard.press("Enter")
        expect(form.get_by_label("Six-digit code")).to_be_focused()
        seen("5-code")

        code = sandbox.code_for(EMAIL)
        page.keyboard.insert_text(f"Your code is {code[:3]} {code[3:]}.")
        expect(form.get_by_role("heading")).to_have_text("Codika Which organization?")
        expect(form.get_by_role("radio")).to_have_count(2)
        expect(form.get_by_role("radio", checked=True)).to_have_count(0)
        expect(form.get_by_role("button", name="Continue")).to_be_disabled()
        expect(form.locator(".widget-label.codika-heard")).to_be_focused()
        seen("6-organizations")
        # Changing the theme may have taken the focus along.
        form.locator(".widget-label.codika-heard").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(form.get_by_role("radio", name="Beta Corp")).to_be_focused()
        page.keyboard.press("Space")
        expect(form.get_by_role("button", name="Continue")).to_be_enabled()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(form_cell.get_by_text("Signed in: Beta Corp").filter(visible=True).first).to_be_visible()
        expect(form_cell.locator(".widget-label.codika-heard")).to_be_focused()  # before it goes elsewhere
        signed_in = run_cell(page, "form.wait(0)").locator(".jp-OutputArea-output")
        expect(signed_in).to_contain_text("Profile(")
        seen("7-signed-in", lambda page: None)


@pytest.mark.kernel
def test_resending_and_cancelling_in_a_browser(tmp_path: Path, sandbox: Sandbox) -> None:
    cells = ["%load_ext codika_nb", "form = %codika_signup"]
    with (
        served(tmp_path, "lab", cells, CODIKA_BASE_URL=sandbox.url) as address,
        chromium() as page,
    ):
        page.goto(address)
        page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
        wait_for_kernel(address)
        run_cell(page, "%load_ext")
        form_cell = run_cell(page, "form = %codika_signup")
        form = form_cell.locator(".codika-form")
        form.get_by_label("E-mail").fill(EMAIL)
        form.get_by_role("button", name="Send code").dblclick()
        resend = form.get_by_role("button", name="Resend")
        expect(resend).to_be_disabled()
        assert len(sandbox.inbox) == 1
        sandbox.clock.advance(31)
        expect(resend).to_be_enabled()
        resend.click()
        for _ in range(600):
            if len(sandbox.inbox) == 2:
                break
            time.sleep(0.1)
        assert len(sandbox.inbox) == 2
        # While it is sent, no other click counts: first that is seen, then that it has ended.
        expect(resend).to_be_disabled()
        expect(form.get_by_label("Six-digit code")).to_be_enabled()
        form.get_by_role("button", name="Other e-mail").click()
        expect(form.get_by_label("E-mail")).to_have_value(EMAIL)
        form.get_by_role("button", name="Cancel").click()
        cancelled = form_cell.get_by_text("Signing in was cancelled").filter(visible=True)
        expect(cancelled.first).to_be_visible()
        expect(form_cell.locator(".widget-label.codika-heard")).to_be_focused()
        expect(form).to_have_count(0)


def test_voila_serves_the_form(tmp_path: Path, sandbox: Sandbox) -> None:
    cells = ["%load_ext codika_nb", "form = %codika_signup"]
    with (
        served(tmp_path, "voila", cells, CODIKA_BASE_URL=sandbox.url) as address,
        chromium(width=700) as page,
    ):
        page.goto(address, timeout=120_000)
        form = page.locator(".codika-form")
        form.wait_for(timeout=120_000)
        form.get_by_label("E-mail").fill(EMAIL)
        form.get_by_label("E-mail").press("Enter")
        code = form.get_by_label("Six-digit code")
        code.wait_for()
        keep(page, "8-voila")
        code.press_sequentially(sandbox.code_for(EMAIL))
        expect(page.locator("body")).to_contain_text("Signed in: My Organization")
        profiles = json.loads((tmp_path / "xdg/codika/config.json").read_text())["profiles"]
        assert profiles["my-organization"]["apiKey"] not in page.content()


def test_cards_follow_a_deployment_and_open_a_result(tmp_path: Path, sandbox: Sandbox, greeter: Path) -> None:
    @sandbox.workflow("greet")
    def greet(payload: dict[str, Any]) -> dict[str, Any]:
        if payload["name"] == "nobody":
            raise RuntimeError("there is nobody to greet")
        return {"greeting": "Hello, Ada!", "people": [{"name": "Ada", "city": {"name": "<b>London</b>"}}]}

    profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme, Inc.")
    broken = Path(shutil.copytree(greeter, tmp_path / "broken"))
    workflow = broken / "workflows" / "greet.json"
    workflow.write_text(workflow.read_text().replace('"webhookId": "greet-webhook",', ""))
    cells = [
        "%load_ext codika_nb",
        f"%codika_deploy {broken}",
        f"deployed = %codika_deploy {greeter} --publish",
        'run = %codika_trigger greet {"name": "Ada"}',
        'failed = %codika_trigger greet {"name": "nobody"}',
        "runs = %codika_executions --chart",
    ]
    with (
        served(
            tmp_path, "lab", cells, CODIKA_BASE_URL=sandbox.url, CODIKA_API_KEY=profile.api_key
        ) as address,
        chromium(width=900, height=1300) as page,
    ):
        page.goto(address)
        page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
        wait_for_kernel(address)
        run_cell(page, "%load_ext")
        refused = run_cell(page, str(broken))
        expect(refused.locator("table")).to_contain_text("WEBHOOK-ID")
        expect(refused).to_contain_text("--no-verify")

        deployed = run_cell(page, "deployed =")
        expect(deployed.locator(".jp-OutputArea-output")).to_have_count(1)
        expect(deployed).to_contain_text("Greeter is deployed")
        expect(deployed).to_contain_text("production, until this kernel deploys again")

        ran = run_cell(page, "run =")
        city = ran.locator("details details summary").first
        expect(ran.get_by_text("<b>London</b>")).to_be_hidden()
        city.click()
        ran.locator("details details details summary").first.click()
        expect(ran.get_by_text("<b>London</b>")).to_be_visible()
        expect(run_cell(page, "failed =")).to_contain_text("there is nobody to greet")
        listed = run_cell(page, "--chart")
        expect(listed.get_by_role("img")).to_be_visible()
        listed.scroll_into_view_if_needed()
        keep_in_both_themes(page, "9-cards")

        page.keyboard.press("Control+s")
        notebook = tmp_path / "served" / "here.ipynb"
        for _ in range(600):
            if "<svg" in notebook.read_text():
                break
            time.sleep(0.1)
        saved = notebook.read_text()
        assert "Greeter is deployed" in saved
        assert "is being deployed" not in saved
        assert profile.api_key not in saved


def test_no_style_reaches_another_output_and_text_is_shown_as_it_is(
    tmp_path: Path, sandbox: Sandbox, greeter: Path
) -> None:
    """A form in a later cell changes nothing; dollars are no mathematics; a click selects a whole id."""

    @sandbox.workflow("greet")
    def greet(payload: dict[str, Any]) -> dict[str, Any]:
        if payload["name"] == "nobody":
            raise RuntimeError("The budget of $500 is exceeded by $20.")
        return {"greeting": "It was $5, now it is $7.", "path": r"\[a\] and \(b\)"}

    profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Save $5 and $6 Ltd")
    cells = [
        "%load_ext codika_nb",
        f"deployed = %codika_deploy {greeter}",
        "me = %codika_whoami",
        'run = %codika_trigger greet {"name": "Ada"}',
        'failed = %codika_trigger greet {"name": "nobody"}',
        "runs = %codika_executions --chart",
        "playground = %codika_playground greet",
        "form = %codika_login x@example.com",
    ]
    settings = {"CODIKA_BASE_URL": sandbox.url, "CODIKA_API_KEY": profile.api_key}
    with served(tmp_path, "lab", cells, **settings) as address, chromium(height=3000) as page:
        page.goto(address)
        page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
        wait_for_kernel(address)
        ran = {source: run_cell(page, source[:24]) for source in cells[:-1]}
        whoami, run, failed, listed, playground = list(ran.values())[2:]
        expect(whoami).to_contain_text("Save $5 and $6 Ltd")
        expect(run).to_contain_text("It was $5, now it is $7.")
        expect(run).to_contain_text(r"\[a\] and \(b\)")
        expect(failed).to_contain_text("The budget of $500 is exceeded by $20.")
        expect(listed).to_contain_text("The budget of $500 is exceeded by $20.")
        expect(page.locator("mjx-container, .MathJax")).to_have_count(0)

        form = playground.locator(".codika-playground").first
        field = form.get_by_label("Name")
        field.wait_for()
        shape = """form => [form, ...form.querySelectorAll("*")].map((each) => {
            const { font, padding, margin } = getComputedStyle(each);
            return [each.className, each.offsetWidth, each.offsetHeight, font, padding, margin].join();
        })"""
        page.wait_for_timeout(1000)
        before = form.evaluate(shape)
        login = run_cell(page, cells[-1]).locator(".codika-form")
        login.get_by_label("E-mail").wait_for()
        changed = [pair for pair in zip(before, form.evaluate(shape), strict=True) if len(set(pair)) > 1]
        assert not changed, "\n".join(map(str, changed[:4]))

        run_id = listed.locator("td .codika-copy").first
        whole = run_id.get_attribute("title")
        assert whole
        run_id.click()
        assert page.evaluate("getSelection().toString().trim()") == whole
        assert run_id.bounding_box()["width"] < 120  # type: ignore[index]

        for theme in ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"):
            page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
            page.locator(f'body[data-jp-theme-name="{theme}"]').wait_for(state="attached")
            found = Axe().run(page, context="div.codika")
            assert found.violations_count == 0, f"{theme}: {found.generate_report()}"
