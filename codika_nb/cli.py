"""The ``codika-nb`` command: a local Codika to try things on, with or without a notebook."""

from __future__ import annotations

import argparse
import contextlib
import html
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from . import __version__
from .display.place import read_in
from .errors import CodikaError, ConfigError

SANDBOX_PORT = 8321
LAB_PORT = 8888
#: What a checkout may have beside the tutorials that is no part of a user's copy.
NOT_YOURS = shutil.ignore_patterns(
    *("project.json", "version.json", "deployments", "conftest.py", "__pycache__"),
    *(".env", ".ipynb_checkpoints", ".sandbox", ".*.tmp"),
)
FIRST_NOTEBOOK = "01_sign_in_and_deploy.ipynb"


@read_in("command")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0 only when everything asked for has happened."""
    from .signin.commands import add_commands

    parser = argparse.ArgumentParser(
        prog="codika-nb",
        description=__doc__ and __doc__.replace("`", ""),
        epilog=f"For agents, on one page: {_beside('llms.txt')}",
    )
    parser.add_argument("--version", action="version", version=f"codika-nb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    lab = commands.add_parser("lab", help="open the tutorials in JupyterLab, with a sandbox")
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    lab.add_argument("--port", type=int, help=f"JupyterLab's port ({LAB_PORT} or the next free one)")
    lab.add_argument(
        "--folder",
        type=Path,
        default=Path("codika-tutorials"),
        help="where your copy of the tutorials is kept",
    )
    lab.set_defaults(run=_lab)

    lite = commands.add_parser("lite", help="make a site of the tutorials that needs a browser alone")
    lite.add_argument("folder", type=Path, help="where to; any web server can offer it then")
    lite.add_argument(
        "--pyodide", type=Path, metavar="FILE", help="the npm package pyodide (npm is asked for it)"
    )
    lite.set_defaults(run=_lite)

    demo = commands.add_parser("demo", help="sign up, deploy and run a workflow here in the terminal")
    demo.set_defaults(run=_demo)

    sandbox = commands.add_parser("sandbox", help="run a local Codika")
    sandbox.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine only)")
    sandbox.add_argument("--port", type=int, default=SANDBOX_PORT, help=f"port to listen on ({SANDBOX_PORT})")
    sandbox.add_argument(
        "--data", type=Path, metavar="DIR", help="keep everything in this folder (memory only)"
    )
    sandbox.add_argument(
        "--stand-ins",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="Python file that answers workflows",
    )
    sandbox.add_argument(
        "--smtp",
        metavar="URL",
        # Every user of a machine can read command lines, and this one may hold a password.
        default=os.environ.get("CODIKA_SMTP_URL"),
        help="send real mail: smtp://user:password@host:port (or smtps://), also as CODIKA_SMTP_URL",
    )
    sandbox.add_argument(
        "--ip-limit", type=int, default=60, metavar="N", help="codes an hour for one address (60)"
    )
    sandbox.add_argument(
        "--trusted-proxy", metavar="ADDRESS", help="believe this proxy about where requests come from"
    )
    sandbox.add_argument(
        "--engine",
        metavar="n8n|URL",
        help="run workflows for real: in an n8n that is started along, or in yours (key: CODIKA_N8N_API_KEY)",
    )
    sandbox.add_argument(
        "--callback-url", metavar="URL", help="this sandbox's address as the engine reaches it"
    )
    sandbox.add_argument(
        "--codika-nodes",
        metavar="FOLDER",
        help="with --engine n8n: run workflows as they are, with the platform's own node package",
    )
    sandbox.add_argument(
        "--others-run-code",
        action="store_true",
        help="let whoever reaches the sandbox run code in the engine",
    )
    sandbox.set_defaults(run=_sandbox)

    engine = commands.add_parser("engine", help="put n8n on this machine, for sandbox --engine n8n")
    engine.add_argument("action", choices=["install"])
    engine.add_argument("--yes", action="store_true", help="do not ask")
    engine.set_defaults(run=_engine)

    add_commands(commands)

    mcp = commands.add_parser("mcp", help="offer workflows to agents as tools (MCP)")
    mcp.add_argument("--instance", metavar="ID", help="process instance (the one that is meant)")
    mcp.add_argument("--only", default="", metavar="NAMES", help="these workflows, with commas between them")
    mcp.add_argument("--profile", metavar="NAME", help="a saved profile (the one in use)")
    mcp.set_defaults(run=_mcp)

    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:
        # Who uses the platform's own commands knows their exit status for a wrong option.
        asked = sys.argv[1:] if argv is None else argv
        if stop.code == 2 and list(asked[:1]) == ["auth"]:
            return 1
        raise
    try:
        return int(arguments.run(arguments) or 0)
    except CodikaError as error:
        print(f"codika-nb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _beside(name: str) -> Path:
    """Something in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return next((each for each in (package / name, package.parent / name) if each.exists()), package / name)


