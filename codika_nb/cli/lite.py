"""``codika-nb lite``: a workshop that needs nothing but a browser, as a folder of files for any web server.

It holds JupyterLite, Python for the browser (Pyodide), the packages that both need, and the tutorials. What
is not installed here comes from the registries of Python and Node packages, once: whoever opens the page
asks nobody but the server it came from.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email.parser import HeaderParser
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ConfigError
from .tutorials import copy_tutorials

#: The version that JupyterLite's kernel is made for.
PYODIDE = "314.0.7"
#: What is copied of it: the page's loader, the interpreter, its standard library.
_OF_PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
#: What somebody may import there, beside us and what we need: the kernel names those after the first three.
_ROOTS = (
    *("codika-nb", "starlette", "micropip", "piplite"),
    *("ipykernel", "comm", "pyodide-kernel", "jedi", "ipython"),
)
#: What these ask for and only a server would use.
_NOT_THERE = ("widgetsnbextension", "jupyterlab-widgets")
_KERNEL, _WIDGETS = "@jupyterlite/pyodide-kernel-extension", "@jupyter-widgets/jupyterlab-manager"
#: Types of hundreds of packages that are not there, tests, and what describes files that are left out.
_LEFT_OUT = re.compile(
    r"jedi/third_party/(typeshed/stubs|django-stubs)/|.*/tests/|[^/]*\.dist-info/(RECORD$|sboms/)"
)
#: Hundreds of languages, of which few are shown by Python: the page itself colours what is typed.
_ONLY_IF_IMPORTED = "pygments/lexers/"
#: Whose source is looked at: ours by people, the other one's by itself. All else comes as bytecode alone.
_WITH_SOURCE = ("codika_nb/", "anyio/")
#: Fonts for browsers that cannot run Python anyway, and what lays out rare kinds of diagrams in texts.
_FONTS = re.compile(r"fa-.*\.woff|.*\.(eot|svg|ttf)")
_DIAGRAMS = re.compile(rb"elk-worker\.min\.js|cytoscape")
_NOTEBOOKS = ("01_sign_in_and_deploy.ipynb", "03_your_own_use_case.ipynb", "06_scripting.ipynb")
#: An item of a list, with the lines that go on with it.
_ITEM = re.compile(r"(?m)^\* .*\n?(?:  .*\n?)*")
_LINK = re.compile(r"\[(?P<words>[^\]]+)\]\((?P<target>[^)\s]+)\)")
_APPS = ("notebooks", "tree", "edit")


def run(arguments: argparse.Namespace) -> None:
    """Make the site, and say how to try it."""
    folder = arguments.folder.resolve()
    print("Downloading what is not here, and putting it together: a minute or two …", flush=True)
    build(folder, pyodide=arguments.pyodide)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"Made {folder}: {size / 1e6:.0f} MB, for any web server.")
    print(f"Try it here:  {Path(sys.executable).name} -m http.server --bind 127.0.0.1 --directory {folder}")


def build(folder: Path, *, pyodide: Path | None = None) -> None:
    """Make the site.

    Args:
        folder: where to; it must not hold anything yet.
        pyodide: the npm package ``pyodide``, as a ``.tgz`` or unpacked; npm is asked for it if left out.

    Raises:
        ConfigError: something is missing, which the message names, or the folder is in use.
    """
    for name in ("jupyterlite_core", "jupyterlite_pyodide_kernel", "packaging"):
        if importlib.util.find_spec(name) is None:
            raise ConfigError(f"{name} is not installed.", next_action="pip install 'codika-nb[lite]'")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty.", next_action="Give a folder that is not there yet.")
    with tempfile.TemporaryDirectory(prefix="codika-lite-") as temporary:
        scratch = Path(temporary)
        python = scratch / "static" / "pyodide"
        python.mkdir(parents=True)
        lock = _add_pyodide(python, scratch, pyodide)
        # What JupyterLite's kernel has instead of packages that want a server counts more than those.
        instead = sorted(_extension(_KERNEL).glob("static/pypi/*.whl"))
        wheels = [_own_wheel(scratch), *instead, *_downloaded(scratch / "wheels", lock["info"])]
        lock["packages"] = _locked(wheels, python, lock["info"]["python"])
        (python / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
        if node := shutil.which("node"):
            _add_bytecode(node, python, scratch / "bytecode", lock)
            (python / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
        copy_tutorials(scratch / "tutorials")
        contents = scratch / "files"
        contents.mkdir()
        for name in (*_NOTEBOOKS, "use-cases"):
            shutil.move(scratch / "tutorials" / name, contents / name)
        for notebook in contents.glob("*.ipynb"):
            _unlink_what_is_not_there(notebook)
        (scratch / "jupyter-lite.json").write_text(json.dumps(_settings()), encoding="utf-8")
        _run_jupyterlite(scratch, folder)
    for file in (folder / "build").glob("*.*"):
        if _FONTS.fullmatch(file.name) or (file.suffix == ".js" and _DIAGRAMS.search(file.read_bytes())):
            file.unlink()
    page = (files(__package__) / "lite.html").read_text(encoding="utf-8")
    (folder / "index.html").write_text(page.replace("{version}", __version__), encoding="utf-8")


def _unlink_what_is_not_there(notebook: Path) -> None:
    """Leave the words of links that lead to no file of the site; a list's item without other links goes."""

    def is_there(link: re.Match[str]) -> bool:
        return ":" in link["target"] or (notebook.parent / link["target"].partition("#")[0]).exists()

    def item(found: re.Match[str]) -> str:
        links = list(_LINK.finditer(found[0]))
        return found[0] if not links or any(map(is_there, links)) else ""

    document = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in document["cells"]:
        if cell["cell_type"] == "markdown":
            text = _ITEM.sub(item, "".join(cell["source"]))
            cell["source"] = _LINK.sub(lambda link: link[0] if is_there(link) else link["words"], text)
    notebook.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")


