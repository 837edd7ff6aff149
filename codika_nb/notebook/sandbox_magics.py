"""``%codika_sandbox``: a local Codika for this kernel."""

from __future__ import annotations

import atexit
import os
import shutil
from argparse import Namespace
from contextlib import suppress
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from .. import files
from ..display.markup import line
from ..errors import ConfigError
from ..profiles import is_loopback
from ..profiles.credential import context, resolve
from ..sandbox import Sandbox
from .cards import sandbox as sandbox_card
from .kernel import kernel
from .magic import magic, option, show
from .remote_sandbox import RemoteSandbox, find


@magic(
    option("--data", metavar="DIR", help="keep everything in this folder; else it goes with the sandbox"),
    option("--port", type=int, default=0, help="a free one if left out; with --data the one it had last"),
    option("--stand-ins", action="append", default=[], metavar="FILE", help="Python that answers workflows"),
    option("--engine", metavar="n8n|URL", help="run workflows in n8n; its key in CODIKA_N8N_API_KEY"),
    option("--stop", action="store_true", help="stop it, and use the real platform again"),
    option("--forget", action="store_true", help="delete what a browser keeps: profiles and all data"),
)
def codika_sandbox(shell: InteractiveShell, arguments: Namespace) -> Any:
    """Start a local Codika for this kernel and use it; it stops with the kernel.

    Where a sandbox runs already (codika-nb lab, Binder, that of the account in use), that one is used; to
    have one of this kernel all the same, run %env CODIKA_BASE_URL= before.
    Example: sandbox = %codika_sandbox
    """
    if arguments.forget:
        return _forget(shell)
    if arguments.stop:
        return _stop(shell)
    left_out = [f"--{name}" for name in ("port", "data", "engine") if getattr(arguments, name)]
    sandbox = _running(of_account=not left_out)
    if sandbox is None:
        kept = files.kept()
        data = arguments.data or (kept and kept / "sandbox")
        sandbox = Sandbox(port=arguments.port, data=data, engine=arguments.engine)
        _load(sandbox, arguments.stand_ins)
        sandbox.start()
        atexit.register(sandbox.stop)
    elif isinstance(sandbox, RemoteSandbox):
        _say_what_is_used(sandbox, arguments.stand_ins, left_out)
    else:
        _load(sandbox, arguments.stand_ins)
        if left_out:
            given = " and ".join(left_out)
            text = f"A sandbox is already running, and {given} can only be given to a new one: "
            text += "%codika_sandbox --stop ends it."
            display(line(text), raw=True)
    kernel.use_sandbox(sandbox)
    own = sandbox if isinstance(sandbox, Sandbox) else None
    runs = own.runs_workflows if own and arguments.engine else ""
    show(shell, sandbox, sandbox_card(sandbox, runs=runs, earlier=own.moved_from if own else ""))
    return sandbox


def _running(*, of_account: bool) -> Any:
    """The sandbox that runs: this kernel's own, that of CODIKA_BASE_URL, or that of the account in use."""
    running = kernel.running_sandbox
    if running and not isinstance(running, RemoteSandbox):
        return running
    # Looked at anew each time: somebody may have turned to another one since, or to none.
    named = find(os.environ.get("CODIKA_BASE_URL"))
    if of_account and "CODIKA_BASE_URL" not in os.environ:  # one that is empty stands for none
        with suppress(ConfigError):
            profile = resolve().profile
            named = find(profile.host) if profile and is_loopback(profile.host) else None
    return named


def _load(sandbox: Sandbox, files: list[str]) -> None:
    for file in files:
        sandbox.load_stand_ins(file)


def _say_what_is_used(sandbox: RemoteSandbox, stand_ins: list[str], left_out: list[str]) -> None:
    """Say which workflows somebody else's sandbox answers, and which options it does not take."""
    wanted = {workflow for file in stand_ins for workflow in Sandbox().load_stand_ins(file)}
    if not wanted <= set(sandbox.stand_ins):
        left_out = [*left_out, "--stand-ins"]
    if not wanted and not left_out and "CODIKA_BASE_URL" in os.environ:
        return
    answered = f"; it answers {', '.join(sandbox.stand_ins)}" if sandbox.stand_ins else ""
    text = f"A sandbox runs already, and is used{answered}."
    if left_out:
        options = " and ".join(left_out)
        text += f" It does not take {options}."
    text += " For one of this kernel: %env CODIKA_BASE_URL= and this line again."
    display(line(text), raw=True)


def _forget(shell: InteractiveShell) -> None:
    """Delete what this browser keeps: the profiles of sandboxes, and the data of the sandbox."""
    kept = files.kept()
    if kept is None:
        raise UsageError(
            "--forget is for a kernel in the browser. Here a sandbox forgets when it stops; "
            "to clear one that keeps its data, stop it and delete its folder."
        )
    kernel.leave_sandbox()
    context.reset()
    try:
        shutil.rmtree(kept)
    except FileNotFoundError:
        pass  # nothing has been kept yet
    except OSError as error:
        raise ConfigError(f"What this browser keeps cannot be deleted: {error.strerror or error}.") from None
    show(shell, None, line("This browser has forgotten all profiles and the sandbox."))


def _stop(shell: InteractiveShell) -> None:
    sandbox = kernel.sandbox
    kernel.leave_sandbox()
    if sandbox is not None:
        atexit.unregister(sandbox.stop)
    credential = resolve()
    if credential.profile:
        who = f"profile {credential.profile.name}"
    else:
        who = "the key in the environment" if credential.key else "nobody is signed in there"
    show(shell, None, line(f"No sandbox runs in this kernel now. It uses {credential.base_url}, {who}."))
