"""The tutorial in a real browser: what a person types, and what they get to see."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium, keep, lab, needs_chromium, run_cell

pytestmark = needs_chromium


def open_tutorial(page: Page, address: str) -> None:
    page.goto(f"{address}&reset")
    page.locator(".jp-CodeCell").first.wait_for(timeout=60_000)


@pytest.mark.parametrize(
    ("theme", "width"), [("JupyterLab Light", 1280), ("JupyterLab Dark", 620)], ids=["light", "dark-narrow"]
)
def test_a_person_signs_up_deploys_and_runs(tmp_path: Path, theme: str, width: int) -> None:
    look = "light" if "Light" in theme else "dark"
    with lab(tmp_path, theme=theme) as running, chromium(width=width) as page:
        open_tutorial(page, running.address)
        running.wait_for_kernel()
        run_cell(page, "%load_ext codika_nb")
        run_cell(page, "sandbox = %codika_sandbox")
        form_cell = run_cell(page, "form = %codika_signup")
        form = form_cell.locator(".codika-form")

        # An address that is none: said at once, and what was typed stays.
        email = form.get_by_label("E-mail")
        email.fill("ada@example")
        form.get_by_role("button", name="Send code").click()
        expect(form.get_by_role("status")).to_contain_text("not an e-mail address")
        expect(email).to_have_value("ada@example")
        form.scroll_into_view_if_needed()
        keep(page, f"1-email-{look}")

        email.fill("ada@example.com")
        form.get_by_label("Organization (optional)").fill("Acme, Inc.")
        email.press("Enter")
        code = form.get_by_label("Six-digit code")
        code.wait_for()
        expect(form).to_contain_text("ada@example.com")
        expect(form.get_by_role("button", name="Send a new code")).to_be_disabled()

        right = running.mail("ada@example.com")[0]["code"]
        wrong = "000000" if right != "000000" else "111111"
        code.press_sequentially(wrong)
        expect(form.get_by_role("status")).to_contain_text("4 attempts left")
        expect(code).to_have_value("")
        keep(page, f"2-code-{look}")

        code.press_sequentially(f"{right[:3]} {right[3:]}")
        expect(form_cell.locator(".jp-OutputArea-output")).to_contain_text(
            "Signed in: Acme, Inc., profile acme-inc, key cko_"
        )
        expect(form).to_have_count(0)
        keep(page, f"3-signed-in-{look}")

        run_cell(page, "%codika_whoami")
        run_cell(page, "deployed = %codika_deploy")
        triggered = run_cell(page, "run = %codika_trigger")
        expect(triggered).to_contain_text("Hello, Ada!")
        result = run_cell(page, "run.result")
        expect(result.locator(".jp-OutputArea-output")).to_contain_text("'greeting': 'Hello, Ada!'")
        result.scroll_into_view_if_needed()
        keep(page, f"4-run-{look}")

        page.keyboard.press("Control+s")
        notebook = running.folder / "01_sign_in_and_deploy.ipynb"
        key = json.loads((tmp_path / "xdg/codika/config.json").read_text())["profiles"]["acme-inc"]["apiKey"]
        for _ in range(100):
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
        mine = running.process.pid
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(mine)], capture_output=True, text=True, check=False)
    assert children.stdout.strip() == ""
    left = subprocess.run(["ps", "ax", "-o", "args="], capture_output=True, text=True, check=False).stdout
    assert str(tmp_path) not in left, "a process of the lab is still there"
    assert os.path.exists(running.folder)  # noqa: PTH110