def _settings() -> dict[str, Any]:
    kernel = {"disablePyPIFallback": True, "loadPyodideOptions": {"packages": list(_ROOTS)}}
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Codika",
            "appUrl": "./tree",
            "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": kernel},
        },
    }


def _run_jupyterlite(scratch: Path, folder: Path) -> None:
    config = {
        "LiteBuildConfig": {
            "lite_dir": str(scratch),
            "output_dir": str(folder),
            "apps": list(_APPS),
            "contents": [str(scratch / "files")],
            # What else is installed here is nothing for the page.
            "ignore_sys_prefix": True,
            "federated_extensions": [str(_extension(_KERNEL)), str(_extension(_WIDGETS))],
            "no_sourcemaps": True,
            "no_unused_shared_packages": True,
        },
    }
    (scratch / "jupyter_lite_config.json").write_text(json.dumps(config), encoding="utf-8")
    _command([sys.executable, "-m", "jupyterlite_core", "build"], "JupyterLite", cwd=scratch)


def _command(command: list[str], what: str, *, cwd: Path) -> str:
    """Run a program, and return what it has printed.

    Raises:
        ConfigError: with the end of what it said, if it failed.
    """
    done = subprocess.run(  # noqa: S603 - our own words
        command, cwd=cwd, capture_output=True, text=True, check=False, encoding="utf-8", errors="replace"
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise ConfigError(f"{what} failed: {said}", next_action="Without a network it cannot be built.")
    return done.stdout


# --- Python for the browser ------------------------------------------------------------------------


def _add_pyodide(python: Path, scratch: Path, given: Path | None) -> dict[str, Any]:
    """Put Pyodide's files there; returns its lock file, of which the packages are not there."""
    if given is None:
        npm = shutil.which("npm")
        if npm is None:
            raise ConfigError(
                f"The npm package pyodide {PYODIDE} is needed, and there is no npm here to get it.",
                next_action="Install Node.js, or give what npm pack has made elsewhere: --pyodide FILE.",
            )
        _command([npm, "pack", "--silent", f"pyodide@{PYODIDE}"], f"npm pack pyodide@{PYODIDE}", cwd=scratch)
        given = next(scratch.glob("pyodide-*.tgz"))
    wanted = (*_OF_PYODIDE, "pyodide-lock.json")
    found = _files_of(given, wanted)
    if missing := [name for name in wanted if name not in found]:
        raise ConfigError(
            f"{given} is not the npm package pyodide: {', '.join(missing)} is missing.",
            next_action=f"npm pack pyodide@{PYODIDE}",
        )
    for name in _OF_PYODIDE:
        (python / name).write_bytes(found[name])
    lock: dict[str, Any] = json.loads(found["pyodide-lock.json"])
    return lock


def _files_of(package: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Those of these files that are in an npm package, as it was packed or in its folder."""
    if not package.is_file():
        return {name: (package / name).read_bytes() for name in names if (package / name).is_file()}
    found = {}
    with suppress(tarfile.TarError, KeyError), tarfile.open(package) as archive:
        for name in names:
            if file := archive.extractfile(f"package/{name}"):
                found[name] = file.read()
    return found


def _own_wheel(scratch: Path) -> Path:
    """This very package as a wheel, however it is installed here."""
    root = Path(__file__).parents[1]
    distribution = metadata.distribution("codika-nb")
    info = f"codika_nb-{__version__}.dist-info"
    path = scratch / f"codika_nb-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in sorted(root.rglob("*")):
            inner = file.relative_to(root)
            # Tutorials of an installation are contents here, and not part of the package.
            if file.is_file() and "__pycache__" not in inner.parts and inner.parts[0] != "notebooks":
                wheel.write(file, f"codika_nb/{inner.as_posix()}")
        wheel.writestr(f"{info}/METADATA", distribution.read_text("METADATA") or "")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in wheel.namelist()))
    return path


def _extension(name: str) -> Path:
    """Where an extension of JupyterLab is installed."""
    from jupyter_core.paths import jupyter_path  # noqa: PLC0415 - an extra

    for folder in map(Path, jupyter_path("labextensions")):
        if (folder / name).is_dir():
            return folder / name
    raise ConfigError(
        f"JupyterLab's extension {name} is missing.", next_action="pip install 'codika-nb[lite]'"
    )


def _downloaded(wheels: Path, info: dict[str, Any]) -> Iterable[Path]:
    """Everything else, as wheels for the browser."""
    version = ".".join(info["python"].split(".")[:2])
    needed = [*(metadata.requires("codika-nb") or ()), "micropip"]
    wanted = [each.partition(";")[0] for each in needed if "extra ==" not in each or "starlette" in each]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--dest", str(wheels), "--python-version", version]
    command += ["--implementation", "cp", "--abi", f"cp{version.replace('.', '')}"]
    command += ["--platform", f"pyemscripten_{info['abi_version']}_{info['arch']}"]
    _command([*command, *wanted], "pip download", cwd=wheels.parent)
    return sorted(wheels.glob("*.whl"))


# --- which package is in which file ----------------------------------------------------------------


def _locked(wheels: Iterable[Path], python: Path, version: str) -> dict[str, Any]:
    """What is needed of these wheels, as Pyodide's lock file has it; each is copied beside it."""
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - an extra

    found: dict[str, Path] = {}
    for wheel in wheels:
        found.setdefault(canonicalize_name(wheel.name.partition("-")[0]), wheel)
    packages: dict[str, Any] = {}
    left = list(_ROOTS)
    while left:
        name = left.pop()
        if name in packages:
            continue
        if name not in found:
            raise ConfigError(f"{name} is missing among the wheels for the browser.")
        copied = python / found[name].name
        _copy(found[name], copied)
        packages[name] = _entry(copied, version)
        left += packages[name]["depends"]
    return packages


def _copy(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as whole, _new_archive(target) as kept:
        for name in whole.namelist():
            if not _LEFT_OUT.match(name):
                kept.writestr(name, whole.read(name))


def _new_archive(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9)


def _entry(wheel: Path, version: str) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        inside = next(name for name in names if name.endswith(".dist-info/METADATA"))
        about = HeaderParser().parsestr(archive.read(inside).decode("utf-8"))
    return {
        "name": about["Name"],
        "version": about["Version"],
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": _digest(wheel),
        "package_type": "package",
        "imports": sorted({_module(name) for name in names} - {""}),
        "depends": sorted(set(_depends(about.get_all("Requires-Dist") or (), version))),
        "unvendored_tests": False,
    }


def _add_bytecode(node: str, python: Path, made: Path, lock: dict[str, Any]) -> None:
    """Put bytecode in the place of what is imported first, or beside it, and tell the lock file."""
    made.mkdir()
    program = made.with_suffix(".mjs")
    program.write_bytes((files(__package__) / "lite.mjs").read_bytes())
    _command([node, str(program), str(python), str(made), *_ROOTS], "Node.js", cwd=made.parent)
    tag = "cpython-" + "".join(lock["info"]["python"].split(".")[:2])
    for archive in [python / "python_stdlib.zip", *python.glob("*.whl")]:
        source = archive.rename(made / archive.name)
        with zipfile.ZipFile(source) as whole, _new_archive(archive) as kept:
            for name in whole.namelist():
                compiled, readable = made / f"{name}c", name.startswith(_WITH_SOURCE)
                if readable or not (compiled.is_file() or name.startswith(_ONLY_IF_IMPORTED)):
                    kept.writestr(name, whole.read(name))
                if compiled.is_file():
                    folder, _, file = name.rpartition("/")
                    cached = f"{folder}/__pycache__/{file.removesuffix('.py')}.{tag}.pyc"
                    kept.write(compiled, cached if readable else f"{name}c")
    for package in lock["packages"].values():
        package["sha256"] = _digest(python / package["file_name"])


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _module(name: str) -> str:
    """What can be imported by this file of a wheel; nothing by most of them."""
    folder, _, rest = name.partition("/")
    if rest:
        return "" if folder.endswith((".dist-info", ".data")) else folder
    return name.removesuffix(".py") if name.endswith(".py") else ""


def _depends(requirements: Iterable[str], version: str) -> Iterator[str]:
    from packaging.requirements import Requirement  # noqa: PLC0415 - an extra
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    there = {
        "extra": "",
        "os_name": "posix",
        "platform_machine": "wasm32",
        "platform_system": "Emscripten",
        "python_full_version": version,
        "python_version": ".".join(version.split(".")[:2]),
        "sys_platform": "emscripten",
    }
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name not in _NOT_THERE and (requirement.marker is None or requirement.marker.evaluate(there)):
            yield name