def tutorials() -> Path:
    """The folder of the tutorials: in the installed package, or beside it in a checkout."""
    folder = _beside("notebooks")
    if (folder / FIRST_NOTEBOOK).is_file():
        return folder
    raise ConfigError(
        "The tutorials are missing from this installation.", next_action="Install codika-nb again."
    )


# --- sandbox ---------------------------------------------------------------------------------------


def _sandbox(arguments: argparse.Namespace) -> None:
    from .profiles import is_loopback
    from .sandbox import Sandbox

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    sandbox = Sandbox(
        host=arguments.host,
        port=arguments.port,
        data=arguments.data,
        smtp=arguments.smtp,
        ip_limit=arguments.ip_limit,
        trusted_proxy=arguments.trusted_proxy,
        engine=arguments.engine,
        callback_url=arguments.callback_url,
        lets_others_run=arguments.others_run_code,
        codika_nodes=arguments.codika_nodes,
    )
    if arguments.engine == "n8n":
        print("Starting with n8n, which takes some seconds …", flush=True)
    for file in arguments.stand_ins:
        sandbox.load_stand_ins(file)
    with _stop_signals() as stopped, sandbox:
        print(f"Codika sandbox at {sandbox.url}   (Ctrl-C stops it)")
        if arguments.host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared with, not bound to
            print(f"  for others        {sandbox.url.replace('127.0.0.1', _own_address())}")
        print(f"  mail arrives at   {sandbox.inbox_url}")
        print(f"  in a notebook     %codika_signup --base-url {sandbox.url}")
        if not is_loopback(sandbox.url):
            print("                    (first, as this address is not encrypted: %env CODIKA_ALLOW_HTTP=1)")
        print(f"  workflows run in  {sandbox.runs_workflows}")
        print(f"  kept in           {arguments.data or 'memory only'}", flush=True)
        stopped.wait()


def _engine(arguments: argparse.Namespace) -> int:
    from .sandbox.n8n.installing import COST, install

    if not arguments.yes:
        print(COST)
        print(
            "It is made by others and comes under its own licence (https://docs.n8n.io/sustainable-use-license)."
        )
        try:
            answer = input("Install it? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was installed. Where nobody can answer: codika-nb engine install --yes")
            return 1
    began = time.monotonic()
    install(lambda text: print(f"[{time.monotonic() - began:4.0f} s] {text}", flush=True))
    return 0


def _mcp(arguments: argparse.Namespace) -> None:
    from .mcp_tools import serve

    only = [name.strip() for name in arguments.only.split(",") if name.strip()]
    serve(instance=arguments.instance, only=only, profile=arguments.profile)


# --- lab -------------------------------------------------------------------------------------------


def _lab(arguments: argparse.Namespace) -> int:
    from .sandbox import Sandbox

    if not _importable("jupyterlab"):
        raise ConfigError("JupyterLab is not installed.", next_action="pip install 'codika-nb[lab]'")
    folder = arguments.folder.resolve()
    _copy_tutorials(folder)
    port = arguments.port or _free_port(LAB_PORT)
    if arguments.port and not _is_free(port):
        raise ConfigError(f"Port {port} is in use.", next_action="Choose another with --port.")
    sandbox = Sandbox(port=_free_port(SANDBOX_PORT), data=folder / ".sandbox")
    changes = logging.getLogger("codika_nb.sandbox.stand_ins")
    changes.setLevel(logging.INFO)
    changes.addHandler(logging.StreamHandler())
    for file in sorted(folder.glob("use-cases/*/stand_ins.py")):
        sandbox.load_stand_ins(file)
    token = secrets.token_urlsafe(24)
    # In the environment, not on the command line: every user of a machine can read those.
    environment = os.environ | {"CODIKA_BASE_URL": "", "JUPYTER_TOKEN": token}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.port={port}"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    command += ["--Application.log_level=WARN"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--ServerApp.allow_root=True")  # as in containers
    with _stop_signals() as stopped, sandbox:
        environment["CODIKA_BASE_URL"] = sandbox.url
        # A session of its own, so that Ctrl-C reaches us alone and the two end in order.
        server = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own words
        try:
            if not _answers(f"http://127.0.0.1:{port}/api", server, stopped):
                if stopped.is_set():
                    return 0
                raise ConfigError("JupyterLab did not start.", next_action="Its own message is above.")
            address = f"http://127.0.0.1:{port}/lab/tree/{FIRST_NOTEBOOK}?token={token}"
            print(f"JupyterLab   {address}")
            print(f"Sandbox      {sandbox.url}   (its mail: {sandbox.inbox_url})")
            print(f"Your copy    {folder}")
            print("Ctrl-C stops both.", flush=True)
            with contextlib.nullcontext() if arguments.no_browser else _in_the_browser(address):
                while not stopped.wait(0.5):
                    if server.poll() is not None:
                        print("JupyterLab has ended.", file=sys.stderr)
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


