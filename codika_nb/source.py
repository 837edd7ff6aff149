"""The files of a use case: read with the place of every mistake, written whole or not at all.

A configuration is JSON (``config.json``), Python (``config.py``, run here) or the platform's own
TypeScript (``config.ts``, run by Node in a process of its own).
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, ValidationError

from . import files
from .configuration import Configuration, Skill, Workflow
from .errors import UseCaseError

CONFIGURATION_FILES = ("config.json", "config.py", "config.ts")


@dataclass
class Source:
    """What a use case consists of, whether it was read from a folder or made in Python.

    Attributes:
        config: what complaints call the configuration.
        files: by path inside the folder, in the order in which the platform gets them: configuration,
            workflows, skills.
        skill_folders: the folders in ``skills``, with a ``SKILL.md`` or without.
        listed: what a ``config.ts`` exports as ``WORKFLOW_FILES``; None where nothing lists them.
        skills: the skills, in the order of their folders.
    """

    config: str
    files: dict[str, bytes]
    skill_folders: tuple[str, ...] = ()
    listed: tuple[str, ...] | None = None
    skills: list[Skill] = field(init=False)

    def __post_init__(self) -> None:
        self.skills = [
            _skill(folder, _text(self.files[name], name))
            for folder in self.skill_folders
            if (name := skill_file(folder)) in self.files
        ]

    @property
    def workflow_files(self) -> list[str]:
        """The paths of the workflows."""
        return [name for name in self.files if name.startswith("workflows/")]

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
            content = base64.b64decode(workflow.n8n_workflow_json_base64, validate=True)
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
        if self.listed is None:
            for name in self.workflow_files:
                if Path(name).stem not in ids:
                    raise UseCaseError(
                        f"{name} is no workflow of {self.config}.",
                        next_action=f'Add one with workflowTemplateId "{Path(name).stem}", or move it away.',
                    )


def workflow_file(template_id: str) -> str:
    return f"workflows/{template_id}.json"


def skill_file(folder: str) -> str:
    return f"skills/{folder}/SKILL.md"


# --- a use case from its folder --------------------------------------------------------------------


def read_source(folder: Path) -> tuple[Configuration, Source]:
    """Read the use case in a folder.

    Raises:
        UseCaseError: something is missing or wrong; names the file and the place in it.
    """
    config = _config_name(folder)
    files = {config: _read(folder / config)}
    listed = None
    given: object
    if config == "config.py":
        given = _run_python(folder / config, _text(files[config], config))
    elif config == "config.ts":
        given, listed = _run_typescript(folder / config)
    else:
        given = _json_object(_text(files[config], config).removeprefix("\ufeff"), config)
    configuration = given if isinstance(given, Configuration) else validated(given, config)
    for name in _workflow_files(folder):
        files[name] = _read(folder / name)
        check_workflow(files[name], name)
    skill_folders = _subfolders(folder / "skills")
    for name in map(skill_file, skill_folders):
        if (folder / name).is_file():
            files[name] = _read(folder / name)
    source = Source(config, files, skill_folders, listed)
    source.pair(configuration)
    return configuration, source


def _config_name(folder: Path) -> str:
    found = [name for name in CONFIGURATION_FILES if (folder / name).is_file()]
    if len(found) > 1 and found[-1] == "config.ts":
        found.pop()  # whoever writes another beside it does so where there is no Node
    if len(found) == 1:
        return found[0]
    if found:
        raise UseCaseError(f"{folder} has both a {' and a '.join(found)}.", next_action="Keep one of them.")
    raise UseCaseError(
        f"{folder} has no config.json, no config.py and no config.ts.",
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


def _subfolders(folder: Path) -> tuple[str, ...]:
    # Jupyter leaves .ipynb_checkpoints everywhere; hidden folders are nobody's skills.
    if not folder.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."))


# --- a use case made in Python ---------------------------------------------------------------------


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
    files = {"config.json": configuration_file(configuration)}
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
        content = given.encode() if isinstance(given, str) else json_file(given, member)
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
        files[skill_file(skill.name)] = _skill_page(skill).encode()
    source = Source("configuration", files, tuple(folders))
    source.pair(configuration)
    return source


def configuration_file(configuration: Configuration) -> bytes:
    """A ``config.json``; the workflows are files of their own beside it."""
    content = configuration.to_json()
    for workflow in content["workflows"]:
        workflow.pop("n8nWorkflowJsonBase64", None)
    return json_file(content, "configuration")


def json_file(value: Any, name: str, *, end: str = "\n") -> bytes:
    """A value as the content of a JSON file, laid out as the codika tool does it."""
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + end).encode()
    except (TypeError, ValueError, RecursionError) as error:
        place = ""
        with suppress(RecursionError):  # what contains itself is nowhere in particular
            place = _no_json(value)
        raise UseCaseError(f"{name}{place}: not JSON ({error}).") from error


def _no_json(value: Any) -> str:
    """Where in a value the first thing is that JSON has no form for."""
    parts: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        parts = ((f".{name}", part) for name, part in value.items())
    elif isinstance(value, list | tuple):
        parts = ((f"[{n}]", part) for n, part in enumerate(value))
    return next((place + _no_json(part) for place, part in parts if not _is_json(part)), "")


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        return False
    return True


# --- reading ---------------------------------------------------------------------------------------


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


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _json_object(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise UseCaseError(
            f"{name}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}).",
            next_action="Correct it; nothing was changed.",
        ) from error
    except ValueError as error:
        raise UseCaseError(f"{name}: {error}.", next_action="Write null instead.") from error
    except RecursionError as error:
        raise UseCaseError(f"{name}: nested too deeply.") from error
    if not isinstance(value, dict):
        raise UseCaseError(f"{name}: an object in braces is expected, not {_kind(value)}.")
    return value


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number or truth value")


def read_object(file: Path) -> dict[str, Any] | None:
    """The JSON object in one of the folder's own files, or None when there is no such file."""
    if not file.exists():
        return None
    # A byte order mark is what some editors on Windows begin a file with.
    return _json_object(_text(_read(file), file.name).removeprefix("\ufeff"), file.name)


