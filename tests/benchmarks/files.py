"""What keeping files costs: a profile among many, a large use case made ready to be sent."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from codika_nb import Profile, ProfileStore, UseCase
from codika_nb.configuration import Configuration

from .figures import Aim, Figure, Scale, compared, interleaved
from .processes import environment

PROJECT = "project-1"
STARTER = Path(__file__).resolve().parent.parent.parent / "codika_nb" / "usecases" / "starter"


def profile(scale: Scale) -> Iterator[Figure]:
    """Renewing one profile among many."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, side, "config.json") for side in ("ours", "theirs")]
        content = json.dumps(_configuration(scale.profiles), indent=2) + "\n"
        for file in files:
            file.parent.mkdir(mode=0o700)
            file.write_text(content)
            file.chmod(0o600)
        number = scale.profiles // 2
        renewals = itertools.count()
        sides = {
            "ours": lambda: _save(ProfileStore(files[0]), number, f"cko_{next(renewals):064}"),
            "theirs": lambda: _write(files[1], number, f"cko_{next(renewals):064}"),
        }
        found = interleaved(sides, scale.rounds)
        kept = [json.loads(file.read_text())["profiles"] for file in files]
        assert len(kept[0]) == len(kept[1]) == scale.profiles
        assert kept[0][f"team-{number}"].keys() == kept[1][f"team-{number}"].keys()
    yield compared(
        Figure(
            "profile",
            f"saving a profile in a file of {scale.profiles:,}",
            "reading and writing that JSON, with an fsync",
            Aim(1.2),
        ),
        found,
        unit="ms",
    )


def _configuration(count: int) -> dict[str, Any]:
    entries = {
        f"team-{number}": {
            "apiKey": f"cko_{number:064}",
            "type": "org-api-key",
            "organizationId": f"org-{number}",
            "organizationName": f"Team {number}",
            "keyName": "CLI default key",
            "keyPrefix": "cko_0000",
            "scopes": ["projects:write", "workflows:trigger", "executions:read", "deployments:write"],
            "createdAt": "2025-01-01T00:00:00.000Z",
        }
        for number in range(count)
    }
    return {"activeProfile": "team-0", "profiles": entries}


def _save(store: ProfileStore, number: int, key: str) -> float:
    entry = _configuration(number + 1)["profiles"][f"team-{number}"]
    renewed = Profile(
        key,
        organization_id=entry["organizationId"],
        organization_name=entry["organizationName"],
        key_name=entry["keyName"],
        key_prefix=entry["keyPrefix"],
        scopes=entry["scopes"],
        created_at=entry["createdAt"],
    )
    began = time.perf_counter()
    store.save(renewed)
    return (time.perf_counter() - began) * 1000