def _copy_tutorials(folder: Path) -> None:
    """Give the user a copy of the tutorials; what is there already is theirs and stays."""
    source = tutorials()

    def copy_new(origin: str, target: str) -> str:
        if not Path(target).exists():
            shutil.copy(origin, target)
            if target.endswith(".ipynb"):
                _clear_outputs(Path(target))
        return target

    try:
        shutil.copytree(source, folder, ignore=NOT_YOURS, copy_function=copy_new, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise ConfigError(
            f"The tutorials cannot be copied to {folder}: {error}",
            next_action="Choose another folder with --folder.",
        ) from None


def _clear_outputs(notebook: Path) -> None:
    """Leave it to the reader's own cells to say what has happened."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


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


# --- lite ------------------------------------------------------------------------------------------


def _lite(arguments: argparse.Namespace) -> None:
    from .lite import build

    folder = arguments.folder.resolve()
    print("Downloading what is not here, and putting it together: a minute or two …", flush=True)
    build(folder, _copy_tutorials, pyodide=arguments.pyodide)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"Made {folder}: {size / 1e6:.0f} MB, for any web server.")
    print(f"Try it here:  {Path(sys.executable).name} -m http.server --bind 127.0.0.1 --directory {folder}")


# --- demo ------------------------------------------------------------------------------------------


def _demo(_: argparse.Namespace) -> None:
    from .client.client import Client
    from .profiles import ProfileStore
    from .sandbox import Sandbox
    from .signin.recipe import sign_in
    from .usecases.usecase import UseCase

    email = "ada@example.com"
    with tempfile.TemporaryDirectory(prefix="codika-demo-") as scratch:
        greeter = Path(scratch, "greeter")
        shutil.copytree(tutorials() / "use-cases" / "greeter", greeter, ignore=NOT_YOURS)
        sandbox = Sandbox()
        sandbox.load_stand_ins(greeter / "stand_ins.py")
        with sandbox:
            _step("sandbox", f"a local Codika runs at {sandbox.url}")

            def read_mail(address: str) -> str:
                code = sandbox.code_for(address)
                _step("sign up", f"a six-digit code was mailed to {address}")
                return code

            store = ProfileStore(Path(scratch, "config", "config.json"))
            profile = sign_in(
                email, ask_code=read_mail, base_url=sandbox.url, store=store, company="Acme, Inc."
            )
            _step("profile", f"{profile.name}: {profile.organization_name}, key {profile.masked_key}")
            with Client(auth=profile.api_key, base_url=sandbox.url) as client:
                deployed = client.deploy_use_case(UseCase.load(greeter))
                names = ", ".join(w.workflow_template_id for w in deployed.workflows_deployed)
                _step("deploy", f"greeter {deployed.version} is {deployed.deployment_status}: {names}")
                payload = {"name": "Ada"}
                run = client.run_workflow("greet", payload, instance=deployed.process_instance_id)
                _step("trigger", f"greet {payload} -> {run.status} in {run.duration} ms")
                _step("result", str(run.result))


def _step(name: str, text: str) -> None:
    print(f"{name:>8}  {text}", flush=True)


# --- processes and ports ---------------------------------------------------------------------------


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, instead of ending the process where it stands."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    names = [signal.SIGINT, signal.SIGTERM]
    before = [(name, signal.signal(name, stop)) for name in names]
    try:
        yield stopped
    finally:
        for name, handler in before:
            signal.signal(name, handler)


def _free_port(first: int) -> int:
    """`first` if nobody listens there, else one that the system finds."""
    if _is_free(first):
        return first
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _own_address() -> str:
    """The address by which other machines reach this one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address of documentation's; nothing is sent
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def _importable(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None
