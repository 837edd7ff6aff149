"""Real kernels: cells run in a process of their own, with or without somebody at the keyboard."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager


@dataclass
class Outcome:
    """What running a cell gave."""

    text: str = ""
    html: str = ""
    error: str = ""
    traceback: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


class Kernel:
    """A kernel, and a second client that only listens to what it publishes."""

    def __init__(
        self, manager: KernelManager, client: BlockingKernelClient, listener: BlockingKernelClient
    ) -> None:
        self.manager, self.client, self.listener = manager, client, listener

    def run(
        self,
        source: str,
        *,
        person: bool = False,
        timeout: float = 120.0,
        answer: Callable[[str], str] | None = None,
    ) -> Outcome:
        """Run a cell; `person` says whether the front end could ask somebody, `answer` what they say."""
        outcome = Outcome()

        def asked(message: dict[str, Any]) -> None:
            if answer:
                self.client.input(answer(message["content"]["prompt"]))

        def collect(message: dict[str, Any]) -> None:
            outcome.messages.append(message)
            content, kind = message["content"], message["msg_type"]
            if kind == "stream":
                outcome.text += content["text"]
            elif kind in ("display_data", "execute_result", "update_display_data"):
                outcome.text += content["data"].get("text/plain", "") + "\n"
                outcome.html += content["data"].get("text/html", "") + "\n"
            elif kind == "error":
                outcome.traceback = content["traceback"]

        began = time.monotonic()
        reply = self.client.execute_interactive(
            source, timeout=timeout, allow_stdin=person, output_hook=collect, stdin_hook=asked
        )
        if reply["content"]["status"] == "error":
            outcome.error = reply["content"]["ename"]
            # IPython prints a wrong use of a magic instead of publishing it as an error.
            outcome.traceback = outcome.traceback or outcome.text.splitlines()
        outcome.seconds = time.monotonic() - began
        return outcome

    def overheard(self) -> list[dict[str, Any]]:
        """Everything published since the last call, as any other client of the kernel gets it."""
        heard = []
        while True:
            try:
                heard.append(self.listener.get_iopub_msg(timeout=0.5))
            except Empty:
                return heard


#: Makes a kernel as good as new, but for what it has imported from others.
RENEW = """
def renew(shell, folder, environment):
    import os, sys
    if "codika_nb" in shell.extension_manager.loaded:
        shell.extension_manager.unload_extension("codika_nb")
    shell.extension_manager.loaded.discard("codika_nb")
    if "ipywidgets" in sys.modules:
        sys.modules["ipywidgets"].Widget.close_all()
    for name in [name for name in sys.modules if name.partition(".")[0] == "codika_nb"]:
        del sys.modules[name]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    shell.reset(new_session=True)
renew(get_ipython(), {folder!r}, {environment!r})
"""


class SharedKernel:
    """One kernel for the tests of a module: starting one takes longer than what most of them do in it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._kernel, self._running = folder, ExitStack(), False

    @contextmanager
    def renewed(self, folder: Path, session: pytest.Session, **environment: str) -> Iterator[Kernel]:
        """The kernel as good as new; a test that fails takes it along, so that no other fails with it."""
        if not self._running:
            own = str(self._folder)
            self.kernel = self._kernel.enter_context(kernel(self._folder, IPYTHONDIR=own))
            self._running = True
        failed_before = session.testsfailed
        code = RENEW.replace("{folder!r}", repr(str(folder)))
        code = code.replace("{environment!r}", repr(dict(os.environ | environment)))
        try:
            assert not self.kernel.run(code).error
            yield self.kernel
        except BaseException:
            self.close()
            raise
        if session.testsfailed > failed_before:
            self.close()

    def close(self) -> None:
        self._running = False
        self._kernel.close()


@contextmanager
def kernel(cwd: Path, **environment: str) -> Iterator[Kernel]:
    """A fresh IPython kernel in a folder."""
    manager, client = _ready(cwd, os.environ | environment)
    listener = manager.blocking_client()
    try:
        listener.start_channels()
        listener.wait_for_ready(timeout=120)
        yield Kernel(manager, client, listener)
    finally:
        for each in (client, listener):
            each.stop_channels()
        manager.shutdown_kernel(now=False)


def _ready(cwd: Path, environment: dict[str, str]) -> tuple[KernelManager, BlockingKernelClient]:
    """A kernel that answers. Its ports are chosen before it takes them: another program may be quicker."""
    for attempts_left in (2, 1, 0):
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(cwd=str(cwd), env=environment)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
        except RuntimeError:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            if not attempts_left:
                raise
        else:
            break
    return manager, client