def _write(file: Path, number: int, key: str) -> float:
    """What a person would write: no lock, and nothing left of the file after a crash at the wrong moment."""
    began = time.perf_counter()
    configuration = json.loads(file.read_text())
    configuration["profiles"][f"team-{number}"]["apiKey"] = key
    configuration["activeProfile"] = f"team-{number}"
    with file.open("w") as opened:
        opened.write(json.dumps(configuration, indent=2, ensure_ascii=False) + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    return (time.perf_counter() - began) * 1000


# --- packing ---------------------------------------------------------------------------------------


def packing(scale: Scale) -> Iterator[Figure]:
    """From a use case's folder to the body of the request that deploys it, each in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "large")
        _write_use_case(folder, scale.workflows, scale.workflow_size)
        packed: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}

        def pack(side: str) -> float:
            packed[side].append(_packed(side, folder))
            return float(packed[side][-1]["seconds"])

        seconds = interleaved({side: partial(pack, side) for side in packed}, scale.long_rounds)
    bodies = {each["body"] for rounds in packed.values() for each in rounds}
    assert len(bodies) == 1, "the two do not send the same"
    peaks = {
        side: [each["peak"] / 1e6 for each in rounds[-scale.long_rounds :]] for side, rounds in packed.items()
    }
    what = f"packing {scale.workflows} workflows of {scale.workflow_size // 1000} kB"
    figure = Figure("packing", f"{what}: time", "read, base64 and `json.dumps` of the same", Aim(0.9))
    yield compared(figure, seconds, unit="s")
    yield compared(replace(figure, what=f"{what}: peak memory", aim=Aim(1.2)), peaks, unit="MB")


def _write_use_case(folder: Path, workflows: int, size: int) -> None:
    configuration = json.loads((STARTER / "config.json").read_bytes())
    starter = json.loads((STARTER / "workflows" / "main-workflow.json").read_bytes())
    (one,) = configuration["workflows"]
    (folder / "workflows").mkdir(parents=True)
    code = {
        "parameters": {"jsCode": "return items;\n" * 20},
        "type": "n8n-nodes-base.code",
        "typeVersion": 2,
        "position": [0, 0],
    }
    nodes = size // len(json.dumps([{**code, "id": "0-0", "name": "Code 0"}], indent=2))
    for number in range(workflows):
        starter["nodes"] = [
            {**code, "id": f"{number}-{node}", "name": f"Code {node}"} for node in range(nodes)
        ]
        (folder / "workflows" / f"w{number:03}.json").write_text(json.dumps(starter, indent=2))
    configuration["workflows"] = [
        {**one, "workflowTemplateId": f"w{number:03}"} for number in range(workflows)
    ]
    # Complete, so that there is nothing to add to it.
    complete = Configuration.model_validate(configuration).to_json()
    (folder / "config.json").write_text(json.dumps(complete, indent=2))


def _packed(side: str, folder: Path) -> dict[str, Any]:
    program = f"from {__name__} import pack; pack({side!r}, {str(folder)!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def pack(side: str, folder: str) -> None:
    """Pack a use case, and print how long it took, how much memory, and what came of it."""
    from codika_nb.client.call import Call

    began = time.perf_counter()
    if side == "ours":
        use_case = UseCase.load(folder)
        # Encoded beforehand, as `deploy_use_case` does it.
        call = Call("POST", "/", dict, body=use_case.deployment(project_id=PROJECT)).encoded()
        body = next(iter(call)).content  # type: ignore[union-attr]  # the first thing to do is to send it
    else:
        body = _pack_by_hand(Path(folder))
    seconds = time.perf_counter() - began
    assert body
    print(json.dumps({"seconds": seconds, "peak": _peak(), "body": hashlib.sha256(body).hexdigest()}))


def _pack_by_hand(folder: Path) -> bytes:
    """The same body without a look at what is in it."""
    files = [folder / "config.json", *sorted((folder / "workflows").iterdir())]
    encoded = {str(file.relative_to(folder)): base64.b64encode(file.read_bytes()).decode() for file in files}
    configuration = json.loads(files[0].read_bytes())
    for workflow in configuration["workflows"]:
        workflow["n8nWorkflowJsonBase64"] = encoded[f"workflows/{workflow['workflowTemplateId']}.json"]
    documents = [
        {
            "relativePath": name,
            "contentType": "application/json",
            "contentBase64": content,
            "description": f"Workflow: {Path(name).name}" if "/" in name else "Use case configuration",
        }
        for name, content in encoded.items()
    ]
    body = {
        "projectId": PROJECT,
        "configuration": configuration,
        "versionStrategy": "minor_bump",
        "metadataDocuments": documents,
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _peak() -> int:
    """The most memory that this process has held, in bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts what the parent held into the figure of `resource`.
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


# --- importing -------------------------------------------------------------------------------------


def importing(scale: Scale) -> Iterator[Figure]:
    """From an n8n export to a use case in the platform's pattern, nothing written yet."""
    text = json.dumps(_export(scale.nodes), indent=2)
    sides = {
        "ours": lambda: _timed(partial(_imported, text)),
        "theirs": lambda: _timed(partial(_copied, text)),
    }
    found = interleaved(sides, scale.rounds)
    yield compared(
        Figure(
            "n8n-import",
            f"importing an n8n export of {scale.nodes} nodes",
            "`json.loads` and `json.dumps` of the same",
            Aim(10),
        ),
        found,
        unit="ms",
    )


def _export(count: int) -> dict[str, Any]:
    """A chain of nodes of the kinds that people have most, behind a webhook that some of them name."""
    kinds: list[tuple[str, float, dict[str, Any]]] = [
        ("webhook", 2, {"httpMethod": "POST", "path": "orders"}),
        ("code", 2, {"jsCode": "return $input.all().map((item) => item);\n" * 5}),
        ("httpRequest", 4.2, {"url": "={{ $('Node 0').first().json.body.url }}", "options": {}}),
        ("set", 3.4, {"mode": "raw", "jsonOutput": "={{ $json }}", "options": {}}),
    ]
    nodes = []
    for n in range(count):
        kind, version, parameters = kinds[n % 3 + 1] if n else kinds[0]
        node = {"id": f"id-{n}", "name": f"Node {n}", "typeVersion": version, "position": [200 * n, 0]}
        nodes.append({**node, "type": f"n8n-nodes-base.{kind}", "parameters": parameters})
    ends = [{"node": f"Node {n + 1}", "type": "main", "index": 0} for n in range(count - 1)]
    wires = {f"Node {n}": {"main": [[end]]} for n, end in enumerate(ends)}
    return {"name": "Orders", "nodes": nodes, "connections": wires, "settings": {}, "pinData": {}}


def _imported(text: str) -> None:
    [made] = UseCase.from_n8n(text).configuration.workflows
    assert made.workflow_template_id == "orders"


def _copied(text: str) -> None:
    assert len(json.dumps(json.loads(text), indent=2)) == len(text)


def _timed(do: Callable[[], None]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000
