"""The real ``codika`` command-line tool, from its npm package, for tests that run it beside ours."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import pytest

VERSION = "3.6.0"

#: What `codika verify` calls, for one path after the other: Node takes longer to start than to look at one.
_VERIFY = """
import { validateUseCase, validateWorkflow } from "codika/validation";
const [, what, ...paths] = process.argv;
const found = [];
for (const path of paths)
  found.push(await (what === "workflow" ? validateWorkflow : validateUseCase)({ path }));
console.log(JSON.stringify(found));
"""


@dataclass(frozen=True)
class Tool:
    """The installed tool; `run` it with a configuration folder of its own."""

    node: Path
    script: Path

    def run(
        self,
        *arguments: str,
        config_home: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str = "",
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end.

        Args:
            arguments: as typed after ``codika``.
            config_home: what ``XDG_CONFIG_HOME`` and ``HOME`` are for it; nothing of ours leaks in.
            env: further variables, for example ``CODIKA_BASE_URL``.
            cwd: where it runs; `config_home` if left out.
            stdin: what it can read.
            timeout: seconds after which it has failed.
        """
        system = {
            name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMP") if name in os.environ
        }
        own = {"HOME": str(config_home), "USERPROFILE": str(config_home), "XDG_CONFIG_HOME": str(config_home)}
        return subprocess.run(
            [self.node, self.script, *arguments],
            env={**system, **own, **(env or {})},
            cwd=cwd or config_home,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    def json(self, *arguments: str, config_home: Path, env: Mapping[str, str] | None = None) -> Any:
        """Run one command with ``--json``; returns what it says, whatever its exit code."""
        finished = self.run(*arguments, "--json", config_home=config_home, env=env)
        assert finished.stdout, finished.stderr
        return json.loads(finished.stdout)

    def verified(self, what: str, paths: Iterable[Path]) -> list[dict[str, Any]]:
        """What ``verify use-case`` or ``verify workflow`` finds in each of these, in one process."""
        command = [str(self.node), "--input-type=module", "--eval", _VERIFY, what, *map(str, paths)]
        finished = subprocess.run(
            command, cwd=self.script.parent, capture_output=True, encoding="utf-8", timeout=120, check=False
        )
        assert finished.returncode == 0, finished.stderr
        found: list[dict[str, Any]] = json.loads(finished.stdout.splitlines()[-1])
        return found


def _node_package() -> str:
    """The npm package that holds a Node binary for this machine.

    The package called `node` only fetches one of these by an install script, and those stay off.
    """
    system = {"win32": "win", "cygwin": "win"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    architecture = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(machine, machine)
    prefix = "node-bin" if (system, architecture) == ("darwin", "arm64") else "node"
    return f"{prefix}-{system}-{architecture}"


@pytest.fixture(scope="session")
def codika_tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """The tool, installed once per test session into a scratch folder."""
    npm = shutil.which("npm")
    if npm is None:
        missing = "npm is not installed, so the codika tool cannot be"
        if os.environ.get("CI"):
            pytest.fail(f"{missing}; in CI these tests must run")
        pytest.skip(missing)
    folder = tmp_path_factory.getbasetemp() / "codika-tool"
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parents[1] / folder.name  # that of all processes of this run
    with filelock.FileLock(f"{folder}.lock", timeout=280):
        if not folder.exists():
            _install(npm, folder)
    modules = folder / "node_modules"
    windows = sys.platform == "win32"
    node = modules / _node_package() / "bin" / "node.exe" if windows else modules / ".bin" / "node"
    return Tool(node, modules / "codika" / "dist" / "cli" / "index.js")


def _install(npm: str, folder: Path) -> None:
    folder.mkdir()
    # A file of its own keeps npm from using a package.json further up.
    (folder / "package.json").write_text("{}\n", encoding="utf-8")
    # The tool needs Node 24.12 or later, which is more than the systems it is tested on have.
    packages = [f"codika@{VERSION}", f"{_node_package()}@24"]
    installed = subprocess.run(
        [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=280,
        check=False,
    )
    if installed.returncode:
        shutil.rmtree(folder)
        pytest.fail(f"npm could not install {' '.join(packages)}:\n{installed.stdout}{installed.stderr}")
