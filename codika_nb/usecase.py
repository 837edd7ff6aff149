"""A use-case folder: read, checked, packed for the platform, and kept up to date after a deployment.

::

    my-use-case/
      config.json             or config.py: what the use case is called, its workflows, their forms
      workflows/<id>.json     one n8n workflow for each workflow of the configuration
      skills/<name>/SKILL.md  optional: pages that tell agents how to use a workflow
      project.json            where the folder is deployed to      ┐
      version.json            its own version                      ├ kept by deployments
      deployments/            what was deployed, version by version┘

The last three have the shape that codika 3.6.0 gives them, so that a folder may be deployed by that
tool and from a notebook in turn.
"""

from __future__ import annotations

import base64
import html
import importlib
import ipaddress
import json
import os
import re
import secrets
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from .configuration import (
    ENGINE_WEBHOOKS,
    INSTANCE_PATH,
    Configuration,
    HttpTrigger,
    MetadataDocument,
    NumberField,
    ScheduleTrigger,
    Skill,
    TextField,
    Trigger,
    Workflow,
    webhook_url,
)
from .errors import ConfigError, UseCaseError

if TYPE_CHECKING:
    from .models import Deployment

__all__ = ["Finding", "Findings", "Project", "UseCase", "VersionRule", "version_rule"]

PRODUCTION = "https://api.codika.io"
LARGEST_DOCUMENT = 10 * 1024 * 1024

CONTENT_TYPES = {".json": "application/json", ".md": "text/markdown", ".py": "text/x-python"}


