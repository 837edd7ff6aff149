"""The first files of a use case: the starter that is to be changed, and any others in a new folder."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import UseCaseError
from .complaints import validated
from .config_ts import is_view
from .documents import read, write
from .source import CONFIGURATION_FILES, configuration_files

#: What the workflow of the starter is called, wherever it is named in these files.
STARTER_WORKFLOW = "main-workflow"
STARTER_FILES = (
    "config.json",
    f"workflows/{STARTER_WORKFLOW}.json",
    f"skills/{STARTER_WORKFLOW}/SKILL.md",
    "stand_ins.py",
    "version.json",
)


def write_starter(folder: Path, name: str, workflow: str) -> None:
    """Write a use case that deploys and runs as it is.

    Raises:
        UseCaseError: the name is empty, or none of a workflow; the folder holds a use case already, or cannot
            be written to.
    """
    title = " ".join(name.split())
    if not title:
        raise UseCaseError("A use case needs a name.", next_action='Give one, as in name="Word counter".')
    is_name = isinstance(workflow, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", workflow, re.ASCII)
    if not is_name or len(workflow) > 64:
        raise UseCaseError(
            f"{workflow!r} cannot be the name of the workflow.",
            next_action='Give small letters, digits and single hyphens between them, as in "count-words".',
        )
    starter = importlib.resources.files(__package__) / "starter"
    old, new = STARTER_WORKFLOW.encode(), workflow.encode()
    files = {
        file.replace(STARTER_WORKFLOW, workflow): starter.joinpath(*file.split("/"))
        .read_bytes()
        .replace(old, new)
        for file in STARTER_FILES
    }
    configuration = json.loads(files["config.json"])
    page = configuration["processDeploymentMarkdown"]
    configuration |= {
        "title": title,
        "processDeploymentMarkdown": page.replace(configuration["title"], title, 1),
    }
    write_new(folder, files | configuration_files(validated(configuration, "config.json")))


def write_new(folder: Path, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Write the files of a use case to a folder that has none yet, or whose own may be replaced.

    Raises:
        UseCaseError: it has some, or cannot be written to.
    """
    taken = [file for file in dict.fromkeys((*CONFIGURATION_FILES, *files)) if (folder / file).exists()]
    configurations = [file for file in taken if file in CONFIGURATION_FILES]
    foreign = [file for file in configurations if file not in files or _is_written(folder, file)]
    if taken and (foreign or not replace):
        raise UseCaseError(
            f"{folder} holds {' and '.join(foreign or taken)} already.", next_action="Give a new folder."
        )
    for file, content in files.items():
        write(folder, file, content)


def _is_written(folder: Path, file: str) -> bool:
    """Whether it is a configuration in TypeScript, and not what shows another one to the codika tool."""
    return file == "config.ts" and not is_view(read(folder, file))
