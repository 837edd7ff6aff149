"""Which Python function answers which workflow."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..errors import ConfigError
from ..loops import in_worker

__all__ = ["Function", "StandIn", "StandIns", "stand_in", "told"]

#: What happens to files that somebody writes while the sandbox runs.
changes = logging.getLogger("codika_nb.sandbox.stand_ins")

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "__codika_stand_in__"
#: What the file is called that `UseCase.init` writes beside a use case.
_NAME = "stand_ins.py"
#: Seconds that a run waits for a file that was written before it, and may take long to import.
_PATIENCE = 10.0


@dataclass(frozen=True)
class StandIn:
    """A Python function that answers a workflow in the engine's place."""

    function: Callable[..., Any]
    time_limit: float = 60.0

    @property
    def name(self) -> str:
        """The function's name, which stands for the node's."""
        return str(getattr(self.function, "__name__", "stand-in"))


def stand_in(workflow_id: str, *, time_limit: float = 60.0) -> Callable[[Function], Function]:
    """Mark a function in a file as the stand-in for a workflow; see `Sandbox.load_stand_ins`."""
    require_name(workflow_id)

    def mark(function: Function) -> Function:
        setattr(function, _MARK, (workflow_id, time_limit))
        return function

    return mark


def require_name(workflow_id: object) -> None:
    """Refuse a decorator without the workflow's name, which is given the function in its place."""
    if callable(workflow_id):
        name = getattr(workflow_id, "__name__", "greet")
        raise ConfigError(
            "A stand-in names the workflow that it answers.",
            next_action=f'Write the name in parentheses, as in ("{name}").',
        )


def _is_marked(value: object) -> bool:
    try:
        return hasattr(value, _MARK)
    except Exception:  # what stands for something that is not there now
        return False


class _Loaded(NamedTuple):
    state: tuple[int, int] | None
    by_workflow: dict[str, StandIn]
    #: Why it does not import, since it was written last.
    problem: str = ""


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


_file_numbers = itertools.count()