class UseCase:
    """A use case as its folder holds it: `UseCase.load(path)`.

    The files are read once, by `load`: what `verify` checks, `deployment` packs and `record` archives
    is the same, whatever happens to the folder in between. ``project.json`` and ``version.json`` are
    read when they are asked for.

    Attributes:
        path: the folder.
        configuration: its configuration, checked.
        skills: its skills, in the order of their folders.
    """

    def __init__(
        self,
        path: Path,
        configuration: Configuration,
        files: Mapping[str, bytes],
        skill_folders: Iterable[str],
    ) -> None:
        self.path = path
        self.configuration = configuration
        # By path inside the folder, in the order in which the platform gets them: configuration,
        # workflows, skills.
        self._files = dict(files)
        self._config_name = next(iter(self._files))
        self._workflow_files = [name for name in self._files if name.startswith("workflows/")]
        self._skill_folders = tuple(skill_folders)
        self.skills = [
            _skill(folder, _text(self._files[name], name))
            for folder in self._skill_folders
            if (name := _skill_file(folder)) in self._files
        ]

    def __repr__(self) -> str:
        workflows = [workflow.workflow_template_id for workflow in self.configuration.workflows]
        return f"UseCase({str(self.path)!r}, title={self.configuration.title!r}, workflows={workflows})"

    # --- reading -----------------------------------------------------------------------------------

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> UseCase:
        """Read the use case in a folder.

        Args:
            path: a folder with ``config.json`` or ``config.py`` beside ``workflows/*.json``. A
                ``config.py`` is run; it defines ``configuration``, a dictionary or a `Configuration`,
                or ``get_configuration()`` that returns one.

        Raises:
            UseCaseError: something is missing or wrong; names the file and the place in it.
        """
        folder = Path(path).expanduser().absolute()
        if not folder.is_dir():
            raise UseCaseError(
                f"There is no folder {folder}.",
                next_action="Give the folder that holds config.json and workflows/.",
            )
        config_name = _config_name(folder)
        files = {config_name: _read(folder / config_name)}
        configuration = _configuration(folder / config_name, files[config_name])
        for name in _workflow_files(folder):
            files[name] = _read(folder / name)
            _workflow_json(files[name], name)
        skill_folders = _subfolders(folder / "skills")
        for name in map(_skill_file, skill_folders):
            if (folder / name).is_file():
                files[name] = _read(folder / name)
        use_case = cls(folder, configuration, files, skill_folders)
        use_case._pair_workflows(configuration)
        _ = use_case.project, use_case.version  # a folder that cannot be recorded in is better refused now
        for name, content in files.items():
            if len(content) > LARGEST_DOCUMENT:
                warnings.warn(
                    f"{name} is larger than 10 MiB: it is deployed, but no copy is stored with it.",
                    stacklevel=2,
                )
        return use_case

    @property
    def documents(self) -> list[MetadataDocument]:
        """The files that are stored with a deployment, so that they can be fetched again."""
        return [MetadataDocument.model_validate(document) for document in self._documents(self._encoded())]

    @property
    def project(self) -> Project | None:
        """Where this folder is deployed to (``project.json``), or None when nobody has said yet.

        Raises:
            UseCaseError: the file is there but cannot be read, or lacks its ``projectId``.
        """
        content = _read_object(self.path / "project.json")
        if content is None:
            return None
        try:
            return Project.model_validate(content)
        except ValidationError as error:
            raise UseCaseError(
                _problems("project.json", error, content),
                next_action="Correct project.json, or move it away to start with a project of its own.",
            ) from error

    @property
    def version(self) -> str:
        """The folder's own version ``X.Y.Z`` (``version.json``); "1.0.0" before the first deployment.

        Raises:
            UseCaseError: the file is there but does not say a version.
        """
        content = _read_object(self.path / "version.json")
        if content is None:
            return "1.0.0"
        version = content.get("version")
        if not (isinstance(version, str) and re.fullmatch(r"\d+\.\d+\.\d+", version)):
            raise UseCaseError(
                f'version.json: version: {version!r} is not of the form "X.Y.Z".',
                next_action='Correct version.json, as in {"version": "1.0.0"}.',
            )
        return version

    # --- deploying ---------------------------------------------------------------------------------

    def deployment(
        self, *, project_id: str, version_strategy: str = "minor_bump", explicit_version: str | None = None
    ) -> dict[str, Any]:
        """The body of ``POST /deployprocessusecase``, as codika 3.6.0 sends it.

        Args:
            project_id: the project to deploy to.
            version_strategy: ``minor_bump``, ``major_bump`` or ``explicit``.
            explicit_version: ``X.Y``, with ``explicit`` and only then.

        Raises:
            UseCaseError: the configuration has been changed and no longer fits the workflow files.
            ConfigError: a version where none belongs, none where one does, or one of another form.
        """
        if (version_strategy == "explicit") != (explicit_version is not None):
            raise ConfigError('An explicit version goes with the strategy "explicit", and only with it.')
        if explicit_version is not None:
            _check_target_version(explicit_version)
        _check_path_segment(project_id, "project id")
        checked = _validated(self.configuration.to_json(), self._config_name)
        self._pair_workflows(checked)

        encoded = self._encoded()
        configuration = checked.to_json()
        for workflow in configuration["workflows"]:
            workflow["n8nWorkflowJsonBase64"] = encoded[_workflow_file(workflow["workflowTemplateId"])]
        body: dict[str, Any] = {
            "projectId": project_id,
            "configuration": configuration,
            "versionStrategy": version_strategy,
        }
        if explicit_version is not None:
            body["explicitVersion"] = explicit_version
        if documents := self._documents(encoded):
            body["metadataDocuments"] = documents
        if self.skills:
            body["skills"] = [skill.to_json() for skill in self.skills]
        return body

    def target_for(self, base_url: str, organization_id: str | None) -> str | None:
        """The project that this folder goes to on a server, or None when one has to be made.

        Sandboxes come and go, and a project on another one is forgotten with it. A project anywhere
        else is not: deploying to another place than ``project.json`` says needs a word from the person.

        Args:
            base_url: the server to deploy to.
            organization_id: the organization signed in to there, if known.

        Raises:
            ConfigError: ``project.json`` belongs to another organization or server.
            UseCaseError: ``project.json`` cannot be read.
        """
        project = self.project
        if project is None:
            return None
        home = project.base_url or PRODUCTION
        same_server = _server(home) == _server(base_url)
        organizations = {organization_id, project.organization_id} - {None}
        if same_server and len(organizations) <= 1:
            return project.project_id
        if _is_loopback(home):
            return None
        raise ConfigError(
            f"project.json points to project {project.project_id} of organization "
            f"{project.organization_id or '(not said)'} on {home}, but you are signed in to "
            f"organization {organization_id or '(unknown)'} on {base_url}.",
            next_action="Sign in to that organization (%codika_use), "
            "or give a project of its own: --create-project NAME.",
        )

    def record_project(
        self, project_id: str, organization_id: str | None, base_url: str | None = None
    ) -> None:
        """Make a project the one that this folder is deployed to (``project.json``, written afresh).

        Args:
            project_id: the project.
            organization_id: its organization, if known.
            base_url: its server; kept in the file unless it is production, so that a project of a
                sandbox is not looked for there.

        Raises:
            UseCaseError: ``project.json`` is there but cannot be read, or it cannot be written.
        """
        _ = self.project  # what cannot be read is not overwritten
        content = {"projectId": project_id}
        if organization_id:
            content["organizationId"] = organization_id
        if base_url and _server(base_url) != _server(PRODUCTION):
            content["baseUrl"] = base_url.rstrip("/")
        _write_json(self.path / "project.json", content, end="\n")

    def record(self, deployment: Deployment, *, project_id: str, bump: str = "patch") -> str:
        """Write down what a deployment has made: ``project.json``, ``version.json``, the archive.

        In this order, each file whole or not at all, other members kept. A deployment that the
        platform calls failed leaves version and archive alone. ``project.json`` is only added to when it
        is about this project.

        Args:
            deployment: the platform's answer.
            project_id: the project that was deployed to.
            bump: what to raise in ``version.json``: ``patch``, ``minor`` or ``major``, as in
                `VersionRule.bump`.

        Returns:
            The folder's own version, raised or not.

        Raises:
            UseCaseError: a file cannot be read or written.
        """
        _check_path_segment(project_id, "project id")
        _check_target_version(deployment.version)
        failed = deployment.deployment_status == "failed"
        now = _timestamp()
        self._record_in_project(deployment, project_id, now, failed=failed)
        if failed:
            return self.version
        version = _raised(self.version, bump)
        kept = _read_object(self.path / "version.json") or {}
        _write_json(self.path / "version.json", {**kept, "version": version}, end="\n")
        self._archive(deployment, project_id, version, now)
        return version

    def _record_in_project(self, deployment: Deployment, project_id: str, now: str, *, failed: bool) -> None:
        project = self.project
        if project is None or project.project_id != project_id:
            return
        content = _read_object(self.path / "project.json") or {}
        if deployment.process_instance_id:
            content["devProcessInstanceId"] = deployment.process_instance_id
        if not failed:
            entry = {"templateId": deployment.template_id, "createdAt": now}
            content["deployments"] = {**(content.get("deployments") or {}), deployment.version: entry}
        _write_json(self.path / "project.json", content, end="\n")

    def _archive(self, deployment: Deployment, project_id: str, version: str, now: str) -> None:
        project_folder = self.path / "deployments" / project_id
        folder = project_folder / "process" / deployment.version
        for name in self._workflow_files:
            _write(folder / name, self._files[name])
        snapshot = self.configuration.to_json()
        for workflow in snapshot["workflows"]:
            workflow["n8nWorkflowJsonBase64"] = "[archived in workflows/ folder]"
        _write_json(folder / "config-snapshot.json", snapshot)
        answer = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)
        members = ("templateId", "deploymentInstanceId", "processId", "isNewProcess", "processInstanceId")
        info = {"version": deployment.version, "useCaseVersion": version, "deployedAt": now}
        info |= {
            name: answer[name]
            for name in (*members, "workflowsDeployed", "deploymentStatus")
            if name in answer
        }
        _write_json(folder / "deployment-info.json", info)

        overview_file = project_folder / "project-info.json"
        try:
            overview = _read_object(overview_file) or {"projectId": project_id, "createdAt": now}
            mappings = overview.setdefault("versionMappings", {})
            mappings.setdefault("process", {})[deployment.version] = {
                "useCaseVersion": version,
                "deployedAt": now,
            }
            mappings.setdefault("dataIngestion", {})
        except (UseCaseError, AttributeError, TypeError):
            # The deployment is made and recorded; an index that someone has broken is no reason to fail.
            warnings.warn(f"{overview_file} cannot be read and was left as it is.", stacklevel=3)
            return
        overview["lastDeployedAt"] = now
        _write_json(overview_file, overview)

    def _encoded(self) -> dict[str, str]:
        # One encoding per file, however often it travels: large use cases consist of nothing else.
        return {name: base64.b64encode(content).decode("ascii") for name, content in self._files.items()}

    def _documents(self, encoded: Mapping[str, str]) -> list[dict[str, Any]]:
        skill_names = {skill.relative_path: skill.name for skill in self.skills}
        return [
            {
                "relativePath": name,
                "contentType": CONTENT_TYPES[Path(name).suffix],
                "contentBase64": encoded[name],
                "description": (
                    f"Skill: {skill_names[name]}"
                    if name in skill_names
                    else f"Workflow: {Path(name).name}"
                    if name in self._workflow_files
                    else "Use case configuration"
                ),
            }
            for name, content in self._files.items()
            if len(content) <= LARGEST_DOCUMENT
        ]

    def _pair_workflows(self, configuration: Configuration) -> None:
        """Every workflow of the configuration has its file, and every file its workflow."""
        expected: set[str] = set()
        for n, workflow in enumerate(configuration.workflows):
            place = f"{self._config_name}: workflows[{n}].workflowTemplateId"
            name = _workflow_file(workflow.workflow_template_id)
            if name in expected:
                raise UseCaseError(
                    f'{place}: "{workflow.workflow_template_id}" is the id of an earlier workflow as well.',
                    next_action="Give each workflow an id of its own.",
                )
            if name not in self._files:
                raise UseCaseError(
                    f'{place}: "{workflow.workflow_template_id}" has no file {name}.',
                    next_action="Name the workflow's file after its workflowTemplateId.",
                )
            expected.add(name)
        for name in self._workflow_files:
            if name not in expected:
                raise UseCaseError(
                    f"{name} is no workflow of {self._config_name}.",
                    next_action=f'Add one with workflowTemplateId "{Path(name).stem}", or move it away.',
                )

    # --- checking ----------------------------------------------------------------------------------

    def verify(self) -> Findings:
        """Check what decides whether a deployment of this use case runs.

        The rules and their names are those of ``codika verify`` 3.6.0 that are about running; those
        about style are left to that tool.

        Returns:
            What was found; empty when all is well. A deployment with a ``must`` finding does not run.
        """
        view = _View(self)
        return Findings(
            Finding(rule, note.severity or severity, note.message, note.path, note.node)
            for rule, severity, check in _RULES
            for note in check(view)
        )

    # --- beginning ---------------------------------------------------------------------------------

    @classmethod
    def init(cls, path: str | os.PathLike[str], *, name: str) -> UseCase:
        """Write a new use case that deploys and runs as it is, to be changed from there.

        Args:
            path: the folder; made if it is not there.
            name: what the use case is called.

        Raises:
            UseCaseError: the folder holds a use case already, or cannot be written to.
        """
        title = " ".join(name.split())
        if not title:
            raise UseCaseError("A use case needs a name.", next_action='Give one, as in name="Word counter".')
        folder = Path(path).expanduser().absolute()
        new = _starter(title)
        taken = [file for file in ("config.py", "config.ts", *new) if (folder / file).exists()]
        if taken:
            raise UseCaseError(
                f"{folder} holds {' and '.join(taken)} already.", next_action="Give a new folder."
            )
        for file, content in new.items():
            if isinstance(content, str):
                _write(folder / file, content.encode())
            else:
                _write_json(folder / file, content, end="\n")
        return cls.load(folder)


