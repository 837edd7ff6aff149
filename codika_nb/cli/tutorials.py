"""The tutorials that come with the package, and a user's own copy of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ..errors import ConfigError

#: What a checkout may have beside the tutorials that is no part of a user's copy.
NOT_YOURS = shutil.ignore_patterns(
    *("project.json", "version.json", "deployments", "conftest.py", "__pycache__"),
    *(".env", ".ipynb_checkpoints", ".sandbox", ".*.tmp"),
)
FIRST_NOTEBOOK = "01_sign_in_and_deploy.ipynb"


def beside(name: str) -> Path:
    """Something in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next((each for each in (package / name, package.parent / name) if each.exists()), package / name)


def tutorials() -> Path:
    """The folder of the tutorials: in the installed package, or beside it in a checkout."""
    folder = beside("notebooks")
    if (folder / FIRST_NOTEBOOK).is_file():
        return folder
    raise ConfigError(
        "The tutorials are missing from this installation.", next_action="Install codika-nb again."
    )


def copy_tutorials(folder: Path) -> None:
    """Give the user a copy of the tutorials; what is there already is theirs and stays."""
    source = tutorials()

    def copy_new(origin: str, target: str) -> str:
        if not Path(target).exists():
            shutil.copy(origin, target)
            if target.endswith(".ipynb"):
                _clear_outputs(Path(target))
        return target

    try:
        shutil.copytree(source, folder, ignore=NOT_YOURS, copy_function=copy_new, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise ConfigError(
            f"The tutorials cannot be copied to {folder}: {error}",
            next_action="Choose another folder with --folder.",
        ) from None


def _clear_outputs(notebook: Path) -> None:
    """Leave it to the reader's own cells to say what has happened."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
