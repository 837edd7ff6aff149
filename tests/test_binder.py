"""Binder: the image that repo2docker would make, and what runs in it, as far as that goes without Docker.

The packages of Binder's own image are pinned in ``.ci/kernels/binder.txt``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from codika_nb.cli.tutorials import FIRST_NOTEBOOK, NOT_YOURS
from tests.conftest import ROOT

BIN = Path(sys.executable).parent
ON_PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
REPO2DOCKER = shutil.which("jupyter-repo2docker", path=ON_PATH)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What Binder has of the repository."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=NOT_YOURS)
    shutil.copytree(ROOT / "binder", folder / "binder")
    return folder


@contextmanager
def started(checkout: Path, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command through ``binder/start``, and end whatever that leaves running."""
    process = subprocess.Popen(
        [checkout / "binder" / "start", *command],
        env=os.environ | {"PATH": ON_PATH} | environment,
        cwd="/",
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def asked(url: str) -> tuple[str, bytes]:
    """Where an address leads to, and what is there."""
    with urllib.request.urlopen(
        urllib.request.Request(url, headers={"Accept": "application/json"})
    ) as answer:
        return answer.url, answer.read()


@pytest.mark.skipif(
    REPO2DOCKER is None and not os.environ.get("CI"), reason="pip install jupyter-repo2docker"
)
def test_the_image_installs_checks_and_starts(tmp_path: Path) -> None:
    assert REPO2DOCKER, "CI needs jupyter-repo2docker: it is in the extra [test]"
    done = subprocess.run(
        [REPO2DOCKER, "--no-build", "--debug", "--user-id=1000", "--user-name=jovyan", ROOT],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    base, _, image = done.stdout.partition("COPY --chown=1000:1000 src/ ${REPO_DIR}/\n")
    assert "environment-2epy-2d3-2e11" in base  # how it spells the file with Python 3.11's packages
    # In this order, and nothing else of the repository is taken for a part of the recipe.
    files = ["requirements.txt", "postBuild", "postBuild", "start", "start"]
    assert re.findall(r"binder/([\w.]+)", image) == files
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in image
    assert "RUN ./binder/postBuild" in image
    assert image.count("install") == 1
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in image


def test_what_binder_installs_is_what_the_tutorials_need() -> None:
    assert (ROOT / "binder/requirements.txt").read_text().splitlines() == [".[sandbox]", "pandas"]
    assert (ROOT / "binder/runtime.txt").read_text().strip() == "python-3.11"
    for name in ("postBuild", "start"):
        assert os.access(ROOT / "binder" / name, os.X_OK)


def test_the_image_is_made_only_if_everything_works(checkout: Path) -> None:
    def build(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["./binder/postBuild"],
            env=os.environ | {"PATH": ON_PATH} | environment,
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )

    before = sorted(checkout.rglob("*"))
    done = build()
    assert done.returncode == 0, done.stderr
    assert "Hello, Ada!" in done.stdout
    assert sorted(checkout.rglob("*")) == before

    broken = checkout.parent / "broken"
    broken.mkdir()
    (broken / "codika-nb").write_text("#!/bin/sh\nexit 3\n")
    (broken / "codika-nb").chmod(0o755)
    assert build(PATH=f"{broken}{os.pathsep}{ON_PATH}").returncode == 3


@pytest.mark.kernel
def test_jupyterlab_opens_on_the_first_tutorial_with_a_sandbox(checkout: Path, tmp_path: Path) -> None:
    own = {
        name: str(tmp_path / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    command = ["jupyter-lab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    command += ["--ServerApp.allow_root=True", "--Application.log_level=INFO"]
    with started(checkout, *command, JUPYTER_TOKEN="t", **own) as process:
        assert process.stdout
        said = next(line for line in process.stdout if "http://127.0.0.1" in line)
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said
        server = found[0]
        for _ in range(300):
            try:
                landed, _ = asked(f"{server}/?token=t")
                break
            except OSError:
                time.sleep(0.1)
        assert f"/lab/tree/notebooks/{FIRST_NOTEBOOK}" in landed
        _, tutorial = asked(f"{server}/api/contents/notebooks/{FIRST_NOTEBOOK}?token=t")
        assert json.loads(tutorial)["type"] == "notebook"

        # What kernels will find in their environment.
        environment = Path(f"/proc/{process.pid}/environ")
        if not environment.exists():
            pytest.skip("the environment of a process can be looked at on Linux only")
        variables = dict(each.split("=", 1) for each in environment.read_text().split("\0") if "=" in each)
        _, about = asked(variables["CODIKA_BASE_URL"])
        assert json.loads(about)["name"] == "codika sandbox"
        with urllib.request.urlopen(variables["CODIKA_BASE_URL"]) as page:
            assert "<code>greet</code>" in page.read().decode(), "the greeter's stand-in is loaded"


@pytest.mark.kernel
def test_the_server_starts_without_a_sandbox_too(checkout: Path, tmp_path: Path) -> None:
    """%codika_sandbox then starts one in the kernel; an empty variable is one that is not set."""
    (tmp_path / "codika-nb").write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    (tmp_path / "codika-nb").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{ON_PATH}"
    with started(checkout, "sh", "-c", 'echo "url=$CODIKA_BASE_URL in $PWD: $*"', "sh", PATH=path) as process:
        said, _ = process.communicate(timeout=30)
    assert said.startswith(f"url= in {checkout}: --LabApp.default_url=/lab/tree/notebooks/")


def test_a_wheel_brings_the_tutorials_and_its_types(tmp_path: Path) -> None:
    source = tmp_path / "source"
    parts = ("codika_nb", "notebooks", "tests", "binder", "pyproject.toml", ".gitignore")
    for name in (*parts, "README.md", "CHANGELOG.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(ROOT / name, source / name)
    # What people leave in a checkout is nobody else's, least of all a key.
    left = [
        source / "notebooks" / name
        for name in (
            "dashboards/.env",
            "use-cases/greeter/project.json",
            "use-cases/greeter/version.json",
            "use-cases/greeter/deployments/one/project-info.json",
            ".ipynb_checkpoints/01-checkpoint.ipynb",
        )
    ]
    for file in left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, source],
        check=True,
        capture_output=True,
    )
    (sdist,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert packed.isdisjoint(str(file.relative_to(source)) for file in left)
    target = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archived:
        archived.extractall(target)  # noqa: S202 - made a moment ago, by us
        brought = set(archived.namelist())
    assert {
        "codika_nb/py.typed",
        "codika_nb/usecases/starter/version.json",
        f"codika_nb/notebooks/{FIRST_NOTEBOOK}",
        "codika_nb/notebooks/workshop.md",
        "codika_nb/notebooks/pictures/sign-in.png",
        "codika_nb/notebooks/use-cases/greeter/workflows/greet.json",
        "codika_nb/notebooks/use-cases/greeter/stand_ins.py",
    } <= brought
    assert brought.isdisjoint(f"codika_nb/{file.relative_to(source)}" for file in left)
    assert not [name for name in brought if name.endswith(("conftest.py", ".pyc"))]
    assert {name.split("/")[0] for name in brought if ".dist-info" not in name} == {"codika_nb"}
    environment = os.environ | {"PYTHONPATH": str(target)}
    demo = subprocess.run(
        [sys.executable, "-m", "codika_nb", "demo"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Hello, Ada!" in demo.stdout