class _AnyObject(BaseModel):
    model_config = ConfigDict(extra="ignore")


def check_workflow(content: bytes, name: str) -> None:
    """Refuse what is no JSON object, as `parse_workflow` does; as a rule without making Python objects of it.

    A use case may have a hundred megabytes of workflows, and sending them takes no look inside.

    Raises:
        UseCaseError: names the place.
    """
    # The quick parser reads NaN and Infinity, too. What it does not take is left to the other one to judge.
    if b"NaN" not in content and b"Infinity" not in content:
        with suppress(ValidationError):
            _AnyObject.model_validate_json(content)
            return
    parse_workflow(content, name)


_BARE_PARAMETER = re.compile(r'"(?:[^"\\]|\\.)*"|\{\{(INSTPARM_[A-Z0-9_]+_MRAPTSNI)\}\}', re.DOTALL)


def parse_workflow(content: bytes, name: str) -> dict[str, Any]:
    """A workflow file, parsed; deployment parameters may stand in it as values, without quotes.

    Raises:
        UseCaseError: it is no JSON object; names the place.
    """
    text = _text(content, name)
    if "{{INSTPARM_" in text:
        # Replaced by a string of the same length, so that a complaint still names the right column.
        text = _BARE_PARAMETER.sub(lambda m: f'"{{{m[1]}}}"' if m[1] else m[0], text)
    return _json_object(text, name)


# --- writing ---------------------------------------------------------------------------------------


def check_path_segment(text: str, what: str) -> None:
    """Refuse a name from elsewhere that could lead out of the folder."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", text):
        raise UseCaseError(f'"{text}" cannot be a {what}.')


def write(file: Path, content: bytes) -> None:
    """Replace a file as a whole: whoever reads it, even after a crash, sees the old one or the new one.

    Raises:
        UseCaseError: it cannot be written; the old one is still there.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A new file is as open to others as its folder is.
        mode = (file if file.exists() else file.parent).stat().st_mode & 0o666
        with files.temporary(file, lambda: content) as temporary:
            temporary.chmod(mode)
            files.replace(temporary, file)
        files.sync(file.parent)
    except OSError as error:
        raise UseCaseError(
            f"{file} cannot be written: {error.strerror}.", next_action="Make room or give write access."
        ) from error