class Project(BaseModel):
    """Where a folder is deployed to: ``project.json``."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)

    project_id: str = Field(min_length=1)
    organization_id: str | None = None
    dev_process_instance_id: str | None = None
    prod_process_instance_id: str | None = None
    deployments: dict[str, Any] | None = None
    data_ingestion_deployments: dict[str, Any] | None = None
    base_url: str | None = None


# --- versions --------------------------------------------------------------------------------------


class VersionRule(NamedTuple):
    """How a deployment counts up: on the platform (``X.Y``) and in the folder (``X.Y.Z``)."""

    strategy: Literal["minor_bump", "major_bump", "explicit"]
    explicit_version: str | None
    bump: Literal["patch", "minor", "major"]


def version_rule(choice: str = "patch") -> VersionRule:
    """What to send and what to raise for a choice of version, as codika 3.6.0 does it.

    Args:
        choice: ``patch``, ``minor``, ``major``, or the platform's version itself, ``X.Y``.

    Raises:
        ConfigError: none of these.
    """
    if choice == "patch":
        return VersionRule("minor_bump", None, "patch")
    if choice == "minor":
        return VersionRule("minor_bump", None, "minor")
    if choice == "major":
        return VersionRule("major_bump", None, "major")
    _check_target_version(choice)
    return VersionRule("explicit", choice, "patch")


def _check_target_version(version: str) -> None:
    if not re.fullmatch(r"[0-9]+\.[0-9]+", version):
        raise ConfigError(
            f'"{version}" is no version.',
            next_action='Versions of a deployment have the form X.Y, as in "1.4".',
        )


def _raised(version: str, bump: str) -> str:
    major, minor, patch = map(int, version.split("."))
    raised = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }[bump]
    return ".".join(map(str, raised))


def _timestamp() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- servers ---------------------------------------------------------------------------------------


def _server(base_url: str) -> tuple[str, str, int | None, str]:
    """What makes two addresses the same server, however they are written."""
    parts = urlsplit(base_url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")


def _is_loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- files -----------------------------------------------------------------------------------------


def _workflow_file(template_id: str) -> str:
    return f"workflows/{template_id}.json"


def _skill_file(folder: str) -> str:
    return f"skills/{folder}/SKILL.md"


def _config_name(folder: Path) -> str:
    found = [name for name in ("config.json", "config.py") if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UseCaseError(
            f"{folder} has both a config.json and a config.py.", next_action="Keep one of them."
        )
    if (folder / "config.ts").is_file():
        raise UseCaseError(
            f"{folder} has a TypeScript configuration only, and reading config.ts needs Node.",
            next_action="Deploy it with the codika tool, or write its configuration as config.json.",
        )
    raise UseCaseError(
        f"{folder} has no config.json and no config.py.",
        next_action="Give the folder of a use case, or begin one with UseCase.init(path, name=…).",
    )


def _workflow_files(folder: Path) -> list[str]:
    workflows = folder / "workflows"
    next_action = "Put the n8n workflows there, one .json file each."
    if not workflows.is_dir():
        raise UseCaseError(f"{folder} has no folder workflows.", next_action=next_action)
    names = sorted(file.name for file in workflows.glob("*.json") if file.is_file() and file.name[0] != ".")
    if not names:
        raise UseCaseError(f"{workflows} holds no workflow.", next_action=next_action)
    return [f"workflows/{name}" for name in names]


def _subfolders(folder: Path) -> list[str]:
    # Jupyter leaves .ipynb_checkpoints everywhere; hidden folders are nobody's skills.
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != ".")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UseCaseError(f"{file} cannot be read: {error.strerror}.") from error


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UseCaseError(
            f"{name}, line {line}: not UTF-8.", next_action="Save the file with the encoding UTF-8."
        ) from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _json_object(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise UseCaseError(
            f"{name}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}).",
            next_action="Correct the file; nothing was changed.",
        ) from error
    except ValueError as error:
        raise UseCaseError(f"{name}: {error}.", next_action="Write null instead.") from error
    if not isinstance(value, dict):
        raise UseCaseError(f"{name}: an object in braces is expected, not {_kind(value)}.")
    return value


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number or truth value")


def _read_object(file: Path) -> dict[str, Any] | None:
    """The JSON object in one of the folder's own files, or None when there is no such file."""
    if not file.exists():
        return None
    # A byte order mark is what some editors on Windows begin a file with.
    return _json_object(_text(_read(file), file.name).removeprefix("\ufeff"), file.name)


