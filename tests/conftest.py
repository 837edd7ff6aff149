"""What every test shares: settings of its own, and a sandbox to talk to."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Generator, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from codika_nb.cli.tutorials import NOT_YOURS
from codika_nb.client.deployed import forget
from codika_nb.profiles.credential import context
from codika_nb.sandbox import Sandbox

if TYPE_CHECKING:
    from .kernels import SharedKernel

ROOT = Path(__file__).resolve().parent.parent
GREETER = ROOT / "notebooks" / "use-cases" / "greeter"
FRONT_ENDS = ROOT / ".ci" / "front-ends.txt"
EMAIL = "ada@example.com"

# A busy machine draws examples slowly; that is no fault of what they are drawn for.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Whatever the machine's settings: what one of many processes has compiled, the others need not compile again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# --- how the tests are run -------------------------------------------------------------------------

#: The files that take longest, longest first, and whether their tests share nothing: such a test goes to
#: the process that is free.
LONGEST = {
    "test_lite": False,
    "test_browser": True,
    "test_notebooks": True,
    "test_playground_browser": True,
    "test_dashboards": True,
    "test_batch": True,
    "test_magics": False,
    "test_docs": False,
    "test_sandbox_tool": True,
    "test_benchmarks": True,
    "test_auth_commands": False,
    "test_import": False,
    "test_binder": True,
    "test_deploying": False,
    "test_one_answer": False,
    "test_profiles_tool": False,
    "test_examples": False,
    "test_usecase_typescript": False,
    "test_leaks": True,
}


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run several files side by side, unless the command line says how.

    It is said here and not in `addopts`, so that `-p no:xdist`, `-n 0`, `--pdb` and a single test work
    as they do anywhere.
    """
    if hasattr(config, "workerinput"):
        return  # this is one of those processes
    said = config.option
    files = {argument.partition("::")[0] for argument in config.args}
    several = len(files) > 1 or any(Path(config.invocation_params.dir, file).is_dir() for file in files)
    if not config.pluginmanager.hasplugin("xdist") or not several or said.usepdb or said.collectonly:
        return
    if said.numprocesses is None and said.dist == "no" and not said.tx:
        said.numprocesses = "auto"
        said.dist = "loadfile"
        said.loadscopereorder = False  # the order is that of `pytest_collection_modifyitems`


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Two for each core, as half of the time is spent waiting for kernels, browsers and clocks."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # somebody knows better, and the plugin reads it
    return min(2 * (os.cpu_count() or 1), 8)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Keep a file in one process, so that its tests may share what is costly, unless they share nothing."""
    if config.option.dist != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return nodeid if LONGEST.get(Path(file).stem) else file

    return Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what runs in kernels; side by side, begin with what takes longest, so that it is not the end."""
    for item in items:
        if {"shell", "terminal"}.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("kernel")
    if hasattr(config, "workerinput"):
        place = {name: n for n, name in enumerate(LONGEST)}
        items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Close what a test that failed has left open, so that no other test is blamed for it."""
    failed_before = item.session.testsfailed
    ran = yield
    if item.session.testsfailed > failed_before:
        for name in ("last_exc", "last_type", "last_value", "last_traceback"):
            if hasattr(sys, name):
                delattr(sys, name)  # they keep its frames alive, and with them files and processes
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            warnings.simplefilter("ignore")
            patch.setattr(sys, "unraisablehook", lambda lost: None)
            gc.collect()
    return ran


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs a browser or other front ends where there are none.

    Never silently in CI: there it fails, as to the front ends in the environment that is made for them.
    """
    if item.get_closest_marker("browser") and not os.environ.get("CI"):
        from .browser import CHROMIUM

        if CHROMIUM is None:
            pytest.skip("no Chromium here: apt-get install chromium")
    in_their_environment = os.environ.get("CI") and item.config.option.markexpr == "front_end"
    if item.get_closest_marker("front_end") and not in_their_environment:
        for needed in FRONT_ENDS.read_text().splitlines():
            name, _, version = needed.partition("==")
            if version and _installed(name) != version:
                pytest.skip(f"{needed} is not installed: pip install -r .ci/front-ends.txt")
        if shutil.which("npm") is None:
            pytest.skip("there is no npm here to get what front ends have from it")


def _installed(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Let SIGINT do what it does in a terminal: in this process, and in all that tests start from it.

    A program that is started in the background by a shell gets it ignored, and hands that on to kernels,
    terminals and command lines: whatever a test interrupts would go on for ever.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def own_ipython(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kernels remember what is typed in a folder that is not the user's, and that outlasts them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield


# --- what they share -------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder and an environment that are nobody else's."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("CODIKA_")] + ["PROCESS_INSTANCE_ID"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    context.reset()
    forget()
    return home


@pytest.fixture(scope="module")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedKernel]:
    """The kernel that those tests of a module share that neither look into it nor end it."""
    from .kernels import SharedKernel

    shared = SharedKernel(tmp_path_factory.mktemp("kernel"))
    yield shared
    shared.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh local platform, whose greeter is answered by its stand-in."""
    with Sandbox() as running:
        running.load_stand_ins(GREETER / "stand_ins.py")
        yield running


@pytest.fixture
def greeter(tmp_path: Path) -> Path:
    """A copy of the greeter that has never been deployed."""
    return copied("greeter", tmp_path)


def copied(name: str, folder: Path) -> Path:
    """Copy a use case of the tutorials into `folder`: a deployment writes beside what it deploys."""
    return Path(shutil.copytree(GREETER.parent / name, folder / name, ignore=NOT_YOURS))
