"""Real kernels: cells run in a process of their own, with or without somebody at the keyboard."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

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

    def run(self, source: str, *, person: bool = False, timeout: float = 60.0) -> Outcome:
        """Run a cell; `person` says whether the front end could ask somebody."""
        outcome = Outcome()

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
            source, timeout=timeout, allow_stdin=person, output_hook=collect, stdin_hook=lambda _: None
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


@contextmanager
def kernel(cwd: Path, **environment: str) -> Iterator[Kernel]:
    """A fresh IPython kernel in a folder."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(cwd), env=os.environ | environment)
    client, listener = manager.blocking_client(), manager.blocking_client()
    try:
        for each in (client, listener):
            each.start_channels()
            each.wait_for_ready(timeout=60)
        yield Kernel(manager, client, listener)
    finally:
        for each in (client, listener):
            each.stop_channels()
        manager.shutdown_kernel(now=False)
