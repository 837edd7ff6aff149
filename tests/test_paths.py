"""What is given as a path and can be none is refused in words, wherever a path is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Client, ConfigError, ProfileStore, Sandbox, UseCase, verify_workflow
from codika_nb.cli import main

from .test_client import Platform, platform

__all__ = ["platform"]

TAKEN: dict[str, Callable[[str], Any]] = {
    "a data folder": lambda path: Sandbox(data=path),
    "stand-ins": lambda path: Sandbox().load_stand_ins(path),
    "an environment file": lambda path: Client(env_file=path),
    "a config file": lambda path: ProfileStore(path).list(),
    "a use case": UseCase.load,
    "a new use case": lambda path: UseCase.init(path, name="Mine"),
    "exports": UseCase.from_n8n,
    "a workflow": verify_workflow,
}
OF_A_CLIENT: dict[str, Callable[[Client, str], Any]] = {
    "a use case": lambda client, path: client.deploy_use_case(path),
    "documents": lambda client, path: client.deploy_documents(path),
    "an ingestion": lambda client, path: client.deploy_data_ingestion(path),
    "a logo": lambda client, path: client.create_organization("Acme", logo=path),
    "a folder for documents": lambda client, path: client.get_use_case("x", into=path),
}
#: What it is, and what is said of it.
NO_PATHS = {
    "a\0b": "NUL",
    "~no-such-person/folder": "home folder",
    "half \ud800 a character": "Half a character",
}


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize(("given", "said"), NO_PATHS.items())
def test_what_is_no_path(taken: str, given: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        TAKEN[taken](given)


@pytest.mark.parametrize("taken", ["an environment file", "a config file", "a use case", "a new use case"])
def test_what_is_no_text_is_no_path(taken: str) -> None:
    given: Any = 5
    with pytest.raises(ConfigError, match="A path is a text or a Path, not int"):
        TAKEN[taken](given)


@pytest.mark.parametrize("taken", OF_A_CLIENT)
@pytest.mark.parametrize(("given", "said"), NO_PATHS.items())
def test_what_is_no_path_for_a_client(platform: Platform, taken: str, given: str, said: str) -> None:
    with Client(auth=platform.key, base_url=platform.url) as client, pytest.raises(ConfigError, match=said):
        OF_A_CLIENT[taken](client, given)


def test_a_use_case_is_not_saved_there(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    with pytest.raises(ConfigError, match="NUL"):
        use_case.save("a\0b")
    with pytest.raises(ConfigError, match="home folder"):
        use_case.add_file("~no-such-person/notes.txt", "notes.txt")


def test_a_command_says_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--data", "~no-such-person/data"]) == 1
    assert "home folder" in capsys.readouterr().err