def _in_folder(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*/{_NAME}"))


class StandIns:
    """Which Python function answers which workflow."""

    def __init__(self) -> None:
        self.by_workflow: dict[str, StandIn] = {}
        self._files: dict[Path, _Loaded] = {}
        self._folders: list[Path] = []
        self._loading = threading.Lock()

    def answering(self, workflow_id: str, instance_id: str) -> StandIn | None:
        """Who answers a workflow of an instance.

        A function of a file beside the use case that was deployed there comes first; where files beside use
        cases are taken by themselves, no other file's function answers in its place.
        """
        latest = self.by_workflow.get(workflow_id)
        from_files = [each for loaded in self._files.values() for each in loaded.by_workflow.values()]
        if latest and not any(each is latest for each in from_files):
            return latest
        folder = self._folder_of(instance_id)
        if folder is None:
            return latest
        if problem := self._problem_in(folder):
            return StandIn(_raising(problem))
        found = (loaded.by_workflow.get(workflow_id) for loaded in self._beside(folder))
        return next(filter(None, found), None if folder.parent in self._folders else latest)

    def file_of(self, function: StandIn) -> str:
        """The file that it comes from, and its folder; empty if it was registered by itself."""
        found = (path for path, loaded in self._files.items() if function in loaded.by_workflow.values())
        return next((f"{path.parent.name}/{path.name}" for path in found), "")

    def problem_of(self, instance_id: str) -> str:
        """Why what is beside the use case of an instance does not answer, if it is so."""
        folder = self._folder_of(instance_id)
        return self._problem_in(folder) if folder else ""

    def _problem_in(self, folder: Path) -> str:
        return next((loaded.problem for loaded in self._beside(folder) if loaded.problem), "")

    def _beside(self, folder: Path) -> list[_Loaded]:
        return [loaded for path, loaded in self._files.items() if path.parent == folder]

    def _folder_of(self, instance_id: str) -> Path | None:
        """The use case that was deployed as this instance, where that is known."""
        within = (file.parent for each in self._folders for file in sorted(each.glob("*/project.json")))
        for folder in dict.fromkeys([*(path.parent for path in self._files), *within]):
            with contextlib.suppress(OSError, ValueError):
                if instance_id in (folder / "project.json").read_text(encoding="utf-8"):
                    return folder
        return None

    def how_to_answer(self, workflow_id: str) -> str:
        """What somebody has to do for a Python function to answer a workflow."""
        if self._folders:
            return (
                "To have it answered, write stand_ins.py in the use case's folder, with a function below "
                f'@stand_in("{workflow_id}") from codika_nb.sandbox. The next run uses it, where that folder '
                f"is in {' or '.join(map(str, self._folders))}."
            )
        return f'With --stand-ins FILE, or @sandbox.workflow("{workflow_id}"), a Python function answers.'

    def register(self, workflow_id: str, function: Callable[..., Any], time_limit: float) -> None:
        """Let `function` answer a workflow from now on."""
        if not callable(function):
            raise ConfigError(f"The stand-in for {workflow_id!r} must be a function.")
        if not isinstance(workflow_id, str):
            raise ConfigError(f"A stand-in names its workflow by a text, not by {workflow_id!r}.")
        if not isinstance(time_limit, Real) or not time_limit > 0:
            raise ConfigError(f"The time limit of the stand-in for {workflow_id!r} must be positive.")
        self.by_workflow[workflow_id] = StandIn(function, time_limit)

    def load(self, path: Path) -> list[str]:
        """Register every marked function of a Python file; returns the workflows they answer.

        Of the folder of a use case its `_NAME` is; of another folder each in its folders is taken, those that
        are written later as well.
        """
        if (path / _NAME).is_file():  # the folder of one use case
            return self.load(path / _NAME)
        if path.is_dir():
            self._folders.append(path.resolve())
            return [name for file in _in_folder(path) for name in self.load(file)]
        if not path.is_file():
            raise ConfigError(f"There is no stand-in file {path}.")
        state = _state(path)
        name = f"codika_stand_ins_{path.stem}_{next(_file_numbers)}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ConfigError(f"{path} is not a Python file.", next_action="Its name must end in .py.")
        module = importlib.util.module_from_spec(spec)
        # Dataclasses and pickling look their module up by name.
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise ConfigError(
                f"The stand-in file {path} does not import: {told(error)}",
                next_action="Correct the file, then start the sandbox again.",
            ) from error
        marked = [value for value in vars(module).values() if _is_marked(value)]
        if not marked:
            raise ConfigError(
                f"{path} marks no stand-in.",
                next_action='Put @stand_in("<workflow>") from codika_nb.sandbox before a function.',
            )
        for function in marked:
            workflow_id, time_limit = getattr(function, _MARK)
            self.register(workflow_id, function, time_limit)
        answered = [getattr(function, _MARK)[0] for function in marked]
        self._files[path.resolve()] = _Loaded(state, {name: self.by_workflow[name] for name in answered})
        return answered

    async def catch_up(self) -> None:
        """Load files that were written until now; one that takes too long is not waited for."""
        if self._written():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(in_worker(self._load_what_was_written), _PATIENCE)

    def _written(self) -> list[tuple[Path, tuple[int, int]]]:
        """The files that are not loaded as they are now, and how they are."""
        known = [file.resolve() for folder in self._folders for file in _in_folder(folder)]
        looked_at = ((path, _state(path)) for path in dict.fromkeys([*self._files, *known]))
        nothing = _Loaded(None, {})
        return [
            (path, state)
            for path, state in looked_at
            if state is not None and state != self._files.get(path, nothing).state
        ]

    def _load_what_was_written(self) -> None:
        if not self._loading.acquire(timeout=_PATIENCE):
            return
        try:
            for path, state in self._written():
                self._load_anew(path, state)
        finally:
            self._loading.release()

    def _load_anew(self, path: Path, state: tuple[int, int]) -> None:
        """Load a file that was written.

        One that does not import answers its use case with the reason; elsewhere its functions before go on.
        """
        loaded = self._files.get(path, _Loaded(None, {}))
        problem, answered = "", []
        try:
            answered = self.load(path)
        except ConfigError as error:
            problem = error.message
        except KeyboardInterrupt:  # of the file's own making, as this is no main thread
            problem = f"The stand-in file {path} interrupts."
        if problem:
            self._files[path] = loaded._replace(state=state, problem=problem)
            beside = (path.parent / "project.json").exists()
            then = "The use case beside it does not run now." if beside else "The functions before go on."
            changes.warning("%s. %s", problem.rstrip("."), then)
            return
        for gone in set(loaded.by_workflow) - set(answered):
            if self.by_workflow.get(gone) is loaded.by_workflow[gone]:
                del self.by_workflow[gone]
        changes.info("%s is new or has changed; it answers %s", path, ", ".join(answered))


def _raising(problem: str) -> Callable[[object], None]:
    def stand_ins(_payload: object) -> None:
        raise ConfigError(problem)

    return stand_ins


def told(error: BaseException) -> str:
    """An exception by its name and, if it has any, its words."""
    words = ""
    with contextlib.suppress(Exception):
        words = str(error)
    return f"{type(error).__name__}: {words}".removesuffix(": ")
