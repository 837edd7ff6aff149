"""The ``codika-nb`` command: a local Codika to try things on, with or without a notebook."""

# What may stand on the line is here; what a command does is in the module of its name, imported when it runs.

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..display.place import read_in
from ..errors import CodikaError
from .tutorials import beside

SANDBOX_PORT = 8321
LAB_PORT = 8888


@read_in("command")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0 only when everything asked for has happened."""
    try:
        try:
            return _run(argv)
        finally:
            print(end="", flush=True)
    except BrokenPipeError:
        # Whoever reads has seen enough; what is still to be written at the very end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a shell says that a pipe was closed


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        # Who uses the platform's own commands knows their exit status for a wrong option.
        asked = sys.argv[1:] if argv is None else argv
        if stop.code == 2 and list(asked[:1]) == ["auth"]:
            return 1
        raise
    try:
        return int(import_module(f".{arguments.command}", __package__).run(arguments) or 0)
    except CodikaError as error:
        print(f"codika-nb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if self.prog == "codika-nb" and "argument COMMAND: invalid choice" in message:
            message += f'\n{ELSEWHERE} A folder to begin with: UseCase.init("FOLDER", name="NAME").'
        super().error(message)


#: What deploys and runs workflows, which people look for here.
ELSEWHERE = (
    "Workflows are deployed and run from Python: from codika_nb import Client; "
    'Client().deploy_use_case("FOLDER"), then Client().run_workflow("NAME", {…}).'
)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="codika-nb",
        description=__doc__ and __doc__.replace("`", ""),
        epilog=f"{ELSEWHERE} For agents, on one page: {beside('llms.txt')}",
    )
    parser.add_argument("--version", action="version", version=f"codika-nb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    lab = commands.add_parser("lab", help="open the tutorials in JupyterLab, with a sandbox")
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    lab.add_argument("--port", type=int, help=f"JupyterLab's port ({LAB_PORT}, or a free one)")
    lab.add_argument(
        "--folder",
        type=Path,
        default=Path("codika-tutorials"),
        help="where your copy of the tutorials is kept",
    )
    _add_engine(lab)

    lite = commands.add_parser("lite", help="make a site of the tutorials that needs a browser alone")
    lite.add_argument("folder", type=Path, help="where to; any web server can offer it then")
    lite.add_argument(
        "--pyodide",
        type=Path,
        metavar="FILE",
        help="the npm package pyodide, where there is no npm to fetch it",
    )

    commands.add_parser("demo", help="sign up, deploy and run a workflow here in the terminal")
    _add_sandbox(commands)

    engine = commands.add_parser("engine", help="put n8n on this machine, for sandbox --engine n8n")
    engine.add_argument(
        "action", choices=["install"], metavar="install", help="download n8n into this account's data folder"
    )
    engine.add_argument("--yes", action="store_true", help="do not ask")

    _add_auth(commands)

    mcp = commands.add_parser("mcp", help="offer workflows to agents as tools (MCP)")
    mcp.add_argument(
        "--instance", metavar="ID", help="process instance (PROCESS_INSTANCE_ID, or all that there are)"
    )
    mcp.add_argument("--only", default="", metavar="NAMES", help="these workflows, with commas between them")
    mcp.add_argument("--profile", metavar="NAME", help="a saved profile (the one in use)")
    return parser


def _add_sandbox(commands: Any) -> None:
    sandbox = commands.add_parser("sandbox", help="run a local Codika")
    sandbox.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine only)")
    sandbox.add_argument("--port", type=int, default=SANDBOX_PORT, help=f"port to listen on ({SANDBOX_PORT})")
    sandbox.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep everything in this folder; else it goes with the sandbox",
    )
    sandbox.add_argument(
        "--stand-ins",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="Python file that answers workflows, or a folder of use cases with such files",
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
    _add_engine(sandbox)
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


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        metavar="n8n|URL",
        help="run workflows for real: in an n8n that is started along, or in yours (key: CODIKA_N8N_API_KEY)",
    )


def _add_auth(commands: Any) -> None:
    # The options of codika 3.6.0.
    auth = commands.add_parser(
        "auth", help="sign up or log in with a code by e-mail, in two commands; whoami, use, logout"
    )
    steps = auth.add_subparsers(dest="step", required=True, metavar="COMMAND")
    for purpose, what in (("signup", "a new account"), ("login", "an account that exists")):
        request = steps.add_parser(f"{purpose}-request", help=f"have a code sent, for {what}")
        complete = steps.add_parser(f"{purpose}-complete", help="use the code, and save a profile")
        for each in (request, complete):
            each.add_argument("--email", required=True, help="the address that the code is sent to")
            each.add_argument(
                "--base-url",
                metavar="URL",
                help="the server (CODIKA_BASE_URL, the profile in use, or production)",
            )
            each.add_argument("--api-url", metavar="URL", help="the full address of the endpoint")
            each.add_argument("--json", action="store_true", help="print the outcome as JSON")
            each.set_defaults(purpose=purpose)
        complete.add_argument("--code", required=True, help="the six digits from the mail")
        complete.add_argument("--key-name", metavar="NAME", help="label of the key (CLI default key)")
        complete.add_argument("--key-expires-in", type=int, metavar="DAYS", help="1 to 365 (never)")
        complete.add_argument("--name", help="name of the saved profile (made from the organization's)")
        if purpose == "signup":
            complete.add_argument("--company", default="", metavar="NAME", help="name (My Organization)")
            complete.add_argument("--description", default="", metavar="TEXT", help="what it is")
        else:
            complete.add_argument("--organization-id", metavar="ID", help="which, if there are several")
    whoami = steps.add_parser("whoami", help="say who is signed in, with which key and until when")
    whoami.add_argument("--json", action="store_true", help="print it as JSON")
    use = steps.add_parser("use", help="make a saved profile the active one; alone, list the profiles")
    use.add_argument("name", nargs="?", help="the profile")
    use.add_argument("--json", action="store_true", help="print the profiles as JSON, without their keys")
    logout = steps.add_parser(
        "logout", help="remove a saved profile from this machine; its key is not revoked"
    )
    logout.add_argument("name", nargs="?", help="the profile (the one in use)")
    logout.add_argument("--json", action="store_true", help="print the outcome as JSON")
