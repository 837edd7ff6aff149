"""Every public name has an example, and the examples run as they stand: they are what people copy."""

from __future__ import annotations

import asyncio
import base64
import doctest
import inspect
import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import codika_nb
from codika_nb import Client, ProfileStore, configuration, errors, models, sign_in
from codika_nb.client.endpoint import endpoint
from codika_nb.profiles import credential as session
from codika_nb.sandbox import Sandbox

from .conftest import EMAIL, GREETER
from .n8n_exports import ORDINARY

#: What has no example, and why.
WITHOUT = {
    "Client.carry_out": "endpoints call it",
    "AsyncClient.carry_out": "endpoints call it",
    "Client.close": "the class's example closes it by `with`",
    "Playground.show": "what it shows takes a notebook; the last line of a cell does it, too",
    "SignInForm.show": "what it shows takes a notebook; the last line of a cell does it, too",
    "Sandbox.serve_forever": "comes back only when a person presses Ctrl-C",
    "Sandbox.stop": "the class's example stops it by `with`",
}
MODULES = (configuration, errors, models)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def docstrings() -> dict[str, str]:
    """Those of all public names, and of the methods where they are first met."""
    found = {module.__name__: inspect.getdoc(module) or "" for module in MODULES}
    # Backwards, to meet `Client` before `AsyncClient`, which has the same methods.
    for name in reversed(codika_nb.__all__):
        value = getattr(codika_nb, name)
        if inspect.isclass(value) and issubclass(value, BaseException):
            continue  # explained, drawn and shown together: the docstring of `codika_nb.errors`
        found[name] = inspect.getdoc(value) or ""
        members = dir(value) if inspect.isclass(value) else []
        for member in [each for each in members if is_our_method(value, each)]:
            text = inspect.getdoc(getattr(value, member)) or ""
            if text not in found.values():
                found[f"{name}.{member}"] = text
    return found


def is_our_method(of: type, name: str) -> bool:
    """Whether it is a public method that this package has thought of: httpx and widgets call some, too."""
    member = inspect.getattr_static(of, name)
    homes = {base.__module__.split(".")[0] for base in of.__mro__ if name in vars(base)}
    is_method = inspect.isfunction(member) or isinstance(member, endpoint | classmethod | staticmethod)
    return is_method and not name.startswith("_") and homes == {"codika_nb"}


DOCSTRINGS = docstrings()


@pytest.fixture(scope="module")
def aside() -> Iterator[Callable[[Callable[[], None]], object]]:
    """Stops a sandbox while the next example runs: each takes a moment to let go."""
    with ThreadPoolExecutor() as threads:
        yield threads.submit


@pytest.fixture
def sandbox(aside: Callable[[Callable[[], None]], object]) -> Iterator[Sandbox]:
    """One of its own for every example; some leave nothing as it was."""
    running = Sandbox()
    running.start()
    running.load_stand_ins(GREETER / "stand_ins.py")
    yield running
    aside(running.stop)


@pytest.fixture
def names(sandbox: Sandbox, tmp_path: Path, greeter: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What examples take for granted: a sandbox in use, Ada signed in, and the greeter deployed."""
    shutil.copytree(greeter, tmp_path / "use-cases" / "greeter")
    (tmp_path / "my-n8n-export.json").write_text(json.dumps(ORDINARY["webhook"]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session.context, "base_url", sandbox.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-example")
    profile = sign_in(EMAIL, ask_code=sandbox.code_for, company="Acme")
    with Client() as client:
        deployed = client.deploy_use_case("use-cases/greeter")
        # What a deployed dashboard would have in its environment.
        monkeypatch.setenv("PROCESS_INSTANCE_ID", str(deployed.process_instance_id))
        client.instance = deployed.process_instance_id
        yield {
            **{name: getattr(codika_nb, name) for name in codika_nb.__all__},
            **{module.__name__: module for module in (asyncio, base64)},
            **{kind.__name__: kind for kind in (datetime, Path, timezone)},
            "sandbox": sandbox,
            "client": client,
            "profile": profile,
            "deployed": deployed,
            "store": ProfileStore(),
            # Whoever is asked for a code looks into the newest mail.
            "input": lambda _="": sandbox.inbox[0].code,
        }


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_its_example_runs(name: str, names: dict[str, Any]) -> None:
    example = doctest.DocTestParser().get_doctest(DOCSTRINGS[name], names, name, None, None)
    assert example.examples or name in WITHOUT, f"{name} has no example"
    assert not (example.examples and name in WITHOUT), f"{name} is no exception any more"
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(example, out=report.append, clear_globs=False)
    for value in example.globs.values():
        if isinstance(value, Client):
            value.close()
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("name", [*DOCSTRINGS, *errors.__all__])
def test_its_first_line_is_a_sentence(name: str) -> None:
    first, *more = (DOCSTRINGS.get(name) or inspect.getdoc(getattr(errors, name)) or "").splitlines()
    assert re.fullmatch(r"[A-Z`][^\n]*[.]", first), first
    assert not re.search(r"[.] [A-Z]", first), first
    assert not more or not more[0], first


def test_the_exceptions_are_still_there() -> None:
    assert set(WITHOUT) <= set(DOCSTRINGS)
