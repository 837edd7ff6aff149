// node lite.mjs FOLDER BYTECODE PACKAGE …: what a notebook imports until its first form is there, as bytecode.
//
// Bytecode fits the version of Python that has made it, so it is made by the one that is in FOLDER (Pyodide, with
// wheels) and goes to BYTECODE. Without it, the browser compiles a thousand modules each time a notebook is opened.
import { pathToFileURL } from "node:url";

const [folder, bytecode, ...packages] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const python = await loadPyodide({ indexURL: `${folder}/`, packages });
python.FS.mkdirTree("/bytecode");
python.FS.mount(python.FS.filesystems.NODEFS, { root: bytecode }, "/bytecode");
python.runPython(`
import importlib
import pkgutil
import py_compile
import sys
from contextlib import suppress
from pathlib import Path

import codika_nb
import ipywidgets
import piplite.piplite
import pyodide_kernel

for module in pkgutil.walk_packages(codika_nb.__path__, "codika_nb.", onerror=lambda name: None):
    if module.name.split(".")[1] not in ("cli", "__main__"):
        # What needs packages that only a server has is not imported there either.
        with suppress(ImportError):
            importlib.import_module(module.name)

for module in list(sys.modules.values()):
    spec = getattr(module, "__spec__", None)
    origin = getattr(spec, "origin", None) or ""
    where = next((each for each in sys.path if each and origin.startswith(each + "/")), None)
    if where and origin.endswith(".py"):
        made = Path("/bytecode", origin.removeprefix(where + "/") + "c")
        made.parent.mkdir(parents=True, exist_ok=True)
        Path("/source.py").write_text(spec.loader.get_source(spec.name), encoding="utf-8")
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile("/source.py", str(made), origin, doraise=True, invalidation_mode=mode)
`);
process.exit(0);
