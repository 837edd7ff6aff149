"""``codika-nb demo``: the whole story in a terminal."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from ..client.client import Client
from ..profiles import ProfileStore
from ..sandbox import Sandbox
from ..signin.recipe import sign_in
from ..usecases.usecase import UseCase
from .tutorials import NOT_YOURS, tutorials


def run(_: argparse.Namespace) -> None:
    """Sign up, deploy and run a workflow, in a sandbox and a folder that are gone afterwards."""
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