# --- config.py -------------------------------------------------------------------------------------


def _run_python(file: Path, source: str) -> object:
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
        raise _python_error(file, error) from error
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


def _python_error(file: Path, error: BaseException) -> UseCaseError:
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
        message = problems(place, error, None)
    else:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        message = f"{place}: {type(error).__name__}: {' '.join(text.split())}"
    return UseCaseError(message, next_action=f"Correct {name} and load it again.")


# --- config.ts -------------------------------------------------------------------------------------

# Seconds; loading a configuration takes a fraction of one.
_TYPESCRIPT_PATIENCE = 20.0
_OLDEST_NODE = (22, 6)
_STRIPS_TYPES_UNASKED = (23, 6)

# What Node gets of the environment: enough to run, and none of the keys that may be in it.
_HARMLESS_VARIABLES = ("PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "TZ")

# The answer goes into a file of its own: what a configuration prints is its own affair.
_ASK_FOR_CONFIGURATION = """
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [file, answer] = process.argv.slice(1);
const found = {};
try {
  const { WORKFLOW_FILES, getConfiguration } = await import(pathToFileURL(file));
  found.workflowFiles = WORKFLOW_FILES;
  found.callable = typeof getConfiguration === 'function';
  if (found.callable) {
    const configuration = getConfiguration();
    found.promise = typeof configuration?.then === 'function';
    found.configuration = configuration;
  }
  writeFileSync(answer, JSON.stringify(found));
} catch (error) {
  const { name = 'Error', code, message = String(error), stack = '' } = error ?? {};
  writeFileSync(answer, JSON.stringify({ error: { name, code, message, stack } }));
}
process.exit();
"""


def _run_typescript(file: Path) -> tuple[object, tuple[str, ...]]:
    """What a ``config.ts`` gives as its configuration, and the workflow files that it lists."""
    node = _node()
    with tempfile.TemporaryDirectory(prefix="codika-config-") as scratch:
        answer = Path(scratch, "answer.json")
        options = ["--no-warnings", "--input-type=module", f"--eval={_ASK_FOR_CONFIGURATION}"]
        try:
            finished = _quietly([*node, *options, "--", str(file), str(answer)], file.parent)
        except subprocess.TimeoutExpired as late:
            raise UseCaseError(
                f"config.ts has not given its configuration after {_TYPESCRIPT_PATIENCE:.0f} seconds.",
                next_action="See what it waits for: getConfiguration() should only put values together.",
            ) from late
        if not answer.is_file():
            raise UseCaseError(
                f"config.ts ended Node (exit code {finished.returncode}) without giving its configuration.",
                next_action="Leave process.exit out of it.",
            )
        found = json.loads(answer.read_bytes())
    if error := found.get("error"):
        raise _typescript_error(file, error)
    if not found["callable"]:
        raise UseCaseError(
            "config.ts does not export a function getConfiguration.",
            next_action="Add: export function getConfiguration() { return { … }; }",
        )
    if found["promise"]:
        raise UseCaseError(
            "config.ts: getConfiguration() gives a promise; the platform expects the configuration itself.",
            next_action="Make it a function that is not async.",
        )
    listed = found.get("workflowFiles")
    return found.get("configuration"), tuple(
        Path(os.path.relpath(path, file.parent)).as_posix() for path in _texts(listed)
    )


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _node() -> list[str]:
    """The command that runs TypeScript on this machine."""
    node = shutil.which("node")
    version = ""
    if node:
        with suppress(OSError, subprocess.SubprocessError):
            asked = subprocess.run(  # noqa: S603 - the person's own Node
                [node, "--version"], env=_harmless(), capture_output=True, text=True, timeout=10, check=True
            )
            version = asked.stdout.strip()
        numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
        if numbers >= _STRIPS_TYPES_UNASKED:
            return [node]
        if numbers >= _OLDEST_NODE:
            return [node, "--experimental-strip-types"]
    has = f"this machine has {version}" if version else "this machine has none"
    oldest = ".".join(map(str, _OLDEST_NODE))
    raise UseCaseError(
        f"config.ts is TypeScript, which Node {oldest} or later can read; {has}.",
        next_action="Install Node (https://nodejs.org), or write the configuration as config.json or .py.",
    )


def _harmless() -> dict[str, str]:
    return {name: os.environ[name] for name in _HARMLESS_VARIABLES if name in os.environ}


def _quietly(command: list[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - the person's own file
        command,
        cwd=folder,
        env=_harmless(),
        # No pipes: whatever it starts itself could hold them open beyond the time limit.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_TYPESCRIPT_PATIENCE,
        check=False,
    )


def _typescript_error(file: Path, error: Mapping[str, Any]) -> UseCaseError:
    place = file.name
    for path, line in re.findall(r"(?:file://)?(/[^\n()]+?|[A-Za-z]:[^\n()]+?):(\d+)\b", str(error["stack"])):
        where = Path(unquote(path))
        if where.is_relative_to(file.parent) and "node_modules" not in where.parts:
            place = f"{where.relative_to(file.parent)}, line {line}"
            break
    message = " ".join(str(error["message"]).split())
    missing = error.get("code") == "ERR_MODULE_NOT_FOUND" and "package" in message
    return UseCaseError(
        f"{place}: {error['name']}: {message}",
        next_action=f"Run npm install in {file.parent}, or where its package.json is."
        if missing
        else f"Correct {place.partition(',')[0]} and load it again.",
    )


# --- complaints about a configuration --------------------------------------------------------------


def validated(given: object, name: str) -> Configuration:
    """A configuration, checked.

    Raises:
        UseCaseError: names the members that are wrong, as the person's file has them.
    """
    try:
        return Configuration.model_validate(given)
    except ValidationError as error:
        again = f"Correct {name} and load it again." if "." in name else f"Correct the {name}."
        raise UseCaseError(problems(name, error, given), next_action=again) from error


def problems(place: str, error: ValidationError, given: object, most: int = 5) -> str:
    """What pydantic has to say, in one line, with each member named as in the person's file."""
    found = [f"{location(e['loc'], given)}: {complaint(e)}" for e in error.errors(include_url=False)]
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return f"{place}: {'; '.join(found[:most])}{more}"


def location(place: tuple[int | str, ...], given: object) -> str:
    """``workflows[0].triggers[0].url``: as pydantic says it, but for the kinds it passes through."""
    text = ""
    for part in place:
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


def complaint(error: Mapping[str, Any]) -> str:
    """What is wrong, in pydantic's words where they help."""
    context = error.get("ctx", {})
    if error["type"] == "union_tag_invalid":
        return f'type "{context["tag"]}" is none of {context["expected_tags"]}'.replace("'", "")
    if error["type"] == "union_tag_not_found":
        return "type: Field required"
    return str(error["msg"]).removeprefix("Value error, ")


# --- skills ----------------------------------------------------------------------------------------


def front_matter(text: str) -> dict[str, str]:
    """The lines between the first two ``---``, cut at the colon; nothing of YAML beyond that."""
    block = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    pairs = (line.partition(":") for line in (block[1].split("\n") if block else []))
    return {key.strip(): value.strip() for key, colon, value in pairs if key and colon}


def _skill(folder: str, text: str) -> Skill:
    matter = front_matter(text)
    return Skill(
        name=matter.get("name") or folder,
        description=matter.get("description", ""),
        workflow_template_id=matter.get("workflowTemplateId") or folder,
        content_markdown=text,
        relative_path=skill_file(folder),
    )


def _skill_page(skill: Skill) -> str:
    if front_matter(skill.content_markdown):
        return skill.content_markdown
    lines = [
        f"name: {skill.name}",
        f"description: {' '.join(skill.description.split())}",
        f"workflowTemplateId: {skill.workflow_template_id}",
    ]
    return "\n".join(["---", *lines, "---", "", skill.content_markdown])