_BARE_PARAMETER = re.compile(r'"(?:[^"\\]|\\.)*"|\{\{(INSTPARM_[A-Z0-9_]+_MRAPTSNI)\}\}', re.DOTALL)


def _workflow_json(content: bytes, name: str) -> dict[str, Any]:
    """A workflow file, parsed; deployment parameters may stand in it as values, without quotes."""
    text = _text(content, name)
    if "{{INSTPARM_" in text:
        # Replaced by a string of the same length, so that a complaint still names the right column.
        text = _BARE_PARAMETER.sub(lambda m: f'"{{{m[1]}}}"' if m[1] else m[0], text)
    return _json_object(text, name)


def _check_path_segment(text: str, what: str) -> None:
    """The archive has a folder per project; a name from elsewhere must not lead out of it."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", text):
        raise UseCaseError(f'"{text}" cannot be a {what}.')


def _write(file: Path, content: bytes) -> None:
    """Replace a file as a whole: whoever reads it, even after a crash, sees the old one or the new one."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if file.exists():
                shutil.copymode(file, temporary)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UseCaseError(
            f"{file} cannot be written: {error.strerror}.", next_action="Make room or give write access."
        ) from error


def _write_json(file: Path, value: object, *, end: str = "") -> None:
    _write(file, (json.dumps(value, indent=2, ensure_ascii=False) + end).encode())


# --- the configuration file ------------------------------------------------------------------------


def _configuration(file: Path, content: bytes) -> Configuration:
    given: object
    if file.suffix == ".py":
        given = _run(file, _text(content, file.name))
    else:
        given = _json_object(_text(content, file.name).removeprefix("\ufeff"), file.name)
    if isinstance(given, Configuration):
        return given
    return _validated(given, file.name)


def _validated(given: object, name: str) -> Configuration:
    try:
        return Configuration.model_validate(given)
    except ValidationError as error:
        raise UseCaseError(
            _problems(name, error, given), next_action=f"Correct {name} and load it again."
        ) from error


def _run(file: Path, source: str) -> object:
    """What a ``config.py`` defines, run as if by ``import config`` in its folder, without a trace."""
    # The names that an import finds in the folder, set free while it runs: another use case's `forms`
    # must not be taken for this one's, nor this one's be left for the next.
    own = {entry.stem for entry in file.parent.iterdir() if entry.suffix == ".py" or entry.is_dir()}
    own -= {__name__.partition(".")[0]}
    displaced = _take_modules(own)
    path, writes_bytecode = list(sys.path), sys.dont_write_bytecode
    module = ModuleType(file.stem)
    module.__file__ = str(file)
    try:
        sys.path.insert(0, str(file.parent))
        sys.dont_write_bytecode = True
        sys.modules[module.__name__] = module
        importlib.invalidate_caches()
        exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102 - the person's own file
        if hasattr(module, "get_configuration"):
            return module.get_configuration()
        if hasattr(module, "configuration"):
            return module.configuration
    except (Exception, SystemExit) as error:
        raise _config_error(file, error) from error
    finally:
        sys.path[:], sys.dont_write_bytecode = path, writes_bytecode
        _take_modules(own)
        sys.modules.update(displaced)
    raise UseCaseError(
        f"{file.name} defines neither configuration nor get_configuration().",
        next_action="End it with: configuration = Configuration(…).",
    )


def _take_modules(names: set[str]) -> dict[str, ModuleType]:
    taken = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}
    for name in taken:
        del sys.modules[name]
    return taken


