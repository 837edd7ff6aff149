"""What a folder has that is deployed apart from its workflows: documents about stages, a data ingestion.

Both are read as codika 3.6.0 reads them.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UseCaseError, warn
from .config_py import run_python
from .config_ts import is_view, run_typescript
from .documents import ENCODED_MARK, check_workflow, inside, json_file, read, read_object, text

if TYPE_CHECKING:
    from ..models import StageDocument

#: What a data ingestion is, where the configuration is a ``config.json``.
INGESTION_FILE = "data-ingestion.json"
#: Which files are deployed apart, by the folder that they are in.
_FILES = {"documents": "[1-4]_*.md", "data-ingestion": "*.json"}
_LONGEST_SUMMARY = 200


class Ingestion(NamedTuple):
    """A data ingestion, as its folder has it."""

    config: dict[str, Any]
    """What the platform gets."""
    file: str
    """The workflow's path inside the folder."""
    content: bytes


def stage_documents(folder: Path) -> list[StageDocument]:
    """The documents about stages 1 to 4: for each the first ``documents/<stage>_*.md``.

    Raises:
        UseCaseError: there is none, or one is empty.
    """
    names = _names(folder, "documents")
    if not names:
        raise UseCaseError(
            f"{folder} has no documents about stages.",
            next_action="Call them documents/1_….md to documents/4_….md.",
        )
    firsts = {int(name[0]): name for name in reversed(names)}
    return [_stage_document(folder, stage, name) for stage, name in sorted(firsts.items())]


def _names(folder: Path, of: str) -> list[str]:
    place = inside(folder, of)
    found = place.glob(_FILES[of]) if place.is_dir() else ()
    return sorted(file.name for file in found if file.is_file() and file.name[0] != ".")


def _stage_document(folder: Path, stage: int, name: str) -> StageDocument:
    content = text(read(folder, f"documents/{name}"), f"documents/{name}").strip()
    if not content:
        raise UseCaseError(f"documents/{name} is empty.", next_action="Write it, or move it away.")
    words = re.sub(r"^\d+_", "", name.removesuffix(".md")).split("_")
    lines = (line.strip() for line in content.split("\n"))
    summary = next((line for line in lines if line and not line.startswith(("#", "---"))), "")
    if len(summary) > _LONGEST_SUMMARY:
        summary = f"{summary[: _LONGEST_SUMMARY - 3]}..."
    return {
        "stage": stage,
        "title": " ".join(word[:1].upper() + word[1:] for word in words),
        "content": content,
        "summary": summary or "Use case documentation",
    }


def data_ingestion(folder: Path) -> Ingestion:
    """The data ingestion: what ``getDataIngestionConfig()`` of a ``config.ts`` gives.

    In a ``config.py`` that is ``get_data_ingestion_config()`` or ``data_ingestion_config``, and beside a
    ``config.json`` it is the object in ``data-ingestion.json``. Its workflow is the one file of
    ``data-ingestion/``, and goes into what the configuration gives if that does not carry it.

    Raises:
        UseCaseError: there is none, or it cannot be read.
    """
    found = _names(folder, "data-ingestion")
    if len(found) != 1:
        raise UseCaseError(
            f"{folder} has {len(found) or 'no'} workflows in data-ingestion/, and one is deployed.",
            next_action="Put one .json file there.",
        )
    name = f"data-ingestion/{found[0]}"
    content = read(folder, name)
    check_workflow(content, name)
    given = _ingestion_config(folder)
    if not isinstance(given, dict):
        raise UseCaseError("The configuration of the data ingestion is no object.")
    own = given.get("n8nWorkflowJsonBase64")  # null is the same as left out
    encoded = base64.b64encode(content).decode() if own is None else own
    config = {**given, "n8nWorkflowJsonBase64": encoded}
    if isinstance(encoded, str):
        config["n8nWorkflowJsonBase64"] = encoded.removeprefix(ENCODED_MARK)
    return Ingestion(config, name, content)


def carried(folder: Path) -> dict[str, bytes]:
    """All that is deployed apart, as the files of a folder whose configuration is a ``config.json``."""
    files: dict[str, bytes] = {}
    for of in _FILES:
        for each in _names(folder, of):
            files[f"{of}/{each}"] = read(folder, f"{of}/{each}")
    if any(name.startswith("data-ingestion/") for name in files):
        try:
            config, _, content = data_ingestion(folder)
        except UseCaseError as error:
            warn(f"The data ingestion is not complete: {error.message}")
            return files
        if config["n8nWorkflowJsonBase64"] == base64.b64encode(content).decode():
            del config["n8nWorkflowJsonBase64"]
        files[INGESTION_FILE] = json_file(config, INGESTION_FILE)
    return files


def _ingestion_config(folder: Path) -> object:
    if (given := read_object(folder, INGESTION_FILE)) is not None:
        return given
    python, typescript = folder / "config.py", folder / "config.ts"
    if python.is_file():
        wanted = ("get_data_ingestion_config", "data_ingestion_config")
        return run_python(python, text(read(folder, "config.py"), "config.py"), wanted)[0]
    if typescript.is_file() and not is_view(read(folder, "config.ts")):
        return run_typescript(typescript, "getDataIngestionConfig")[0]
    raise UseCaseError(
        f"{folder} has a workflow for a data ingestion, and does not say what it is.",
        next_action=f"Write {INGESTION_FILE} by a config.json, get_data_ingestion_config() in a config.py "
        "or getDataIngestionConfig() in a config.ts; or give it: deploy_data_ingestion({…}, project_id=…).",
    )
