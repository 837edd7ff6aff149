"""What a use case consists of: read from its folder, or made in Python."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UseCaseError
from .apart import INGESTION_FILE
from .complaints import validated
from .config_py import run_python
from .config_ts import is_view, run_typescript, view_of_json
from .configuration import Configuration, Skill, Workflow
from .documents import (
    check_path_segment,
    check_workflow,
    inside,
    json_file,
    json_object,
    parse_workflow,
    read,
    text,
    without_mark,
)
from .skills import read_skill, skill_file, skill_page

CONFIGURATION_FILES = ("config.json", "config.py", "config.ts")
#: Use cases that a message names.
_MOST_NAMED = 12


@dataclass
class Source:
    """What a use case consists of, whether it was read from a folder or made in Python.

    Attributes:
        config: what complaints call the configuration.
        files: by path inside the folder, in the order in which the platform gets them: configuration,
            workflows, skills, what the configuration imports or reads.
        skill_folders: the folders in ``skills``, with a ``SKILL.md`` or without.
        listed: what a ``config.ts`` exports as ``WORKFLOW_FILES``; None where nothing lists them.
        given: the configuration as the person wrote it, members in their order; empty where it was made of
            Python objects.
        skills: the skills, in the order of their folders.
        left_out: files that the configuration reads, and that are not stored with a deployment.
        strays: files in ``workflows`` that belong to no workflow of the configuration, and are not sent.
        added: files from elsewhere that are stored with a deployment, by their paths there.
    """

    config: str
    files: dict[str, bytes]
    skill_folders: tuple[str, ...] = ()
    listed: tuple[str, ...] | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    skills: list[Skill] = field(init=False)
    left_out: tuple[str, ...] = field(init=False, default=())
    strays: tuple[str, ...] = field(init=False, default=())
    added: dict[str, bytes] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.skills = [
            read_skill(folder, text(self.files[name], name))
            for folder in self.skill_folders
            if (name := skill_file(folder)) in self.files
        ]

    @property
    def workflow_files(self) -> list[str]:
        """The paths of the workflows."""
        return [name for name in self.files if name.startswith("workflows/") and name.endswith(".json")]

    def workflow(self, workflow: Workflow, place: str) -> tuple[str, bytes]:
        """The file of a workflow and its content: what the configuration carries itself comes first.

        Raises:
            UseCaseError: there is none; the message begins with `place`.
        """
        name = workflow_file(workflow.workflow_template_id)
        if not workflow.n8n_workflow_json_base64:
            if name not in self.files:
                raise UseCaseError(
                    f'{place}.workflowTemplateId: "{workflow.workflow_template_id}" has no file {name}.',
                    next_action="Name the workflow's file after its workflowTemplateId.",
                )
            return name, self.files[name]
        try:
            content = without_mark(base64.b64decode(workflow.n8n_workflow_json_base64, validate=True))
        except (binascii.Error, ValueError) as error:
            raise UseCaseError(f"{place}.n8nWorkflowJsonBase64: not base64 ({error}).") from error
        # A config.ts may give a workflow another id than its file has.
        candidates = [name, *self.workflow_files]
        file = next((file for file in candidates if self.files.get(file) == content), None)
        if file is None:  # its id will name one, in the archive or when it is saved
            check_path_segment(workflow.workflow_template_id, "workflowTemplateId")
        return file or self.config, content

    def pair(self, configuration: Configuration) -> None:
        """Make sure that every workflow of the configuration is there, and every file a workflow's.

        Raises:
            UseCaseError: something is missing, left over or no workflow; names the member or the file.
        """
        ids: set[str] = set()
        for n, workflow in enumerate(configuration.workflows):
            place = f"{self.config}: workflows[{n}]"
            if workflow.workflow_template_id in ids:
                raise UseCaseError(
                    f'{place}.workflowTemplateId: "{workflow.workflow_template_id}" is the id of an earlier '
                    "workflow as well.",
                    next_action="Give each workflow an id of its own.",
                )
            ids.add(workflow.workflow_template_id)
            file, content = self.workflow(workflow, place)
            if file == self.config:  # the others have been checked when they were read
                check_workflow(content, f"{place}.n8nWorkflowJsonBase64")
        if self.listed is None and self.config != "config.ts":
            for name in self.workflow_files:
                if Path(name).stem not in ids:
                    raise UseCaseError(
                        f"{name} is no workflow of {self.config}.",
                        next_action=f'Add one with workflowTemplateId "{Path(name).stem}", or move it away.',
                    )


def workflow_file(template_id: str) -> str:
    return f"workflows/{template_id}.json"


def read_source(folder: Path) -> tuple[Configuration, Source]:
    """Read the use case in a folder.

    Raises:
        UseCaseError: something is missing or wrong; names the file and the place in it.
    """
    config = config_name(folder)
    files = {config: read(folder, config)}
    listed, used = None, tuple[str, ...]()
    given: object
    if config == "config.py":
        given, used = run_python(folder / config, text(files[config], config))
    elif config == "config.ts" and is_view(files[config]):
        raise UseCaseError(
            f"{folder} has a config.ts that shows a config.json, and no config.json: the codika tool stores "
            "none with its deployments.",
            next_action="Fetch a version that was deployed from here; with that tool, deploy with "
            "--additional-file config.json:config.json.",
        )
    elif config == "config.ts":
        given, listed, used = run_typescript(folder / config)
    else:
        given = json_object(text(files[config], config), config)
    configuration = given if isinstance(given, Configuration) else validated(given, config)
    if (folder / "config.ts").is_file():  # for the codika tool, where another is used here
        files["config.ts"] = read(folder, "config.ts")
    if (folder / INGESTION_FILE).is_file():
        files[INGESTION_FILE] = read(folder, INGESTION_FILE)
    ids = {workflow.workflow_template_id for workflow in configuration.workflows}
    carried = {workflow.n8n_workflow_json_base64 for workflow in configuration.workflows} - {None}
    strays = []
    for name in _workflow_files(folder):
        content = read(folder, name)
        known = Path(name).stem in ids or (carried and base64.b64encode(content).decode() in carried)
        if config != "config.ts" and not known:
            strays.append(name)
            continue
        files[name] = content
        check_workflow(content, name)
    skill_folders = _subfolders(inside(folder, "skills"))
    for name in map(skill_file, skill_folders):
        if (folder / name).is_file():
            files[name] = read(folder, name)
    source = Source(config, files, skill_folders, listed, given if isinstance(given, dict) else {})
    source.strays = tuple(strays)
    source.left_out = _add_used(folder, files, used)
    source.pair(configuration)
    return configuration, source


#: Files that a configuration is made of, and nobody's secrets or data.
STORED = (
    ".py",
    ".ts",
    ".mts",
    ".js",
    ".mjs",
    ".json",
    ".md",
    ".txt",
    ".csv",
    ".html",
    ".svg",
    ".yaml",
    ".yml",
    ".toml",
)


def _add_used(folder: Path, files: dict[str, bytes], used: Iterable[str]) -> tuple[str, ...]:
    """Add what the configuration imports or reads, so that it can be loaded where it is fetched.

    Returns:
        What is not added: outside of the folder, hidden, or of a kind that is not stored.
    """
    left_out = []
    for name in dict.fromkeys(used):
        parts = Path(name).parts
        if name in files or "node_modules" in parts or "site-packages" in parts:
            continue
        hidden = any(part[0] == "." for part in parts)
        if hidden or Path(name).suffix not in STORED or not (folder / name).is_file():
            left_out.append(name)
            continue
        try:
            files[name] = read(folder, name)
        except UseCaseError:
            left_out.append(name)
    return tuple(left_out)


def readable_workflows(folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The workflows of a folder that can be read, whatever is wrong with its other files.

    Returns:
        Their contents, and what is wrong with the others, by path.
    """
    found, broken = {}, {}
    with suppress(UseCaseError):
        for name in _workflow_files(folder):
            try:
                content = read(folder, name)
                parse_workflow(content, name)
                found[name] = content
            except UseCaseError as error:
                broken[name] = error.message.removeprefix(f"{name}, ").removeprefix(f"{name}: ")
    return found, broken


