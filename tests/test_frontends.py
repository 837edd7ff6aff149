"""Nothing that only some front ends have: the views of ipywidgets, no scripts, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from codika_nb import Client, Playground, ProfileStore, Sandbox, SignInForm, UseCase, sign_in
from codika_nb.display.markup import line
from codika_nb.notebook import cards
from tests.conftest import EMAIL, GREETER

CORE = {"@jupyter-widgets/base", "@jupyter-widgets/controls"}
EXPENSE_CLAIM = GREETER.parent / "expense-claim"


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme, Inc.")
    with Client(auth=profile.api_key, base_url=sandbox.url) as made:
        yield made


def states(widget: ipywidgets.Widget) -> Iterator[dict[str, Any]]:
    """What a browser is told about a widget, and about all that it refers to."""
    state = widget.get_state()
    yield state
    for name in state:
        value = getattr(widget, name, None)
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, ipywidgets.Widget):
                yield from states(each)


LOADED = re.compile(
    r"<script\b[^>]*>"
    r"|<(?:link|img|iframe)\b[^>]*\b(?:src|href)=\"(?!data:)[^\"]*\""
    r"|url\((?!data:)[^)]*\)|@import[^;]*",
    re.IGNORECASE,
)


def elsewhere(markup: str) -> list[str]:
    """Scripts, and addresses that a front end would fetch without being asked."""
    return LOADED.findall(markup)


@pytest.mark.parametrize("make", ["sign-in", "playground"])
def test_forms_are_made_of_what_ipywidgets_brings(client: Client, make: str) -> None:
    form: Any
    if make == "sign-in":
        form = SignInForm("signup", base_url=client.base_url, store=ProfileStore())
    else:
        form = Playground(client, "claim", use_case=UseCase.load(EXPENSE_CLAIM), instance="none")
    seen = list(states(form))
    assert len(seen) > 12
    for state in seen:
        assert {state[name] for name in ("_model_module", "_view_module") if state.get(name)} <= CORE, state
        texts = [value for value in state.values() if isinstance(value, str)]
        assert [found for text in texts for found in elsewhere(text)] == []
    data, _ = form._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/plain"} <= set(data)


def test_what_cells_show_loads_nothing(client: Client, sandbox: Sandbox, greeter: Path) -> None:
    deployed = client.deploy_use_case(greeter)
    here = deployed.process_instance_id
    run = client.run_workflow("greet", {"name": "Ada"}, instance=here)
    shown: list[Any] = [
        *(deployed, run, client.list_executions(here), client.list_executions(here).chart(), client.whoami()),
        *(client.list_projects(), UseCase.load(greeter), UseCase.load(greeter).verify(), sandbox.inbox),
        client.run_many("greet", [{"name": "Ada"}], instance=here, progress=False),
    ]
    for each in shown:
        assert elsewhere(each._repr_html_()) == [], each
    for bundle in (cards.sandbox(sandbox), cards.identity(client.whoami()), line("text")):
        assert set(bundle) == {"text/plain", "text/html"}
        assert elsewhere(bundle["text/html"]) == []


def test_the_search_for_addresses_finds_them() -> None:
    for markup in (
        '<script src="x">',
        '<img src="https://a.example/x.png">',
        "background: url(https://a.example)",
        '<link rel="stylesheet" href="x.css">',
    ):
        assert elsewhere(markup)
    assert not elsewhere('<img src="data:image/png;base64,AA=="><a href="https://doc.codika.io">')
