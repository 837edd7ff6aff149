"""``config.py``: a configuration that is run."""

from __future__ import annotations

import builtins
import importlib
import io
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from ..errors import UseCaseError
from ..redaction import secrets_in
from .complaints import problems

#: What variables are called that hold what nobody else may know.
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)


def run_python(
    file: Path, source: str, wanted: tuple[str, str] = ("get_configuration", "configuration")
) -> tuple[object, tuple[str, ...]]:
    """What a ``config.py`` defines, run as if by ``import config`` in its folder, without a trace.

    Args:
        file: where it is.
        source: what it says.
        wanted: the function that gives the configuration, and the variable that has it where there is none.

    Returns:
        The configuration, and the files of the folder that were imported or read for it.

    It may have come with somebody's folder, and so does not find the keys that are in the environment.
    """
    with _turn:
        return _run(file, source, wanted)


#: The environment, the path and `open` are the whole process's: one program at a time has them as it needs.
_turn = threading.RLock()


def _run(file: Path, source: str, wanted: tuple[str, str]) -> tuple[object, tuple[str, ...]]:
    # The names that an import finds in the folder, set free while it runs: another use case's `forms`
    # must not be taken for this one's, nor this one's be left for the next.
    own = {entry.stem for entry in file.parent.iterdir() if entry.suffix == ".py" or entry.is_dir()}
    own -= {__name__.partition(".")[0]}
    displaced = _take_modules(own)
    path, writes_bytecode = list(sys.path), sys.dont_write_bytecode
    module = ModuleType(file.stem)
    module.__file__ = str(file)
    used: list[Path] = []
    found: list[object] = []
    try:
        sys.path.insert(0, str(file.parent))
        sys.dont_write_bytecode = True
        sys.modules[module.__name__] = module
        importlib.invalidate_caches()
        with _without_keys(), _noticing(used):
            exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102 - the person's own file
            if hasattr(module, wanted[0]):
                found.append(getattr(module, wanted[0])())
            elif hasattr(module, wanted[1]):
                found.append(getattr(module, wanted[1]))
    except (Exception, SystemExit) as error:
        raise _python_error(file, error) from error
    finally:
        sys.path[:], sys.dont_write_bytecode = path, writes_bytecode
        imported = _take_modules(own)
        sys.modules.update(displaced)
    if found:
        used += [Path(each.__file__) for each in imported.values() if each.__file__]
        folder = file.parent.resolve()
        places = [path.resolve() for path in used]
        return found[0], tuple(p.relative_to(folder).as_posix() for p in places if p.is_relative_to(folder))
    raise UseCaseError(
        f"{file.name} defines neither {wanted[1]} nor {wanted[0]}().",
        next_action="End it with: configuration = Configuration(…)."
        if wanted[1] == "configuration"
        else f"Add: {wanted[1]} = {{…}}.",
    )


def withheld() -> list[str]:
    """The variables of the environment that a configuration does not get to see: keys, and our own."""
    return [
        name
        for name, value in os.environ.items()
        if _SECRET.search(name) or name.startswith("CODIKA_") or secrets_in(value)
    ]


@contextmanager
def _without_keys() -> Iterator[None]:
    hidden = {name: os.environ.pop(name) for name in withheld()}
    try:
        yield
    finally:
        for name, value in hidden.items():
            os.environ.setdefault(name, value)


@contextmanager
def _noticing(used: list[Path]) -> Iterator[None]:
    """Take down the files that are opened to be read."""
    original = builtins.open

    def opened(file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if isinstance(file, str | os.PathLike) and "r" in mode:
            used.append(Path.cwd() / os.fsdecode(file))
        return original(file, mode, *arguments, **more)

    places: tuple[Any, ...] = (builtins, io)
    try:
        for place in places:
            place.open = opened
        yield
    finally:
        for place in places:
            place.open = original


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
    elif isinstance(error, KeyError) and error.args[:1] and error.args[0] in withheld():
        message = f"{place}: KeyError: reads {error.args[0]}, which is withheld from it: it may be a secret"
    else:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        message = f"{place}: {type(error).__name__}: {' '.join(text.split())}"
    return UseCaseError(message, next_action=f"Correct {name}, and try again.")