def config_name(folder: Path) -> str:
    """Which file is the folder's configuration.

    Raises:
        UseCaseError: there is none, or more than one.
    """
    found = [name for name in CONFIGURATION_FILES if (folder / name).is_file()]
    if len(found) > 1 and found[-1] == "config.ts":
        found.pop()  # whoever writes another beside it does so where there is no Node
    if len(found) == 1:
        return found[0]
    if found:
        raise UseCaseError(f"{folder} has both a {' and a '.join(found)}.", next_action="Keep one of them.")
    within = [name for name in _subfolders(folder) if has_configuration(folder / name)]
    listed = ", ".join(within[:_MOST_NAMED]) + (", …" if len(within) > _MOST_NAMED else "")
    raise UseCaseError(
        f"{folder} has no config.json, no config.py and no config.ts.",
        next_action=f"Give one of the use cases in it: {listed}."
        if within
        else "Give the folder of a use case, or begin one with UseCase.init(path, name=…).",
    )


def has_configuration(folder: Path) -> bool:
    """Whether there is a use case in this folder."""
    return any((folder / name).is_file() for name in CONFIGURATION_FILES)


def _workflow_files(folder: Path) -> list[str]:
    workflows = inside(folder, "workflows")
    next_action = "Put the n8n workflows there, one .json file each."
    if not workflows.is_dir():
        raise UseCaseError(f"{folder} has no folder workflows.", next_action=next_action)
    names = sorted(file.name for file in workflows.glob("*.json") if file.is_file() and file.name[0] != ".")
    if not names:
        raise UseCaseError(f"{workflows} holds no workflow.", next_action=next_action)
    return [f"workflows/{name}" for name in names]


