"""A recording that is killed leaves every file whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# In each round a child records one deployment after the other until it is killed in the middle of one.
ROUNDS = """
import json, os, random, signal, sys, time
from pathlib import Path
from codika_nb.models import Deployment
from codika_nb.usecases.usecase import UseCase

folder, chance, minor = Path(sys.argv[1]), random.Random(1), 0
use_case = UseCase.load(folder)

def record_without_end(first):
    for minor in range(first, first + 10**6):
        use_case.record(Deployment.model_validate({
            "templateId": "t", "version": f"1.{minor}", "isNewProcess": False, "processId": "p",
            "processInstanceId": "i", "deploymentInstanceId": "d", "workflowsDeployed": [],
            "deploymentStatus": "deployed",
        }), project_id="p1")

rounds = interrupted = 0
while rounds < int(sys.argv[2]) or (minor <= 20 and rounds < 5 * int(sys.argv[2])):
    rounds += 1
    child = os.fork()
    if not child:
        record_without_end(minor)
    # Longer and longer: a busy machine has to get something done, too.
    time.sleep(chance.uniform(0.01, 0.04) * (1 + rounds / 100))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for file in folder.rglob("*.json"):
        json.loads(file.read_bytes())
    project = json.loads((folder / "project.json").read_bytes())
    version = json.loads((folder / "version.json").read_bytes())
    assert (project["projectId"], project["note"], version["note"]) == ("p1", "kept", "kept")
    done = len(project.get("deployments", {}))
    interrupted += len(list(folder.rglob(".*.tmp")))
    for leftover in folder.rglob(".*.tmp"):
        leftover.unlink()
    minor = done
print(json.dumps([minor, interrupted]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of other systems")
def test_killed_recordings_leave_every_file_whole(greeter: Path) -> None:
    (greeter / "project.json").write_text('{"projectId": "p1", "note": "kept"}', encoding="utf-8")
    (greeter / "version.json").write_text('{"version": "1.0.0", "note": "kept"}', encoding="utf-8")

    finished = subprocess.run(
        [sys.executable, "-c", ROUNDS, str(greeter), "60"],
        capture_output=True,
        encoding="utf-8",
        timeout=150,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    recorded, interrupted = json.loads(finished.stdout)
    assert recorded > 20
    assert interrupted > 5  # killed between beginning a file and putting it in place
