"""Pictures of everything that people see, on one sheet: ``python -m tests.pictures``.

Every card, form and page is shown in a real browser, light and dark. The pictures are in `artefacts/look`,
and all of them together on `notebooks/pictures/all.png`, beside those that the README and the tutorials show.
Names choose some, and leave the sheet alone: ``python -m tests.pictures deploy trigger``.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from html import escape
from pathlib import Path

from playwright.sync_api import Locator, Page

from codika_nb import Client, Sandbox, sign_in
from codika_nb.cli.tutorials import NOT_YOURS

from .browser import ARTEFACTS, chromium, in_theme, run_cell, served, wait_for_kernel
from .conftest import EMAIL, ROOT
from .test_dashboards import proxy_of, voila_of

LOOK = ARTEFACTS / "look"
PICTURES = ROOT / "notebooks" / "pictures"
#: The pictures that the README and the tutorials show.
SHOWN = ("sign-in", "organizations", "playground", "inbox", "dashboard-voila", "dashboard-page")

CLAIM = {
    "name": "Ada Lovelace",
    "email": EMAIL,
    "date": "2026-03-14",
    "purpose": "Workshop in Ghent, two days",
    "currency": "EUR",
    "items": [{"what": "Train to Ghent", "amount": 48.5, "billable": True}, {"what": "Hotel", "amount": 120}],
    "categories": ["travel"],
    "payment": "transfer",
}

#: Cells, and the name under which the output of each is shown; one without a name is needed by the others.
CELLS: tuple[tuple[str, str], ...] = (
    ("", f"%load_ext codika_nb\nfrom codika_nb import Client\nclient, claim = Client(), {CLAIM}"),
    ("signed-in", "%codika_whoami"),
    ("profiles", "_ = %codika_use"),
    ("import", "_ = %codika_import export.json --into imported"),
    ("deploy", "deployed = %codika_deploy use-cases/greeter"),
    ("deploy-check", "_ = %codika_deploy broken --dry-run"),
    ("deploy-claim", "_ = %codika_deploy use-cases/expense-claim"),
    ("trigger", 'run = %codika_trigger greet {"name": "Ada", "language": "fr"}'),
    ("trigger-failed", 'failed = %codika_trigger greet {"name": " "}'),
    ("trigger-table", "claimed = %codika_trigger claim $claim"),
    ("workflow", "client.workflow('greet')"),
    (
        "run-many",
        "names = ('Ada', 'Grace', '', 'Alan', ' ', 'Donald') * 7\n"
        "guests = [{'name': name, 'language': 'en'} for name in names]\n"
        "runs = client.run_many('greet', guests, progress=False)\nruns",
    ),
    ("executions", "listed = %codika_executions greet --chart --limit 12"),
    ("instances", "_ = %codika_instances"),
    ("mails", "sandbox = %codika_sandbox\nsandbox.inbox"),
    ("sign-in", "form = %codika_signup guest@example.com"),
    ("organizations", "login = %codika_login ada@example.com"),
    ("playground", "playground = %codika_playground greet"),
    ("fields", "fields = %codika_playground claim"),
)


def _begin_code(cell: Locator, sandbox: Sandbox) -> None:
    _ask_for_code(cell).press_sequentially(sandbox.code_for("guest@example.com")[:5])


def _give_code(cell: Locator, sandbox: Sandbox) -> None:
    _ask_for_code(cell).press_sequentially(sandbox.code_for(EMAIL))
    cell.get_by_role("radio").first.wait_for()
    # Once the focus is here: later it would take the keys that are meant for the next cell.
    cell.locator(".codika-form :focus").wait_for(state="attached")


def _ask_for_code(cell: Locator) -> Locator:
    cell.get_by_role("button", name="Send code").click()
    field = cell.get_by_label("Six-digit code")
    field.wait_for()
    return field


def _run(cell: Locator, sandbox: Sandbox) -> None:
    cell.get_by_label("Name").fill("Ada")
    cell.get_by_role("button", name="Run", exact=True).click()
    cell.get_by_text("Hello, Ada!").filter(visible=True).first.wait_for()


#: What somebody has done in a form when its picture is taken.
DONE: dict[str, Callable[[Locator, Sandbox], None]] = {
    "sign-in": _begin_code,
    "organizations": _give_code,
    "playground": _run,
}
#: What is there before, on the page of a class.
PEOPLE = ("grace@example.com", "alan@example.com", "edsger@example.com")


def main(names: Sequence[str]) -> None:
    """Take the pictures of these names, or all of them and the sheet."""
    if not names:
        shutil.rmtree(LOOK, ignore_errors=True)
    LOOK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Sandbox() as sandbox:
        for stand_ins in ROOT.glob("notebooks/use-cases/*/stand_ins.py"):
            sandbox.load_stand_ins(stand_ins)
        profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme")
        sandbox.add_organization(EMAIL, "Difference Engine Ltd")
        with Client(auth=profile.api_key, base_url=sandbox.url) as client:
            _notebook(Path(scratch), sandbox, profile.api_key, names)
            _pages(Path(scratch), sandbox, client, names)
    for name in SHOWN:
        if not names or name in names:
            shutil.copy(LOOK / f"{name}-light.png", PICTURES / f"{name}.png")
    if not names:
        _join(sorted(LOOK.glob("*.png"), key=lambda each: each.stat().st_mtime_ns))


def _notebook(scratch: Path, sandbox: Sandbox, key: str, names: Sequence[str]) -> None:
    cells = [(name, source) for name, source in CELLS if not names or name in (*names, "", "deploy")]
    given = {"CODIKA_BASE_URL": sandbox.url, "CODIKA_API_KEY": key}
    if len(cells) < 3 and "deploy" not in names:
        return
    with (
        served(scratch, "lab", [source for _, source in cells], **given) as address,
        chromium(width=1000, height=9000) as page,
    ):
        folder = scratch / "served"
        shutil.copytree(ROOT / "notebooks" / "use-cases", folder / "use-cases", ignore=NOT_YOURS)
        broken = folder / "broken"
        shutil.copytree(folder / "use-cases" / "greeter", broken)
        workflow = broken / "workflows" / "greet.json"
        workflow.write_text(workflow.read_text().replace('"webhookId": "greet-webhook",', ""))
        (folder / "export.json").write_text(json.dumps(EXPORT))
        page.goto(address)
        page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
        page.keyboard.press("Control+b")  # without the files beside it
        wait_for_kernel(address)
        shown: dict[str, Locator] = {}
        for name, source in cells:
            cell = run_cell(page, source.partition("\n")[0])
            if name in DONE:
                DONE[name](cell, sandbox)
            if name and (not names or name in names):
                shown[name] = cell.locator(".codika-form" if name in DONE else ".jp-Cell-outputWrapper").first
        page.wait_for_timeout(1500)
        _shoot(page, shown)


def _shoot(page: Page, shown: dict[str, Locator]) -> None:
    """Each in the light theme, in the dark one, and narrow; none breaks a rule of accessibility."""
    for name, output in shown.items():
        output.screenshot(path=LOOK / f"{name}-light.png")
    with in_theme(page, "JupyterLab Dark"):
        for name, output in shown.items():
            output.screenshot(path=LOOK / f"{name}-dark.png")
    page.set_viewport_size({"width": 460, "height": 9000})
    for name, output in shown.items():
        output.screenshot(path=LOOK / f"{name}-narrow.png")


def _pages(scratch: Path, sandbox: Sandbox, client: Client, names: Sequence[str]) -> None:
    with chromium(width=1000, height=700) as page, ExitStack() as stack:
        addresses = {}
        wanted = [
            each
            for each in ("start", "inbox", "class", "dashboard-voila", "dashboard-page")
            if not names or each in names
        ]
        if {"dashboard-voila", "dashboard-page"} & {*wanted}:
            dashboards = _dashboards(scratch, sandbox, client)
        for name in wanted:
            if name == "dashboard-voila":
                addresses[name] = stack.enter_context(voila_of(dashboards, _made(scratch / "voila")))
            elif name == "dashboard-page":
                addresses[name] = stack.enter_context(proxy_of(dashboards)).address
            else:
                addresses[name] = sandbox.url + {"start": "", "inbox": "/inbox", "class": "/class"}[name]
        if {"inbox", "class"} & {*wanted}:
            for email in PEOPLE:
                sandbox.clock.advance(40)
                client.request_signup_code(email)
        for name, address in addresses.items():
            for look, width in (("light", 1000), ("dark", 1000), ("narrow", 360)):
                page.emulate_media(color_scheme="dark" if look == "dark" else "light")
                page.set_viewport_size({"width": width, "height": 700})
                page.goto(address)
                if name.startswith("dashboard"):
                    page.get_by_label("Name").fill("Ada")
                    page.get_by_role("button").first.click()
                    page.get_by_text("Hello, Ada!").filter(visible=True).first.wait_for()
                page.screenshot(path=LOOK / f"{name}-{look}.png")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _dashboards(scratch: Path, sandbox: Sandbox, client: Client) -> Path:
    folder = Path(shutil.copytree(ROOT / "notebooks", scratch / "notebooks", ignore=NOT_YOURS))
    deployed = client.deploy_use_case(folder / "use-cases" / "greeter")
    assert deployed.process_instance_id
    key = sandbox.instance_key(deployed.process_instance_id)
    values = {
        "CODIKA_API_KEY": key,
        "PROCESS_INSTANCE_ID": deployed.process_instance_id,
        "CODIKA_TRIGGER_BASE_URL": f"{sandbox.url}/webhook",
        "CODIKA_STATUS_BASE_URL": f"{sandbox.url}/status",
    }
    (folder / "dashboards" / ".env").write_text(
        "".join(f"{name}={value}\n" for name, value in values.items())
    )
    return folder / "dashboards"


def _join(pictures: Sequence[Path]) -> None:
    """All pictures on one sheet, drawn by the browser."""
    named = dict.fromkeys(picture.stem.rpartition("-")[0] for picture in pictures)
    rows = "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(
            f'<td class="{look}"><img src="data:image/png;base64,'
            f'{base64.b64encode((LOOK / f"{name}-{look}.png").read_bytes()).decode()}"></td>'
            for look in ("light", "dark", "narrow")
        )
        + "</tr>"
        for name in named
    )
    with chromium(width=980, height=800) as page:
        page.set_content(
            "<style>body { margin: 12px; font: 11px sans-serif; background: #888 } "
            "th { vertical-align: top; text-align: left } td { vertical-align: top; padding: 4px } "
            "img { display: block; width: 360px; max-height: 420px; object-fit: cover; object-position: top }"
            " .narrow img { width: 150px }</style>"
            f"<table>{rows}</table>"
        )
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURES / "all.png", full_page=True)


EXPORT = {
    "name": "Weather mail",
    "nodes": [
        {
            "id": "1",
            "name": "Webhook",
            "type": "n8n-nodes-base.webhook",
            "typeVersion": 2,
            "position": [0, 0],
            "parameters": {"httpMethod": "POST", "path": "weather", "responseMode": "lastNode"},
        },
        {
            "id": "2",
            "name": "Make text",
            "type": "n8n-nodes-base.code",
            "typeVersion": 2,
            "position": [200, 0],
            "parameters": {"jsCode": "return [{json: {text: 'Hello ' + $json.body.city}}];"},
        },
        {
            "id": "3",
            "name": "Gmail",
            "type": "n8n-nodes-base.gmail",
            "typeVersion": 2,
            "position": [400, 0],
            "parameters": {"sendTo": "ada@example.com"},
            "credentials": {"gmailOAuth2": {"id": "1", "name": "My Gmail"}},
        },
    ],
    "connections": {
        "Webhook": {"main": [[{"node": "Make text", "type": "main", "index": 0}]]},
        "Make text": {"main": [[{"node": "Gmail", "type": "main", "index": 0}]]},
    },
}

if __name__ == "__main__":
    main(sys.argv[1:])
