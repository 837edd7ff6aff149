"""The playground in a real browser: what a person types and picks, and what they get to see."""

from __future__ import annotations

import itertools
import json
import os
import runpy
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from codika_nb import Sandbox
from tests.browser import (
    chromium,
    in_theme,
    keep,
    keep_in_both_themes,
    needs_chromium,
    run_cell,
    served,
    wait_for_kernel,
)
from tests.conftest import copied
from tests.test_playground import PNG, deploy

pytestmark = needs_chromium

CELLS = ["playground = Playground()\nplayground", "playground.run.result['due']", "'still', 'free'"]


@contextmanager
def playground(
    tmp_path: Path, sandbox: Sandbox, program: str, called: Sequence[str] = (), **options: str
) -> Iterator[str]:
    """A notebook with the form for expense claims, served; yields its address.

    Args:
        called: what its parts are called in turn, and their items then have notes; as ever if left out.
    """
    use_case = copied("expense-claim", tmp_path)
    if called:
        rename(use_case, called)
    deployment = deploy(sandbox, use_case)
    first = f"import os; os.chdir({str(use_case)!r})\nfrom codika_nb import Playground"
    cells = [first, *(CELLS[:1] if program == "voila" else CELLS)]
    with served(
        tmp_path,
        program,
        cells,
        CODIKA_BASE_URL=sandbox.url,
        PROCESS_INSTANCE_ID=str(deployment.process_instance_id),
        XDG_CONFIG_HOME=os.environ["XDG_CONFIG_HOME"],
        **options,
    ) as address:
        yield address


def rename(use_case: Path, called: Sequence[str]) -> None:
    names = itertools.cycle(called)

    def renamed(part: dict[str, Any]) -> dict[str, Any]:
        if isinstance(items := part.get("itemSchema"), list):
            text = {"type": "string", "placeholder": "A note"}
            items.append({"key": "notes", "type": "array", "label": "Notes", "itemField": text})
        for name in ("label", "title", "description", "placeholder", "enabledLabel", "disabledLabel"):
            if name in part and {"type", "value"} & {*part}:
                part[name] = next(names)
        return part

    config = use_case / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text(), object_hook=renamed)))


def accessible(page: Page) -> None:
    """No accessibility rule is broken inside the form."""
    found = Axe().run(page, context=".codika-form")
    assert found.violations_count == 0, found.generate_report()


def button(form: Locator, name: str) -> Locator:
    return form.get_by_role("button", name=name, exact=True)


def fill_in(form: Locator) -> None:
    """Type and pick what a claim needs at least, as a person does."""
    form.get_by_label("Name").fill("Ada Lovelace")
    form.get_by_label("Date").fill("2026-03-01")
    form.get_by_label("Purpose").fill("Workshop in Ghent,\ntwo days")
    form.get_by_label("What").fill("Train to Ghent")
    form.get_by_label("Amount").fill("84.5")
    form.get_by_label("Travel").check()
    form.get_by_label("Bank transfer").check()


def keys_stay_in_what_has_the_focus(page: Page, form: Locator) -> None:
    """What would be a command of the notebook picks by its first letter, or does nothing."""
    cells = page.locator(".jp-CodeCell").count()
    currency = form.get_by_label("Currency")
    currency.focus()
    page.keyboard.press("u")
    expect(currency).to_have_value("US dollar")
    for control in (currency, form.get_by_label("Urgent"), button(form, "Copy as curl")):
        control.focus()
        page.keyboard.type("bxaddM")
        expect(control).to_be_focused()
    currency.focus()
    currency.press("ArrowUp")
    expect(currency).to_have_value("Pound sterling")
    page.keyboard.press("e")
    expect(currency).to_have_value("Euro")
    transfer = form.get_by_role("radio", name="How: Bank transfer")
    transfer.focus()
    transfer.press("ArrowDown")
    expect(form.get_by_role("radio", name="How: With the next salary")).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(transfer).to_be_checked()
    assert page.locator(".jp-CodeCell").count() == cells


