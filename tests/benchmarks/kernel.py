"""What a person at a notebook waits for: the form, a click while the network is slow, an answer.

The form's messages are compared with those of ``kagglehub.login()``, whose form has a field and a button;
where that package is not installed, with what was measured in November 2026: 15 messages and 11,628 bytes
(kagglehub 1.0.2, ipywidgets 8.1.9, ipykernel 7.4.0).
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from tests.codika_tool import VERSION, Tool, _node_package

from .figures import Aim, Figure, Scale, compared, interleaved, measured, percentile
from .processes import Frontend, Ran, live_kernel, serving, silent_server
from .sandbox import fill

RECORDED = 15, 11_628
#: Seconds in which a person could have typed an address.
TYPING = 1.0
#: Seconds between two clicks.
BREATH = 0.01


@contextlib.contextmanager
def _kernel(**variables: str) -> Iterator[Frontend]:
    """A kernel in which nobody is signed in."""
    with tempfile.TemporaryDirectory() as folder, live_kernel(Path(folder), **variables) as frontend:
        yield frontend


def _first_form() -> Ran:
    with _kernel() as frontend:
        frontend.run("%load_ext codika_nb")
        return frontend.run("form = %codika_signup")


def first_form(scale: Scale) -> Iterator[Figure]:
    """From running ``%codika_signup`` to having the form, the first time in a kernel."""

    def theirs() -> float:
        with _kernel() as frontend:
            return frontend.run("import ipywidgets").ended

    sides = {"ours": lambda: _first_form().when("display_data"), "theirs": theirs}
    yield compared(
        Figure("first-form", "`%codika_signup` to form on screen", "importing ipywidgets alone", Aim(1.25)),
        interleaved(sides, scale.long_rounds),
        unit="ms",
        estimate="minima",
    )


def form_messages(scale: Scale) -> Iterator[Figure]:
    """What is sent to a browser to show the form; the same each time."""
    del scale
    against, note = "`kagglehub.login()`", ""
    theirs = RECORDED
    if importlib.util.find_spec("kagglehub"):
        with _kernel() as frontend:
            theirs = _sent(frontend.run("import kagglehub; kagglehub.login()"))
    else:
        note = "kagglehub is not installed here: against what was recorded of it"
    for unit, mine, other in zip(("messages", "bytes"), _sent(_first_form()), theirs, strict=True):
        figure = Figure("form-messages", f"{unit} to show the form", against, Aim(1), note=note)
        yield compared(figure, {"ours": [mine], "theirs": [other]}, unit=unit)


def _sent(ran: Ran) -> tuple[int, int]:
    contents = [
        message["content"]
        for message in ran.messages
        if message["msg_type"].startswith("comm_") or message["msg_type"] == "display_data"
    ]
    return len(contents), sum(len(json.dumps(content).encode()) for content in contents)


def click(scale: Scale) -> Iterator[Figure]:
    """How long a click on another widget waits while the form waits for the network."""
    idle: list[list[float]] = []
    busy: list[list[float]] = []
    with silent_server() as (url, answer):
        for turn in range(max(1, scale.long_rounds // 2)):
            with _kernel() as frontend:
                other, send = _two_buttons(frontend, url)
                # Before and after the network's turn: a kernel gets neither slower nor quicker with time.
                if turn % 2:
                    idle.append(_clicks(frontend, other, scale.silence))
                time.sleep(TYPING)
                answer.clear()
                frontend.click(send)
                busy.append(_clicks(frontend, other, scale.silence))
                waiting = frontend.run("print(form.send_code.description)").text
                assert waiting.startswith("Sending"), waiting
                answer.set()
                frontend.run("form.settle()")
                if not turn % 2:
                    idle.append(_clicks(frontend, other, scale.silence))
    each = [percentile(b, 0.99) - percentile(i, 0.99) for b, i in zip(busy, idle, strict=True)]
    sides = {"ours": [*chain(*busy)], "theirs": [*chain(*idle)]}
    figure = Figure(
        "click",
        f"click answered while the network takes {scale.silence:g} s",
        "idle kernel",
        Aim(50, "ms more"),
        note=f"the 99th percentiles of {len(sides['ours']):,} clicks and {len(sides['theirs']):,}; "
        f"slowest {max(sides['ours']):.0f} and {max(sides['theirs']):.0f} ms",
    )
    value = percentile(sides["ours"], 0.99) - percentile(sides["theirs"], 0.99)
    yield measured(figure, each, sides, unit="ms", value=value, estimate="all")


def _two_buttons(frontend: Frontend, url: str) -> tuple[str, str]:
    """The models of another button, and of the form's that sends the code."""
    frontend.run("%load_ext codika_nb")
    frontend.run(f"form = %codika_signup ada@example.com --base-url {url}")
    frontend.run(
        "import ipywidgets\n"
        "other = ipywidgets.IntText()\n"
        "button = ipywidgets.Button()\n"
        "button.on_click(lambda _: setattr(other, 'value', other.value + 1))"
    )
    other, send = frontend.run("print(button.model_id, form.send_code.model_id)").text.split()
    return other, send


def _clicks(frontend: Frontend, button: str, seconds: float) -> list[float]:
    """One click after the other: when each has changed what is on the screen, in milliseconds."""
    until, found = time.monotonic() + seconds, []
    while time.monotonic() < until:
        found.append(frontend.click(button).when("comm_msg"))
        time.sleep(BREATH)
    return found


def whoami(scale: Scale) -> Iterator[Figure]:
    """``client.whoami()`` in a cell against the ``codika`` tool."""
    figure = Figure("whoami", "`client.whoami()` in a cell", "`codika whoami --json`", Aim(20, at_least=True))
    with tempfile.TemporaryDirectory() as scratch:
        tool = _tool(Path(scratch))
        if isinstance(tool, str):
            yield replace(figure, note=tool)
            return
        filled = fill(Path(scratch, "data"), 1)
        with serving(data=filled.folder) as url:
            variables = {"CODIKA_BASE_URL": url, "CODIKA_API_KEY": filled.key}
            with live_kernel(Path(scratch), **variables) as frontend:
                frontend.run("from codika_nb import Client\nclient = Client()")
                sides: dict[str, Callable[[], float]] = {
                    "ours": lambda: frontend.run("client.whoami()").ended,
                    "theirs": partial(_tool_whoami, tool, Path(scratch), variables),
                }
                found = interleaved(sides, scale.long_rounds * 2)
                same = frontend.run("print(client.whoami().organization_id)").text.strip()
                said = tool.json("whoami", config_home=Path(scratch), env=variables)
                assert same in json.dumps(said), said
    yield compared(figure, found, unit="ms", upside_down=True)


def _tool_whoami(tool: Tool, home: Path, variables: dict[str, str]) -> float:
    began = time.perf_counter()
    done = tool.run("whoami", "--json", config_home=home, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return (time.perf_counter() - began) * 1000


def _tool(folder: Path) -> Tool | str:
    """The tool, installed as its tests do it, or why it is not there."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed here, so the codika tool cannot be"
    # A file of its own keeps npm from using a package.json further up.
    (folder / "package.json").write_text("{}\n", encoding="utf-8")
    packages = [f"codika@{VERSION}", f"{_node_package()}@24"]
    done = subprocess.run(
        [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    node = folder / "node_modules" / ".bin" / "node"
    if done.returncode or not node.exists():
        return "npm could not install the codika tool here"
    return Tool(node, folder / "node_modules" / "codika" / "dist" / "cli" / "index.js")
