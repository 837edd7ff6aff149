"""``config.ts``, the platform's own: read by Node, and written beside a ``config.json``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from urllib.request import url2pathname

from ..errors import UseCaseError
from .config_py import withheld

# Seconds; loading a configuration takes a fraction of one.
_TYPESCRIPT_PATIENCE = 20.0

_OLDEST_NODE = (22, 6)

_STRIPS_TYPES_UNASKED = (23, 6)


@cache
def _program(name: str) -> str:
    """A program from ``node``.

    ``configuration.mjs`` asks for the configuration, and puts the answer into a file of its own: what a
    configuration prints is its own affair. ``hooks.mjs`` takes down what is imported. ``helpers.mjs`` has
    what the codika package has for configurations, for folders in which it is not installed. ``view.ts``
    shows a ``config.json``.
    """
    return resources.files(__package__).joinpath("node", name).read_text(encoding="utf-8")


def run_typescript(
    file: Path, wanted: str = "getConfiguration"
) -> tuple[object, tuple[str, ...] | None, tuple[str, ...]]:
    """What a ``config.ts`` gives: its configuration, the workflow files that it lists, what it reads.

    Args:
        file: where it is.
        wanted: the function that gives the configuration.

    Returns:
        The second is None where it lists none; all paths are those inside the folder.
    """
    node = _node()
    with tempfile.TemporaryDirectory(prefix="codika-config-") as scratch:
        answer, log = Path(scratch, "answer.json"), Path(scratch, "imported.txt")
        log.touch()
        options = ["--no-warnings", "--input-type=module", f"--eval={_program('configuration.mjs')}"]
        try:
            arguments = [str(file), wanted, str(answer), str(log), _hooks(), *withheld()]
            finished = _quietly([*node, *options, "--", *arguments], file.parent)
        except subprocess.TimeoutExpired as late:
            raise UseCaseError(
                f"config.ts has not given its configuration after {_TYPESCRIPT_PATIENCE:.0f} seconds.",
                next_action=f"See what it waits for: {wanted}() should only put values together.",
            ) from late
        if not answer.is_file():
            raise UseCaseError(
                f"config.ts ended Node (exit code {finished.returncode}) without giving its configuration.",
                next_action="Leave process.exit out of it.",
            )
        found = json.loads(answer.read_bytes())
        imported = log.read_text(encoding="utf-8").splitlines()
    if error := found.get("error"):
        raise _typescript_error(file.parent.resolve() / file.name, error)
    if not found["callable"]:
        raise UseCaseError(
            f"config.ts does not export a function {wanted}.",
            next_action=f"Add: export function {wanted}() {{ return {{ … }}; }}",
        )
    if found["promise"]:
        raise UseCaseError(
            f"config.ts: {wanted}() gives a promise; the platform expects the configuration itself.",
            next_action="Make it a function that is not async.",
        )
    listed = found.get("workflowFiles")
    # A path that is not absolute is one in the folder, wherever the kernel is. Node knows no links to it.
    folder = file.parent.resolve()
    texts = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    files = None if listed is None else _inside(folder, texts)
    used = [url2pathname(url.removeprefix("file://")) for url in imported]
    read = [str((folder / path).resolve()) for path in (*used, *found["read"])]
    return found.get("configuration"), files, _inside(folder, read)


def view_of_json(workflow_files: Iterable[str]) -> bytes:
    """A ``config.ts`` that has nothing of its own: it shows the ``config.json`` beside it.

    The codika tool reads no other configuration, and checks the list of workflows in the text of this one.

    Args:
        workflow_files: the paths of the workflows, inside the folder.
    """
    listed = "".join(f"  join(folder, {json.dumps(name)}),\n" for name in sorted(workflow_files))
    return _program("view.ts").replace("FILES]", f"{listed}]").encode()


def is_view(content: bytes) -> bool:
    """Whether a ``config.ts`` is such a one, of whatever workflows."""
    return content.split(b"\n", 1)[0].strip() == _program("view.ts").split("\n", 1)[0].encode()


def _inside(folder: Path, paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(Path(os.path.relpath(folder / path, folder)).as_posix() for path in paths)


def _hooks() -> str:
    helpers = f"data:text/javascript,{quote(_program('helpers.mjs'))}"
    return f"data:text/javascript,{quote(_program('hooks.mjs').replace('HELPERS', helpers))}"


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
    """The person's environment, but for secrets and what changes Node itself."""
    hidden = set(withheld())
    return {n: value for n, value in os.environ.items() if n not in hidden and not n.startswith("NODE_")}


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
        ours = where.name.startswith("[eval")
        if where.is_relative_to(file.parent) and not ours and "node_modules" not in where.parts:
            place = f"{where.relative_to(file.parent)}, line {line}"
            break
    message = " ".join(str(error["message"]).split())
    # Of the codika package, only what puts a configuration together is here without it.
    missing = (error.get("code") == "ERR_MODULE_NOT_FOUND" and "package" in message) or (
        "module 'codika' does not provide" in message
    )
    return UseCaseError(
        f"{place}: {error['name']}: {message}",
        next_action=f"Run npm install in {file.parent}, or where its package.json is."
        if missing
        else f"Correct {place.partition(',')[0]}, and try again.",
    )
