"""The documents site: built as a reader builds it, complete, and self-contained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from urllib.parse import unquote, urlsplit

import pytest

import codika_nb
from codika_nb import errors
from codika_nb.notebook.extension import MAGICS, magic_of
from codika_nb.signin.reactions import REACTIONS
from codika_nb.usecases import fields
from codika_nb.usecases.integrations import context_of
from codika_nb.usecases.rules import verify
from codika_nb.usecases.wire import wire_name
from tests.conftest import ROOT
from tests.test_examples import DOCSTRINGS, WITHOUT


class Page(HTMLParser):
    """What a page leads to, what can be led to in it, what it loads, and its words."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])
        elif tag in ("script", "img", "iframe") and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and given.get("rel") not in ("canonical", "license"):
            self.loads.append(given["href"])

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Every page of the site by its path."""
    folder = tmp_path_factory.mktemp("site")
    # Away from the network, and from a config file: what is built depends on the repository alone.
    environment = os.environ | {"HTTPS_PROXY": "http://127.0.0.1:9", "XDG_CONFIG_HOME": str(folder / "none")}
    command = [sys.executable, "-m", "docs", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=280
    )
    assert built.returncode == 0, built.stderr
    assert built.stdout.strip() == str(folder / "index.html")
    assert str(ROOT) not in (folder / "docs" / "commands.html").read_text(encoding="utf-8")
    return {path: Page(path) for path in folder.rglob("*.html") if "_downloads" not in path.parts}


def page(site: dict[Path, Page], name: str) -> Page:
    (found,) = [each for path, each in site.items() if path.as_posix().endswith(f"/{name}.html")]
    return found


def test_the_fields_of_forms_are_all_told() -> None:
    page = (ROOT / "docs" / "n8n.md").read_text(encoding="utf-8")
    table = page.partition("## A form's fields")[2].partition("## ")[0]
    common = {"key", "label", "type", "required", "description", "tooltip", "placeholder"}
    assert common <= set(re.findall(r"`(\w+)`", table.partition("|")[0]))
    told = {}
    for row in re.findall(r"^\| (`.+?) \| (.+) \|$", table, re.MULTILINE):
        for kind in re.findall(r"`(\w+)`", row[0]):
            told[kind] = set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", row[1])))
    assert told.pop("type") == set()
    known = {}
    for kind in (*get_args(get_args(fields.FormField)[0]),):
        if issubclass(kind, fields.Section):
            continue
        members = {wire_name(name) for name in kind.model_fields} - common
        known[kind.model_fields["type"].default] = members
    assert told == known


def test_every_link_leads_somewhere(site: dict[Path, Page]) -> None:
    astray = []
    for path, each in site.items():
        for target in {*each.leads, *each.loads}:
            parts = urlsplit(target)
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            ours = not parts.scheme and not parts.netloc
            if ours and not (to.is_file() and (not parts.fragment or parts.fragment in site[to].places)):
                astray.append((path.name, target))
    assert not astray


def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Page]) -> None:
    assert [
        (path.name, each) for path, page in site.items() for each in page.loads if urlsplit(each).netloc
    ] == []


def test_what_there_is_is_there(site: dict[Path, Page]) -> None:
    names = {path.stem for path in site}
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} <= names
    assert {"agents", "keys", "n8n", "sandbox", "search", "where", "workshop"} <= names
    assert {"CHANGELOG", "CONTRIBUTING", "SECURITY"} <= names
    (folder,) = [path.parent for path in site if path.name == "index.html"]
    assert '"stand_in' in (folder / "searchindex.js").read_text(encoding="utf-8")


def test_a_tutorial_has_its_outputs(site: dict[Path, Page]) -> None:
    assert "Hello, Ada!" in page(site, "01_sign_in_and_deploy").text
    assert "Signed in" in page(site, "01_sign_in_and_deploy").text


def test_every_magic_has_all_its_options(site: dict[Path, Page]) -> None:
    text = page(site, "magics").text
    for name in MAGICS:
        _, _, rest = text.partition(f"%{name}¶")
        own, _, _ = rest.partition("¶")
        options = [option for action in magic_of(name).parser._actions for option in action.option_strings]
        assert [option for option in options if option not in own] == [], name


def test_every_error_rule_and_code_is_explained(site: dict[Path, Page]) -> None:
    text = page(site, "errors").text
    rules = [rule for rule, _, _ in (*verify._WORKFLOW_RULES, *verify._RULES)]
    assert [name for name in (*errors.__all__, *REACTIONS, *rules) if name not in text] == []
    assert "Ask for a new one." in text
    assert not re.search(r"\{\w+\}", text)


def test_every_integration_that_is_known_is_listed(site: dict[Path, Page]) -> None:
    text = page(site, "integrations").text
    for name in ("openai", "telegram", "google_gmail", "slack"):
        assert re.search(rf"{name}\s+{context_of(name).replace('_', ' ')}\b", text)
    assert "POSTGRES_SSL (optional)" in text
    assert "{{ORGCRED_OPENAI_ID_DERCGRO}}" in text


def test_the_reference_shows_every_public_name(site: dict[Path, Page]) -> None:
    places = {place for path, each in site.items() if "reference" in path.stem for place in each.places}
    known = {place.removeprefix("codika_nb.").removeprefix("errors.") for place in places}
    assert set(codika_nb.__all__) <= known
    modules = {"codika_nb.configuration", "codika_nb.errors", "codika_nb.models"}
    assert {name for name in DOCSTRINGS if name not in {*WITHOUT, *modules}} <= known
    text = re.sub(r"\s", "", page(site, "docs/reference").text)
    # As they are called: what only the package passes, or an endpoint describes, is no caller's business.
    assert "verify_key()→VerifiedKey" in text
    assert "verify:bool=True,)→Deployment" in text
    assert "_settings" not in text