def code_is_copied(page: Page, form: Locator) -> None:
    """A click copies; on a machine on which that takes too long, a browser does not let it any more."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for _ in range(20):
        button(form, "Copy as Python").click()
        form.locator(".codika-code pre").wait_for()
        with suppress(AssertionError):
            expect(form.locator(".codika-code")).to_contain_text("Copied. Your key", timeout=3000)
            break
        expect(form.locator(".codika-code")).to_contain_text("A click selects all of it.")
        button(form, "Copy as Python").click()
        form.locator(".codika-code pre").wait_for(state="detached")
    written = form.locator(".codika-code pre").text_content()
    assert page.evaluate("navigator.clipboard.readText()") == written
    assert "Hotel, two nights" in str(written)


def picture_is_drawn(form: Locator) -> None:
    picture = form.get_by_role("img", name="Chart: claim.svg")
    expect(picture).to_be_visible()
    assert picture.evaluate("each => each.decode().then(() => each.naturalWidth)") == 540


def test_a_person_fills_in_corrects_and_runs(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "receipt.png").write_bytes(PNG)
    with (
        playground(tmp_path, sandbox, "lab") as address,
        chromium(height=1300) as page,
    ):
        answer = threading.Event()
        claim = runpy.run_path(str(tmp_path / "expense-claim" / "stand_ins.py"))["claim"]

        @sandbox.workflow("claim")
        def claim_later(payload: dict[str, Any]) -> Any:
            answer.wait(240)
            return claim(payload)

        page.goto(address)
        page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
        wait_for_kernel(address)
        run_cell(page, "import os")
        form = run_cell(page, "playground = ").locator(".codika-form").first
        accessible(page)

        # All that is missing is said at once, and the first field waits for it.
        button(form, "Run").click()
        missing = "Name, Date, Purpose, What (item 1), Amount (item 1), Categories, How"
        expect(form.get_by_role("alert")).to_have_text(
            f"7 fields need another look: {missing}. Nothing was sent."
        )
        expect(form.get_by_label("Name")).to_be_focused()
        form.scroll_into_view_if_needed()
        keep_in_both_themes(page, "playground-1-problems", narrow=760, check=accessible)

        fill_in(form)
        expect(form.get_by_role("alert")).to_have_count(0)
        keys_stay_in_what_has_the_focus(page, form)
        email = form.get_by_label("E-mail")
        email.press_sequentially("ada@example")
        email.press("Enter")
        expect(form.get_by_role("alert")).to_contain_text("One field needs another look: E-mail")
        expect(form).to_contain_text("This is not an e-mail address.")
        expect(email).to_be_focused()
        email.press_sequentially(".com")
        expect(form.get_by_role("alert")).to_have_count(0)

        # Items come and go, by keyboard; what is folded away is opened.
        button(form, "Add item").first.press("Space")
        expect(form.get_by_label("What").nth(1)).to_be_focused()
        page.keyboard.type("Taxi")
        button(form, "Remove").nth(1).press("Space")
        expect(form.get_by_label("What")).to_have_count(1)
        button(form, "Add item").first.click()
        form.get_by_label("What").nth(1).fill("Hotel, two nights")
        form.get_by_label("Amount").nth(1).fill("412.90")
        form.get_by_label("Billable").nth(1).press("Space")
        expect(form).to_contain_text("The customer pays")
        form.get_by_role("button", name="For the accounts, closed").click()
        expect(form.get_by_role("button", name="For the accounts, open")).to_be_visible()
        form.get_by_title("Add to Tags").click()
        form.get_by_label("Tags 1").fill("project-x")

        with page.expect_file_chooser() as chooser:
            form.get_by_role("button", name="Receipt: choose a file").click()
        chooser.value.set_files(tmp_path / "receipt.png")
        preview = form.get_by_role("img", name="receipt.png")
        expect(preview).to_be_visible()
        assert preview.evaluate("each => each.decode().then(() => each.naturalWidth)") == 64
        keep_in_both_themes(page, "playground-2-filled", narrow=760, check=accessible)

        code_is_copied(page, form)

        # While the run is under way, the kernel answers other cells.
        button(form, "Run").press("Enter")
        expect(button(form, "Stop waiting")).to_be_visible()
        free = run_cell(page, "'still', 'free'").locator(".jp-OutputArea-output")
        expect(free).to_contain_text("('still', 'free')")
        expect(button(form, "Running…")).to_be_visible()
        answer.set()

        # Said by a live region that was there before.
        expect(form.locator(".codika-said[role=status]")).to_contain_text("The run succeeded, ")
        expect(form.get_by_role("heading", name="Result")).to_be_visible()
        expect(form.get_by_role("row", name="Hotel, two nights 412.90 83 Yes")).to_be_visible()
        expect(form).to_contain_text("The receipt is receipt.png.")
        expect(form).to_contain_text("Somebody has to look at it")
        picture_is_drawn(form)
        with page.expect_download() as download:
            form.get_by_role("link", name="claim.csv").click()
        assert Path(download.value.path()).read_text().startswith("what,amount,billable\n")
        form.get_by_role("link", name="claim.csv").scroll_into_view_if_needed()
        keep_in_both_themes(page, "playground-3-result", narrow=760, check=accessible)
        due = run_cell(page, "playground.run.result['due']").locator(".jp-OutputArea-output")
        expect(due).to_contain_text("497.4")

        # The saved notebook tells what came out, in plain HTML that is not seen twice here.
        expect(page.locator(".codika-result").filter(visible=True)).to_have_count(1)
        page.keyboard.press("Control+s")
        saved = notebook_with(tmp_path / "served" / "here.ipynb", "Hotel, two nights")
        assert "widgets" not in saved["metadata"]
        texts = [output["data"]["text/plain"] for output in saved["cells"][1]["outputs"]]
        assert "".join(texts[0]).startswith("Form for claim: Name, E-mail")
        assert "".join(texts[1]).startswith("claim succeeded")
        assert "ada@example.com" not in json.dumps(saved)


#: What is cut, lies beyond the form, or on top of something else.
CUT = """form => {
    const edge = form.getBoundingClientRect().right;
    const seen = [...form.querySelectorAll("*")].filter(each => each.checkVisibility()
        && !each.closest(".codika-heard, style, .codika-row > .codika-field .widget-label, option"));
    const frames = "label, p, h4, button, .title, .codika-label, .widget-html-content";
    const isBelow = (each, field) => field && getComputedStyle(each.parentElement).overflowY === "visible"
        && each.getBoundingClientRect().bottom > field.getBoundingClientRect().bottom + 3;
    return seen.filter(each => each.getBoundingClientRect().right > edge
        || (each.matches(".widget-checkbox, .widget-radio-box label")
            && isBelow(each, each.closest(".codika-field")))
        || (each.matches(frames) && !each.matches(".widget-upload")
            && (each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 2)))
        .map(each => `${each.tagName} ${each.className}: ${each.innerText}`);
}"""
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
CALLED = (
    "A name that goes on and on, as those do of people who like to say everything in it, and then some more",
    WORD,
    "الاسم الكامل للشخص (كما في جواز السفر)",
    "Short",
)


def test_nothing_is_cut_whatever_it_is_called_and_nested_lists_work_by_keyboard(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    with (
        playground(tmp_path, sandbox, "lab", CALLED) as address,
        chromium(height=2600) as page,
    ):
        page.goto(address)
        page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
        page.keyboard.press("Control+b")  # without the files beside it
        wait_for_kernel(address)
        run_cell(page, "import os")
        form = run_cell(page, "playground = ").locator(".codika-form").first
        for fold in form.locator(".codika-fold:not(.codika-open)").all():
            fold.click()

        def go_to(title: str) -> None:
            for _ in range(80):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.title") == title:
                    return
            raise AssertionError(title)

        form.get_by_role("textbox").first.focus()
        go_to("Add to Notes (item 1)")
        page.keyboard.press("Space")
        expect(form.get_by_label("Notes 1, item 1")).to_be_focused()
        page.keyboard.type("by bus")
        go_to("Add to Notes (item 1)")
        page.keyboard.press("Enter")
        expect(form.get_by_label("Notes 2, item 1")).to_be_focused()
        page.keyboard.type("and back")
        for _ in range(3):  # past the list that is within this one
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(form.locator(".codika-item")).to_have_count(2)
        expect(form.locator(".codika-item").nth(1).get_by_role("textbox").first).to_be_focused()
        go_to("Add to Notes (item 2)")
        page.keyboard.press("Space")
        expect(form.get_by_label("Notes 1, item 2")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        for _ in range(30):
            if page.evaluate("document.activeElement.title") == "Remove Notes 1 (item 1)":
                break
            page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")
        expect(form.get_by_title("Remove Notes 2 (item 1)")).to_have_count(0)
        expect(form.get_by_label("Notes 1, item 1")).to_have_count(1)
        expect(form.get_by_label("Notes 1, item 1")).to_be_focused()
        expect(form.get_by_label("Notes 1, item 1")).to_have_value("and back")
        form.get_by_label("Notes 1, item 1").press("Enter")
        expect(form.get_by_role("alert")).to_contain_text("Nothing was sent.")

        def is_whole(width: int, theme: str) -> None:
            page.set_viewport_size({"width": width, "height": 2600})
            accessible(page)
            cut = form.evaluate(CUT)
            keep(page, f"playground-5-{width}-{theme}")
            assert cut == []

        is_whole(1280, "light")
        is_whole(320, "light")
        with in_theme(page, "JupyterLab Dark"):
            is_whole(320, "dark")
            is_whole(1280, "dark")


def notebook_with(file: Path, text: str) -> Any:
    for _ in range(600):
        with suppress(json.JSONDecodeError):  # while Jupyter writes it
            saved = json.loads(file.read_text())
            if text in json.dumps(saved["cells"]):
                return saved
        time.sleep(0.1)
    raise AssertionError(f"{text!r} has not been saved")


def test_voila_serves_the_form_as_a_dashboard(tmp_path: Path, sandbox: Sandbox) -> None:
    with (
        playground(tmp_path, sandbox, "voila") as address,
        chromium(width=900, height=1300) as page,
    ):
        page.goto(address, timeout=120_000)
        form = page.locator(".codika-form").first
        form.wait_for(timeout=120_000)
        button(form, "Run").wait_for()
        expect(form.get_by_text("Copy as").filter(visible=True)).to_have_count(0)  # nothing for visitors
        button(form, "Run").click()
        expect(form.get_by_role("alert")).to_contain_text("7 fields need another look")
        expect(form.get_by_label("Name")).to_be_focused()  # or what is typed next would go there
        fill_in(form)
        form.get_by_label("Advance").fill("900")
        form.get_by_label("Advance").press("Enter")
        expect(form.get_by_role("alert")).to_contain_text("The advance of 900.00 EUR is larger")
        form.get_by_label("Advance").fill("")
        form.get_by_label("Name").press("Enter")
        expect(form.get_by_role("row", name="Train to Ghent 84.50 100 No")).to_be_visible()
        picture_is_drawn(form)
        accessible(page)
        form.get_by_role("link", name="claim.csv").scroll_into_view_if_needed()
        keep(page, "playground-4-voila")
