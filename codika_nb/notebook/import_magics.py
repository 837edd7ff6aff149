"""``%codika_import``: n8n workflows become a use case."""

from __future__ import annotations

import glob
import shlex
from argparse import Namespace
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

from ..errors import UseCaseError
from ..files import path_of
from ..usecases.n8n.export import template_id
from ..usecases.usecase import UseCase
from . import deploy_cards
from .magic import magic, option, show


@magic(
    option(
        "files",
        nargs="+",
        metavar="FILE",
        help="an n8n workflow: a .json file, a folder of them, or *.json",
    ),
    option(
        "--into",
        metavar="FOLDER",
        help="where the use case is written (default: in use-cases, under the name of the file)",
    ),
    option("--name", help="what it is called (default: the first workflow's name)"),
    option("--force", action="store_true", help="write over the files of an earlier import"),
)
def codika_import(shell: InteractiveShell, arguments: Namespace) -> UseCase:
    """Make a use case of n8n workflows, as the editor downloads them, and write it to a folder.

    Says what was done to them, and what a person has to decide before they run.

    Example: %codika_import my-n8n-export.json
    """
    files = [found for given in arguments.files for found in _found(given)]
    use_case = UseCase.from_n8n(files[0] if len(files) == 1 else files, name=arguments.name)
    workflows = use_case.configuration.workflows
    # A single workflow and its folder have the same name, unless they are given another one.
    alone = workflows[0].workflow_template_id if len(workflows) == 1 and not arguments.name else ""
    own = alone or template_id(use_case.configuration.title, [])
    folder = path_of(arguments.into or Path("use-cases", own))
    if (folder / "config.json").exists() and not arguments.force:
        raise UseCaseError(
            f"{folder} holds a use case already.",
            next_action="--into FOLDER writes this one elsewhere; --force writes over that one.",
        )
    use_case.save(folder, replace=arguments.force)
    findings = use_case.verify()
    musts = len(findings.must)
    kept = f"{musts} {'finding keeps' if musts == 1 else 'findings keep'} it from running"
    look = f", {len(findings)} to look at: see --dry-run"
    rows = [
        ("Workflows", "; ".join(use_case._workflow_lines())),
        ("Folder", str(folder)),
        ("Check", kept if musts else f"nothing keeps it from being deployed{look if findings else ''}"),
        ("Next", f"%codika_deploy {shlex.quote(str(folder))} --dry-run"),
    ]
    show(shell, use_case, deploy_cards.imported(use_case, rows, good=not musts))
    return use_case


def _found(given: str) -> list[str]:
    """The files that a pattern means, as in a shell; what is there, or means none, is taken as it is."""
    path = path_of(given)
    if not glob.has_magic(given) or path.exists():
        return [given]
    return sorted(map(str, Path(path.anchor).glob(str(path.relative_to(path.anchor))))) or [given]
