"""The names that others build on, and what looking at them costs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import codika_nb
from codika_nb import errors, models

PACKAGE = Path(codika_nb.__file__).parent


def test_the_public_names() -> None:
    assert codika_nb.__all__ == sorted(codika_nb.__all__)
    assert len(set(codika_nb.__all__)) == len(codika_nb.__all__)
    contract = """
        Client AsyncClient OrganizationKey InstanceKey QueryKey WebhookSignature Profile ProfileStore
        SignIn sign_in asign_in SignInForm Playground UseCase Sandbox verify_webhook
        verify_workflow CodikaError
    """
    assert set(contract.split()) <= set(codika_nb.__all__)


@pytest.mark.parametrize("name", codika_nb.__all__)
def test_every_public_name_is_there_and_explained(name: str) -> None:
    value = getattr(codika_nb, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)
    assert name in dir(codika_nb)


def test_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = codika_nb.nope


@pytest.mark.parametrize("module", [errors, models])
def test_modules_list_what_they_offer(module: object) -> None:
    offered: list[str] = module.__all__  # type: ignore[attr-defined]
    assert offered == sorted(offered)
    assert all(inspect.getdoc(getattr(module, name)) for name in offered)


def test_every_error_is_public_and_drawn_in_the_tree() -> None:
    tree = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.CodikaError)
    ]
    assert set(tree) == set(errors.__all__) - {"Interrupted", "readable", "redact"}
    assert set(tree) <= set(codika_nb.__all__)
    for name in tree:
        assert f" {name} " in (errors.__doc__ or "").replace("\n", " "), name


def test_importing_costs_next_to_nothing() -> None:
    heavy = ["httpx", "pydantic", "ipywidgets", "IPython", "starlette", "cryptography", "asyncio"]
    code = f"import sys, codika_nb; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_describing_a_call_takes_no_http_library() -> None:
    code = (
        "import sys; from codika_nb.client.api import API; API().verify_key(); print('httpx' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
