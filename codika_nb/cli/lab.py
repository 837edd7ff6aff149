"""``codika-nb lab``: the tutorials in JupyterLab, with a sandbox."""

from __future__ import annotations

import argparse
import contextlib
import html
import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ..display.place import next_step
from ..errors import ConfigError
from ..sandbox import Sandbox
from . import LAB_PORT, SANDBOX_PORT
from .machine import free_port, is_free, stop_signals
from .tutorials import FIRST_NOTEBOOK, copy_tutorials


def run(arguments: argparse.Namespace) -> int:
    """Serve a copy of the tutorials until Ctrl-C, or until JupyterLab ends."""
    if find_spec("jupyterlab") is None:
        raise ConfigError("JupyterLab is not installed.", next_action="pip install 'codika-nb[lab]'")
    folder = arguments.folder.resolve()
    copy_tutorials(folder)
    port = arguments.port or free_port(LAB_PORT)
    if arguments.port and not is_free(port):
        raise ConfigError(f"Port {port} is in use.", next_action="Choose another with --port.")
    data = folder / ".sandbox"
    sandbox = Sandbox(
        port=0 if data.exists() else free_port(SANDBOX_PORT), data=data, engine=arguments.engine
    )
    changes = logging.getLogger("codika_nb.sandbox.stand_ins")
    changes.setLevel(logging.INFO)
    changes.addHandler(logging.StreamHandler())
    if arguments.engine is None:  # where there is one, it is wanted: functions would answer before it
        sandbox.load_stand_ins(folder / "use-cases")
    print("Starting a sandbox and JupyterLab …", flush=True)
    token = secrets.token_urlsafe(24)
    # In the environment, not on the command line: every user of a machine can read those.
    environment = os.environ | {"CODIKA_BASE_URL": "", "JUPYTER_TOKEN": token}
    # JupyterLab's question about news of its own would stand over the first tutorial.
    settings = str(Path(__file__).with_name("jupyter")), os.environ.get("JUPYTER_CONFIG_PATH")
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, settings))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.port={port}"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    command += ["--Application.log_level=WARN"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--ServerApp.allow_root=True")  # as in containers
    with stop_signals() as stopped, sandbox:
        environment["CODIKA_BASE_URL"] = sandbox.url
        # What JupyterLab and the kernels say is for whoever looks into why something does not work.
        log = data / "jupyterlab.log"
        # A session of its own, so that Ctrl-C reaches us alone and the two end in order.
        with log.open("wb") as said:
            server = subprocess.Popen(  # noqa: S603 - our own words
                command, env=environment, start_new_session=True, stdout=said, stderr=said
            )
        try:
            # With the token, which no other server that has just taken the port would accept.
            if not _answers(f"http://127.0.0.1:{port}/api/status?token={token}", server, stopped):
                if stopped.is_set():
                    return 0
                sys.stderr.write(log.read_text(errors="replace"))
                raise ConfigError("JupyterLab did not start.", next_action="Its own message is above.")
            address = f"http://127.0.0.1:{port}/lab/tree/{FIRST_NOTEBOOK}?token={token}"
            print(f"JupyterLab   {address}")
            print(f"Sandbox      {sandbox.url}   (its mail: {sandbox.inbox_url})")
            if earlier := sandbox.moved_from:
                print(f"             {next_step('moved', earlier=earlier)}")
            print(f"Runs         {sandbox.runs_workflows}")
            print(f"Your copy    {folder}")
            print("Ctrl-C stops both.", flush=True)
            with contextlib.nullcontext() if arguments.no_browser else _in_the_browser(address):
                while not stopped.wait(0.5):
                    if server.poll() is not None:
                        print(f"JupyterLab has ended; what it said is in {log}", file=sys.stderr)
                        return server.returncode
        finally:
            _end(server)
    return 0


@contextlib.contextmanager
def _in_the_browser(address: str) -> Iterator[None]:
    """Open a page through a private file that leads to it.

    The address has the token in it, and every user of a machine can read a browser's command line.
    """
    with tempfile.TemporaryDirectory(prefix="codika-lab-") as private:
        page = Path(private, "open.html")
        page.touch(0o600)
        page.write_text(
            f'<meta http-equiv="refresh" content="0; url={html.escape(address)}">JupyterLab opens …'
        )
        webbrowser.open(page.as_uri())
        yield


def _answers(url: str, server: subprocess.Popen[bytes], stopped: threading.Event) -> bool:
    """Wait until `url` answers; not longer than `server` lives."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        if server.poll() is not None or stopped.is_set():
            return False
        try:
            with direct.open(url, timeout=1):
                return True
        except OSError:
            time.sleep(0.1)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    """End JupyterLab with its kernels: asked first, made to after ten seconds."""
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server.pid, signal.SIGKILL)  # a kernel that did not listen
