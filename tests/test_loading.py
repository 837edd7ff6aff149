"""Loading costs nothing that is not needed yet."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import codika_nb

HEAVY = ["httpx", "pydantic", "ipywidgets", "starlette", "uvicorn", "nbformat"]


def loaded_after(source: str) -> set[str]:
    program = f"{source}\nimport sys\nprint(*(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert loaded_after("import codika_nb") == set()
    assert loaded_after("import codika_nb, sys; assert 'IPython' not in sys.modules") == set()


def test_loading_the_extension_imports_nothing_heavy() -> None:
    shell = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()"
    assert loaded_after(f"{shell}; shell.run_line_magic('load_ext', 'codika_nb')") == set()


def test_a_client_comes_without_the_schemas_of_forms() -> None:
    """They are many models, which most calls do without."""
    made = "from codika_nb import Client; Client(auth='cko_' + 'a' * 40)"
    loaded_after(f"{made}; import sys; assert 'codika_nb.usecases.fields' not in sys.modules")


def test_profiles_are_usable_without_the_rest() -> None:
    assert loaded_after("from codika_nb import Profile, ProfileStore; ProfileStore().list()") == set()


def test_version_and_changelog_agree() -> None:
    changelog = (Path(__file__).resolve().parent.parent / "CHANGELOG.md").read_text()
    headings = [line for line in changelog.splitlines() if line.startswith("## ")]
    newest = next(heading for heading in headings if heading != "## Unreleased")
    assert re.fullmatch(rf"## {re.escape(codika_nb.__version__)} – \d{{4}}-\d\d-\d\d", newest)