def _subfolders(folder: Path) -> tuple[str, ...]:
    # Jupyter leaves .ipynb_checkpoints everywhere; hidden folders are nobody's skills.
    if not folder.is_dir():
        return ()
    try:
        return tuple(
            sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != ".")
        )
    except OSError as error:
        raise UseCaseError(f"{folder} cannot be read: {error.strerror}.") from error


def made_source(
    configuration: Configuration,
    workflows: Mapping[str, Mapping[str, Any] | str],
    skills: Iterable[Skill],
) -> Source:
    """The files that a use case made in Python would have.

    Raises:
        UseCaseError: they do not fit together; names the member.
    """
    known = {workflow.workflow_template_id: workflow for workflow in configuration.workflows}
    files = configuration_files(configuration)
    for name, given in workflows.items():
        member = f"workflows[{json.dumps(name, ensure_ascii=False)}]"
        if name not in known:
            raise UseCaseError(
                f"{member} is no workflow of the configuration.",
                next_action=f'Add Workflow(workflow_template_id="{name}", …) to it, or leave this one out.',
            )
        if known[name].n8n_workflow_json_base64:
            raise UseCaseError(f"{member} is in the configuration already, as n8nWorkflowJsonBase64.")
        check_path_segment(name, "workflowTemplateId")
        content = without_mark(given.encode()) if isinstance(given, str) else json_file(given, member)
        check_workflow(content, member)
        files[workflow_file(name)] = content
    for n, (name, workflow) in enumerate(known.items()):
        if name not in workflows and not workflow.n8n_workflow_json_base64:
            raise UseCaseError(
                f'configuration: workflows[{n}].workflowTemplateId: "{name}" is missing in workflows.',
                next_action=f'Give its n8n workflow: workflows={{"{name}": {{…}}}}.',
            )
    folders = []
    for n, skill in enumerate(skills):
        if skill.name in folders:
            raise UseCaseError(f'skills[{n}].name: "{skill.name}" is that of an earlier skill as well.')
        check_path_segment(skill.name, "skill's name, which is its folder's, too")
        folders.append(skill.name)
        files[skill_file(skill.name)] = skill_page(skill).encode()
    source = Source("configuration", files, tuple(folders))
    source.pair(configuration)
    return source


def configuration_files(configuration: Configuration) -> dict[str, bytes]:
    """A ``config.json``, and the ``config.ts`` that shows it to the codika tool.

    The workflows are files of their own beside them.
    """
    content = configuration.to_json()
    for workflow in content["workflows"]:
        workflow.pop("n8nWorkflowJsonBase64", None)
    workflows = [workflow_file(str(workflow["workflowTemplateId"])) for workflow in content["workflows"]]
    return {"config.json": json_file(content, "configuration"), "config.ts": view_of_json(workflows)}
