"""``codika-nb sandbox``: a local Codika until it is told to stop."""

from __future__ import annotations

import argparse
import logging

from ..profiles import is_loopback
from ..sandbox import Sandbox
from .machine import own_address, stop_signals


def run(arguments: argparse.Namespace) -> None:
    """Run a sandbox."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    # What an engine is asked, and how a server starts, is of no interest here.
    for name in ("httpx", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
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
    with stop_signals() as stopped, sandbox:
        print(f"Codika sandbox at {sandbox.url}   (Ctrl-C stops it)")
        if arguments.host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared with, not bound to
            print(f"  for others        {sandbox.url.replace('127.0.0.1', own_address())}")
        print(f"  mail arrives at   {sandbox.inbox_url}")
        print(f"  in a notebook     %codika_signup --base-url {sandbox.url}")
        if not is_loopback(sandbox.url):
            print("                    (first, as this address is not encrypted: %env CODIKA_ALLOW_HTTP=1)")
        print(f"  workflows run in  {sandbox.runs_workflows}")
        print(f"  kept in           {arguments.data or 'memory only'}", flush=True)
        stopped.wait()