def _config_error(file: Path, error: BaseException) -> UseCaseError:
    places = [
        (Path(frame.filename), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(file.parent)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((Path(error.filename), error.lineno))
    where, line = places[-1] if places else (file, None)
    name = where.relative_to(file.parent) if where.is_relative_to(file.parent) else where
    place = f"{name}, line {line}" if line else str(name)
    if isinstance(error, ValidationError):
        message = _problems(place, error, None)
    else:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        message = f"{place}: {type(error).__name__}: {' '.join(text.split())}"
    return UseCaseError(message, next_action=f"Correct {name} and load it again.")


def _problems(place: str, error: ValidationError, given: object, most: int = 5) -> str:
    """What pydantic has to say, in one line, with each member named as in the person's file."""
    problems = [f"{_location(e['loc'], given)}: {_complaint(e)}" for e in error.errors(include_url=False)]
    more = f"; and {len(problems) - most} more" if len(problems) > most else ""
    return f"{place}: {'; '.join(problems[:most])}{more}"


def _location(location: tuple[int | str, ...], given: object) -> str:
    """``workflows[0].triggers[0].url``: as pydantic says it, but for the kinds it passes through."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif isinstance(given, Mapping) and given.get("type") == part and part not in given:
            continue  # which of several kinds this object is; not a member of it
        else:
            text += f".{part}" if text else part
        try:
            given = given[part]  # type: ignore[index]  # whatever cannot be indexed ends the comparison
        except (TypeError, KeyError, IndexError):
            given = None
    return text or "(the whole)"


def _complaint(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if error["type"] == "union_tag_invalid":
        return f'type "{context["tag"]}" is none of {context["expected_tags"]}'.replace("'", "")
    if error["type"] == "union_tag_not_found":
        return "type: Field required"
    return str(error["msg"]).removeprefix("Value error, ")


# --- skills ----------------------------------------------------------------------------------------


def _front_matter(text: str) -> dict[str, str]:
    """The lines between the first two ``---``, cut at the colon; nothing of YAML beyond that."""
    block = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    pairs = (line.partition(":") for line in (block[1].split("\n") if block else []))
    return {key.strip(): value.strip() for key, colon, value in pairs if key and colon}


def _skill(folder: str, text: str) -> Skill:
    matter = _front_matter(text)
    return Skill(
        name=matter.get("name") or folder,
        description=matter.get("description", ""),
        workflow_template_id=matter.get("workflowTemplateId") or folder,
        content_markdown=text,
        relative_path=_skill_file(folder),
    )


# --- a use case to begin with ----------------------------------------------------------------------

STARTER_WORKFLOW = "main-workflow"

_STARTER_CHECK = """\
// The payload's members arrive in the body of the request.
const body = $('Webhook Trigger').first().json.body || {};
const text = String(body.text || '').trim();

if (!text) {
  return [{ json: { valid: false, error: 'A text is required.' } }];
}
return [{ json: { valid: true, text } }];"""

_STARTER_WORK = """\
// What the workflow is there for: put your own work here.
const { text } = $input.first().json;
return [{ json: { text, words: text.split(/\\s+/).length } }];"""

_STARTER_SKILL = f"""\
---
name: {STARTER_WORKFLOW}
description: Counts the words of a text. Use it to find out how long a text is.
workflowTemplateId: {STARTER_WORKFLOW}
---

# Count words

Takes a text and counts its words.

## Input

`text` (string, required): the text.

```json
{{"text": "Hello, Ada!"}}
```

## Output

`text` (string): the text, trimmed. `words` (number): how many words it has.

```json
{{"text": "Hello, Ada!", "words": 2}}
```
"""

_STARTER_STAND_INS = f'''\
"""Python stand-ins: they answer the workflows of this use case in the sandbox, where no n8n runs."""

from codika_nb.sandbox import stand_in


@stand_in("{STARTER_WORKFLOW}")
def count_words(payload):
    """Count the words of a text; the workflow's two code nodes, in Python."""
    text = str(payload.get("text") or "").strip()
    if not text:
        raise ValueError("A text is required.")
    return {{"text": text, "words": len(text.split())}}
'''


def _starter(title: str) -> dict[str, str | dict[str, Any]]:
    """The files of a new use case: one workflow that counts words, complete but small."""
    configuration = Configuration(
        title=title,
        description="Counts the words of a text.",
        process_deployment_markdown=f"# {title}\n\nGive a text, and get the number of its words.\n",
        workflows=[
            Workflow(
                workflow_template_id=STARTER_WORKFLOW,
                triggers=[
                    HttpTrigger(
                        url=webhook_url(STARTER_WORKFLOW),
                        title="Count words",
                        input_schema=[TextField(key="text", label="Text", required=True, max_length=5000)],
                    )
                ],
                output_schema=[
                    TextField(key="text", label="Text"),
                    NumberField(key="words", label="Words", number_type="integer"),
                ],
            )
        ],
    )
    return {
        "config.json": configuration.to_json(),
        _workflow_file(STARTER_WORKFLOW): _starter_workflow(),
        _skill_file(STARTER_WORKFLOW): _STARTER_SKILL,
        "stand_ins.py": _STARTER_STAND_INS,
        "version.json": {"version": "1.0.0"},
    }


def _starter_workflow() -> dict[str, Any]:
    """The pattern that the platform asks of every workflow: webhook, init, work, result or error."""
    codika, code = "n8n-nodes-codika.codika", "n8n-nodes-base.code"
    metadata = "={{ $json.body.executionMetadata.%s }}"
    nodes = [
        {
            "name": "Webhook Trigger",
            "type": WEBHOOK,
            "position": [0, 0],
            "parameters": {
                "httpMethod": "POST",
                "path": INSTANCE_PATH + STARTER_WORKFLOW,
                "authentication": "headerAuth",
                "responseMode": "lastNode",
                "options": {},
            },
            "credentials": {"httpHeaderAuth": WEBHOOK_CREDENTIAL},
            "webhookId": f"{STARTER_WORKFLOW}-webhook",
            "typeVersion": 2,
        },
        {
            "name": "Codika Init",
            "type": codika,
            "position": [220, 0],
            "parameters": {
                "resource": "initializeExecution",
                "operation": "initWorkflow",
                "memberSecret": "{{MEMSECRT_EXECUTION_AUTH_TRCESMEM}}",
                "organizationId": metadata % "organizationId",
                "userId": metadata % "userId",
                "processInstanceId": metadata % "processInstanceId",
                "workflowId": STARTER_WORKFLOW,
                "triggerType": "http",
            },
            "typeVersion": 1,
        },
        {
            "name": "Check Text",
            "type": code,
            "position": [440, 0],
            "parameters": {"jsCode": _STARTER_CHECK},
            "typeVersion": 2,
        },
        {
            "name": "Text Given?",
            "type": "n8n-nodes-base.if",
            "position": [660, 0],
            "parameters": {
                "conditions": {
                    "options": {"caseSensitive": True, "leftValue": "", "typeValidation": "strict"},
                    "conditions": [
                        {
                            "id": "text-is-valid",
                            "leftValue": "={{ $json.valid }}",
                            "rightValue": True,
                            "operator": {"type": "boolean", "operation": "equals"},
                        }
                    ],
                    "combinator": "and",
                },
                "options": {},
            },
            "typeVersion": 2.2,
        },
        {
            "name": "Count Words",
            "type": code,
            "position": [880, -100],
            "parameters": {"jsCode": _STARTER_WORK},
            "typeVersion": 2,
        },
        {
            "name": "Submit Result",
            "type": codika,
            "position": [1100, -100],
            "parameters": {
                "resource": "workflowOutputs",
                "operation": "submitResult",
                "resultData": "={{ $json }}",
            },
            "typeVersion": 1,
        },
        {
            "name": "Report Error",
            "type": codika,
            "position": [880, 100],
            "parameters": {
                "resource": "errorHandling",
                "operation": "reportError",
                "errorMessage": "={{ $json.error }}",
                "errorType": "validation_error",
            },
            "typeVersion": 1,
        },
    ]
    follows = {
        "Webhook Trigger": ["Codika Init"],
        "Codika Init": ["Check Text"],
        "Check Text": ["Text Given?"],
        "Text Given?": ["Count Words", "Report Error"],
        "Count Words": ["Submit Result"],
    }
    return {
        "name": "Count words",
        "nodes": [{"id": f"node-{n}", **node} for n, node in enumerate(nodes, 1)],
        "connections": {
            name: {"main": [[{"node": target, "type": "main", "index": 0}] for target in targets]}
            for name, targets in follows.items()
        },
        "settings": {"executionOrder": "v1", "errorWorkflow": ERROR_WORKFLOW},
    }


# --- findings --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """Something that a check has found.

    Attributes:
        rule: its name, as in ``codika verify``.
        severity: ``must`` keeps the use case from running, ``should`` may surprise, ``nit`` is taste.
        message: what is wrong and what would be right.
        path: the file, inside the folder.
        node: the node of the workflow, if it is about one.
    """

    rule: str
    severity: Literal["must", "should", "nit"]
    message: str
    path: str
    node: str | None = None


class Findings(list[Finding]):
    """What `UseCase.verify` has found; a list that shows itself as a table."""

    _COLUMNS = ("Severity", "Rule", "File", "Node", "Message")

    @property
    def must(self) -> Findings:
        """Those that keep the use case from running."""
        return Findings(finding for finding in self if finding.severity == "must")

    def _rows(self) -> list[tuple[str, ...]]:
        return [(f.severity, f.rule, f.path, f.node or "", f.message) for f in self]

    def __repr__(self) -> str:
        if not self:
            return "No findings."
        rows = [self._COLUMNS, *self._rows()]
        widths = [max(len(row[n]) for row in rows) for n in range(len(self._COLUMNS) - 1)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
            for row in rows
        )

    def _repr_html_(self) -> str:
        if not self:
            return "<p>No findings.</p>"
        head, *body = [
            "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
            for tag, row in [("th", self._COLUMNS), *(("td", row) for row in self._rows())]
        ]
        return f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


# --- the rules of verify ---------------------------------------------------------------------------

WEBHOOK = "n8n-nodes-base.webhook"
MERGE = "n8n-nodes-base.merge"
STICKY_NOTE = "n8n-nodes-base.stickyNote"
INIT_OPERATIONS = {"initWorkflow", "initDataIngestion"}
END_OPERATIONS = {"submitResult", "reportError", "ingestionCallback"}

ERROR_WORKFLOW = "{{ORGSECRET_ERROR_WORKFLOW_ID_TERCESORG}}"
WEBHOOK_CREDENTIAL = {
    "id": "{{ORGSECRET_WEBHOOK_AUTH_CRED_ID_TERCESORG}}",
    "name": "{{ORGSECRET_WEBHOOK_AUTH_CRED_NAME_TERCESORG}}",
}
# What the engine adds to a workflow and gives another value on every server.
ENGINE_MEMBERS = ("id", "versionId", "meta", "active", "tags", "pinData")

# Every placeholder ends in its kind spelt backwards, but for some letters.
PLACEHOLDER_SUFFIXES = {
    "FLEXCRED": "DERCXELF",
    "INSTCRED": "DERCTSNI",
    "INSTPARM": "MRAPTSNI",
    "MEMSECRT": "TRCESMEM",
    "ORGCRED": "DERCGRO",
    "ORGSECRET": "TERCESORG",
    "PROCDATA": "ATADCORP",
    "SUBWKFL": "LFKWBUS",
    "SYSCREDS": "SDERCSYS",
    "USERCRED": "DERCRESU",
    "USERDATA": "ATADRESU",
}


@dataclass(frozen=True)
class _Node:
    """A node of an n8n workflow, tolerant of what is missing."""

    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.data.get("name", ""))

    @property
    def type(self) -> str:
        return str(self.data.get("type", ""))

    @property
    def parameters(self) -> Mapping[str, Any]:
        return _mapping(self.data.get("parameters"))

    def does(self, operations: set[str]) -> bool:
        """Whether this is a Codika node with one of these operations."""
        return "codika" in self.type.lower() and self.parameters.get("operation") in operations

    @property
    def starts(self) -> str | None:
        """What kind of trigger this node is, in the words of the configuration; None if none."""
        kind = self.type.lower()
        if self.type == WEBHOOK:
            return "http"
        if "scheduletrigger" in kind:
            return "schedule"
        if "executeworkflowtrigger" in kind:
            return "subworkflow"
        return "service_event" if "trigger" in kind else None


class _Flow:
    """A workflow file as the rules look at it: nodes, and what follows what."""

    def __init__(self, path: str, content: bytes) -> None:
        self.path = path
        self.template_id = Path(path).stem
        self.text = content.decode("utf-8")
        self.data = _workflow_json(content, path)
        self.nodes = [_Node(node) for node in _list(self.data.get("nodes")) if isinstance(node, dict)]
        self.is_subworkflow = any(node.starts == "subworkflow" for node in self.nodes)

    def after(self, node: _Node) -> list[_Node]:
        """The nodes that an execution goes on to from this one, by any of its outputs."""
        outputs = _mapping(_mapping(self.data.get("connections")).get(node.name)).get("main")
        links = [link for output in _list(outputs) for link in _list(output)]
        names = [_mapping(link).get("node") for link in links]
        return [target for name in names for target in self.nodes if target.name == name]

    def reachable(self, starts: Iterable[_Node]) -> list[_Node]:
        """These nodes and all that follow, each once."""
        found: dict[str, _Node] = {}
        waiting = list(starts)
        while waiting:
            node = waiting.pop()
            if node.name not in found:
                found[node.name] = node
                waiting += self.after(node)
        return list(found.values())

    def node_with(self, text: str) -> str | None:
        """The name of the first node that holds a text anywhere."""
        holding = (node.name for node in self.nodes if text in json.dumps(node.data, ensure_ascii=False))
        return next(holding, None)

    def note(self, message: str, node: _Node | str | None = None) -> _Note:
        return _Note(message, self.path, node.name if isinstance(node, _Node) else node)


class _Note(NamedTuple):
    """What a rule has to say; the table adds the rule's name, and its severity unless given here."""

    message: str
    path: str
    node: str | None = None
    severity: Literal["must", "should", "nit"] | None = None


class _View:
    """What the rules see of a use case.

    Attributes:
        flows: the workflow files.
        workflows: the workflows of the configuration, each with its place there and its file.
        problems: place and complaint. A configuration can be changed in Python after it was
            checked; while there are problems, there are no ``workflows``.
    """

    def __init__(self, use_case: UseCase) -> None:
        self.use_case = use_case
        self.config = use_case._config_name
        self.skills = use_case.skills
        self.flows = [_Flow(name, use_case._files[name]) for name in use_case._workflow_files]
        self.workflows: list[tuple[str, Workflow, _Flow]] = []
        self.problems: list[tuple[str, str]] = []
        given = use_case.configuration.to_json()
        try:
            self.configuration = Configuration.model_validate(given)
        except ValidationError as error:
            self.problems = [(_location(e["loc"], given), _complaint(e)) for e in error.errors()]
        else:
            files = {flow.template_id: flow for flow in self.flows}
            self.workflows = [
                (f"workflows[{n}]", workflow, files[workflow.workflow_template_id])
                for n, workflow in enumerate(self.configuration.workflows)
                if workflow.workflow_template_id in files
            ]

    def note(self, message: str) -> _Note:
        """Something about the configuration."""
        return _Note(message, self.config)

    @property
    def parents(self) -> list[_Flow]:
        """The workflows that run on their own; a sub-workflow leaves much to its caller."""
        return [flow for flow in self.flows if not flow.is_subworkflow]

    @property
    def webhooks(self) -> Iterator[tuple[_Flow, _Node]]:
        return ((flow, node) for flow in self.parents for node in flow.nodes if node.type == WEBHOOK)

    @property
    def triggers(self) -> Iterator[tuple[str, Trigger, _Flow]]:
        """The triggers of the configuration, each with its place there and its workflow's file."""
        return (
            (f"{place}.triggers[{n}]", trigger, flow)
            for place, workflow, flow in self.workflows
            for n, trigger in enumerate(workflow.triggers)
        )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_workflow(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for member, kind, words in (("nodes", list, "a list"), ("connections", dict, "an object")):
            if not isinstance(flow.data.get(member), kind):
                yield flow.note(f"An n8n workflow has {words} called {member}.")


def _begins_with_init(view: _View) -> Iterator[_Note]:
    for flow in view.parents:
        if flow.nodes and not any(node.does(INIT_OPERATIONS) for node in flow.nodes):
            yield flow.note(
                "No Codika Init node (operation initWorkflow): the platform cannot follow the run."
            )


def _ends_with_result(view: _View) -> Iterator[_Note]:
    for flow in view.parents:
        for node in flow.reachable(node for node in flow.nodes if node.does(INIT_OPERATIONS)):
            if not flow.after(node) and not node.does(END_OPERATIONS):
                yield flow.note("The run ends here without Submit Result or Report Error.", node)


def _merges_before_end(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for node in flow.nodes:
            if node.type == MERGE and any(target.does(END_OPERATIONS) for target in flow.after(node)):
                yield flow.note(
                    "Goes straight to an end node and waits for all branches: put a node between.", node
                )


def _schedule_joins_webhook(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        after_webhooks = [
            target.name for node in flow.nodes if node.type == WEBHOOK for target in flow.after(node)
        ]
        for node in flow.nodes:
            after_schedule = [target.name for target in flow.after(node)]
            if node.starts == "schedule" and not set(after_schedule) & set(after_webhooks):
                yield flow.note("Needs a webhook node that leads to the same node, to be run by hand.", node)


def _subworkflow_takes_input(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for node in flow.nodes:
            inputs = [
                _mapping(node.parameters.get(name)).get("values") for name in ("workflowInputs", "schema")
            ]
            if node.starts == "subworkflow" and not any(map(_list, inputs)):
                yield flow.note("A sub-workflow takes at least one input; the engine insists on it.", node)


def _webhook_is_locked(view: _View) -> Iterator[_Note]:
    for flow, node in view.webhooks:
        credential = _mapping(_mapping(node.data.get("credentials")).get("httpHeaderAuth"))
        wrong = [
            f'credentials.httpHeaderAuth.{k} "{v}"'
            for k, v in WEBHOOK_CREDENTIAL.items()
            if credential.get(k) != v
        ]
        if node.parameters.get("authentication") != "headerAuth":
            wrong.insert(0, 'parameters.authentication "headerAuth"')
        if wrong:
            yield flow.note(f"The webhook is open to everyone; it needs {', '.join(wrong)}.", node)


def _webhook_has_id(view: _View) -> Iterator[_Note]:
    for flow, node in view.webhooks:
        if not (isinstance(node.data.get("webhookId"), str) and node.data["webhookId"]):
            yield flow.note("A webhook node without webhookId is never registered: give it one.", node)


def _settings_are_set(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        wanted = {"executionOrder": "v1"}
        if not flow.is_subworkflow:
            wanted["errorWorkflow"] = ERROR_WORKFLOW
        settings = _mapping(flow.data.get("settings"))
        for member, value in wanted.items():
            if settings.get(member) != value:
                yield flow.note(f'settings.{member} has to be "{value}".')


def _is_sanitized(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        if found := [member for member in ENGINE_MEMBERS if member in flow.data]:
            yield flow.note(f"Remove {', '.join(found)}: they belong to the engine this was exported from.")


def _placeholders_close(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for placeholder in dict.fromkeys(re.findall(r"\{\{([A-Z][A-Z0-9]*_[A-Za-z0-9_-]+)\}\}", flow.text)):
            prefix, _, rest = placeholder.partition("_")
            suffix = PLACEHOLDER_SUFFIXES.get(prefix)
            written, node = f"{{{{{placeholder}}}}}", flow.node_with(placeholder)
            if suffix is None:
                if placeholder.isupper():
                    note = flow.note(f"{written} begins like no placeholder of the platform.", node)
                    yield note._replace(severity="should")
            elif not rest.endswith(f"_{suffix}"):
                yield flow.note(f"{written} has to have a name and end in _{suffix}.", node)


def _parameters_are_bare(view: _View) -> Iterator[_Note]:
    quoted = re.compile(r"""(\\?["'])(\{\{INSTPARM_[A-Z0-9_]+_MRAPTSNI\}\})\1""")
    for flow in view.flows:
        for placeholder in dict.fromkeys(match[2] for match in quoted.finditer(flow.text)):
            node = flow.node_with(placeholder.strip("{}"))
            yield flow.note(
                f"{placeholder} stands for the value with its quotes: write it without any.", node
            )


def _has_triggers(view: _View) -> Iterator[_Note]:
    for place, workflow, _ in view.workflows:
        if not workflow.triggers:
            yield view.note(f"{place}.triggers: a workflow without a trigger can never run.")


def _schedule_is_complete(view: _View) -> Iterator[_Note]:
    members = ("cronExpression", "timezone", "humanReadable", "manualTriggerUrl")
    for place, trigger, _ in view.triggers:
        given = trigger.to_json()
        empty = [member for member in members if not given.get(member)]
        if isinstance(trigger, ScheduleTrigger) and empty:
            yield view.note(f"{place}: the platform insists on {', '.join(empty)}.")


def _trigger_types_are_known(view: _View) -> Iterator[_Note]:
    for place, complaint in view.problems:
        if ".triggers" in place and "Schema" not in place:
            yield view.note(f"{place}: {complaint}")


def _schema_types_are_known(view: _View) -> Iterator[_Note]:
    for place, complaint in view.problems:
        if "Schema" in place:
            yield view.note(f"{place}: {complaint}")


def _configuration_is_valid(view: _View) -> Iterator[_Note]:
    for place, complaint in view.problems:
        if ".triggers" not in place and "Schema" not in place:
            yield view.note(f"{place}: {complaint}")


def _workflows_have_files(view: _View) -> Iterator[_Note]:
    if not view.problems:
        try:
            view.use_case._pair_workflows(view.configuration)
        except UseCaseError as error:
            yield view.note(error.message)


def _trigger_fits_nodes(view: _View) -> Iterator[_Note]:
    for place, trigger, flow in view.triggers:
        kinds = {kind for node in flow.nodes if (kind := node.starts)}
        # A webhook beside another trigger is there to run the workflow by hand.
        kinds = kinds - {"http"} or kinds
        if trigger.type != "data_ingestion" and trigger.type not in kinds:
            found = " and ".join(sorted(kinds)) or "nothing"
            yield view.note(f'{place}.type: "{trigger.type}", but {flow.path} is started by {found}.')


def _webhook_paths_agree(view: _View) -> Iterator[_Note]:
    for place, trigger, flow in view.triggers:
        if isinstance(trigger, HttpTrigger):
            member, url = "url", trigger.url
        elif isinstance(trigger, ScheduleTrigger):
            member, url = "manualTriggerUrl", trigger.manual_trigger_url
        else:
            continue
        paths = [str(node.parameters.get("path", "")) for node in flow.nodes if node.type == WEBHOOK]
        if not url.startswith(ENGINE_WEBHOOKS):
            yield view.note(f"{place}.{member} has to begin with {ENGINE_WEBHOOKS}.")
        elif (path := url.removeprefix(ENGINE_WEBHOOKS)) not in paths:
            found = " and ".join(paths) or "no webhook node"
            yield view.note(f"{place}.{member} ends in {path}, but {flow.path} has {found}.")


def _subworkflows_exist(view: _View) -> Iterator[_Note]:
    known = {flow.template_id for flow in view.flows}
    for flow in view.flows:
        for called in dict.fromkeys(re.findall(r"\{\{SUBWKFL_([A-Za-z0-9_-]+)_LFKWBUS\}\}", flow.text)):
            if called not in known:
                node = flow.node_with(f"SUBWKFL_{called}_LFKWBUS")
                yield flow.note(f'Calls "{called}", which is no workflow of this use case.', node)


def _skill_is_there(view: _View) -> Iterator[_Note]:
    present = {skill.relative_path for skill in view.skills}
    for folder in view.use_case._skill_folders:
        if _skill_file(folder) not in present:
            yield _Note("A folder in skills/ has a SKILL.md.", f"skills/{folder}")


def _front_matters(view: _View) -> Iterator[tuple[Skill, dict[str, str]]]:
    """The skills that have a front matter, with it."""
    for skill in view.skills:
        matter = _front_matter(skill.content_markdown)
        if any(matter.get(key) for key in ("name", "description", "workflowTemplateId")):
            yield skill, matter


def _skill_has_front_matter(view: _View) -> Iterator[_Note]:
    with_matter = {skill.relative_path for skill, _ in _front_matters(view)}
    for skill in view.skills:
        if skill.relative_path not in with_matter:
            yield _Note(
                "Begin the file with ---, name, description, workflowTemplateId, ---.", skill.relative_path
            )


def _skill_name_is_valid(view: _View) -> Iterator[_Note]:
    for skill, matter in _front_matters(view):
        name = matter.get("name", "")
        if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
            yield _Note(
                f'name: "{name}" is not 1 to 64 small letters, digits and hyphens.', skill.relative_path
            )
        for word in ("anthropic", "claude"):
            if word in name:
                yield _Note(f'name: "{word}" is reserved.', skill.relative_path)


def _skills_are_distinct(view: _View) -> Iterator[_Note]:
    seen: set[tuple[str, str]] = set()
    for skill, matter in _front_matters(view):
        for key in ("name", "workflowTemplateId"):
            value = matter.get(key, "")
            if value and (key, value) in seen:
                yield _Note(f'{key}: "{value}" is that of an earlier skill as well.', skill.relative_path)
            seen.add((key, value))


def _skill_refers_to_workflow(view: _View) -> Iterator[_Note]:
    known = {flow.template_id for flow in view.flows}
    for skill, matter in _front_matters(view):
        called = matter.get("workflowTemplateId", "")
        if called not in known:
            yield _Note(
                f'workflowTemplateId: "{called}" is no workflow of this use case.', skill.relative_path
            )


def _skill_is_described(view: _View) -> Iterator[_Note]:
    for skill, matter in _front_matters(view):
        description = matter.get("description", "")
        if not description:
            yield _Note("description: say what the skill does.", skill.relative_path, severity="should")
        elif len(description) > 1024:
            yield _Note(f"description: {len(description)} of at most 1024 characters.", skill.relative_path)


_RULES: tuple[tuple[str, Literal["must", "should", "nit"], Callable[[_View], Iterator[_Note]]], ...] = (
    ("JSON-001", "must", _is_workflow),
    ("CODIKA-INIT", "must", _begins_with_init),
    ("CODIKA-SUBMIT", "must", _ends_with_result),
    ("MERGE-BEFORE-TERMINAL", "must", _merges_before_end),
    ("SCHEDULE-WEBHOOK-CONVERGENCE", "must", _schedule_joins_webhook),
    ("SUBWKFL-MIN-PARAMS", "must", _subworkflow_takes_input),
    ("WEBHOOK-AUTH", "must", _webhook_is_locked),
    ("WEBHOOK-ID", "must", _webhook_has_id),
    ("WORKFLOW-SETTINGS", "must", _settings_are_set),
    ("WORKFLOW-SANITIZATION", "must", _is_sanitized),
    ("PLACEHOLDER-SYNTAX", "must", _placeholders_close),
    ("INSTPARM-QUOTE", "must", _parameters_are_bare),
    ("CONFIGURATION", "must", _configuration_is_valid),
    ("CONFIG-WORKFLOWS", "must", _workflows_have_files),
    ("TRIGGERS-REQUIRED", "must", _has_triggers),
    ("TRIGGER-TYPES", "must", _trigger_types_are_known),
    ("SCHEDULE-TRIGGER-FIELDS", "must", _schedule_is_complete),
    ("TRIGGER-TYPE-CONSISTENCY", "must", _trigger_fits_nodes),
    ("WEBHOOK-PATH-CONSISTENCY", "must", _webhook_paths_agree),
    ("SCHEMA-TYPES", "must", _schema_types_are_known),
    ("SUBWKFL-REFERENCES", "must", _subworkflows_exist),
    ("SKILL-STRUCTURE", "must", _skill_is_there),
    ("SKILL-FRONTMATTER", "must", _skill_has_front_matter),
    ("SKILL-NAME-FORMAT", "must", _skill_name_is_valid),
    ("SKILL-DUPLICATE", "must", _skills_are_distinct),
    ("SKILL-WORKFLOW-REF", "must", _skill_refers_to_workflow),
    ("SKILL-DESCRIPTION", "must", _skill_is_described),
)
