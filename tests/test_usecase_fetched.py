"""A fetched use case loads again: what its configuration imports or reads is stored with the deployment."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from codika_nb import Client, Sandbox, UseCase, sign_in
from codika_nb.errors import UseCaseError
from codika_nb.usecases.apart import data_ingestion, stage_documents
from codika_nb.usecases.config_ts import run_typescript
from tests.codika_tool import Tool, codika_tool
from tests.conftest import EMAIL

from .n8n_exports import ORDINARY
from .test_usecase_typescript import folder, node, typescript

__all__ = ["codika_tool", "folder", "node"]


@pytest.fixture
def client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("CODIKA_BASE_URL", sandbox.url)
    sign_in(EMAIL, ask_code=sandbox.code_for, company="Acme")
    with Client() as signed_in:
        yield signed_in


def there_and_back(client: Client, folder: Path, back: Path) -> tuple[UseCase, UseCase]:
    client.deploy_use_case(folder)
    here = UseCase.load(folder)
    assert here.project
    with pytest.warns(UserWarning, match="is a program"):
        client.get_use_case(here.project.project_id, into=back)
    return here, UseCase.load(back)


def test_what_config_py_imports_and_reads_comes_back(client: Client, greeter: Path, tmp_path: Path) -> None:
    configuration = json.loads((greeter / "config.json").read_text(encoding="utf-8"))
    (greeter / "config.json").unlink()
    (greeter / "texts").mkdir()
    (greeter / "texts" / "title.txt").write_text("Grüße", encoding="utf-8")
    (greeter / "forms.py").write_text(f"CONFIGURATION = {configuration!r}", encoding="utf-8")
    (greeter / "config.py").write_text(
        "from pathlib import Path\nfrom forms import CONFIGURATION\n"
        "title = (Path(__file__).parent / 'texts' / 'title.txt').read_text(encoding='utf-8')\n"
        "configuration = {**CONFIGURATION, 'title': title}\n",
        encoding="utf-8",
    )

    here, back = there_and_back(client, greeter, tmp_path / "back")

    assert {"forms.py", "texts/title.txt"} <= {document.relative_path for document in here.documents}
    assert back.configuration.title == "Grüße"
    assert back.deployment(project_id="p") == here.deployment(project_id="p")


def test_what_config_ts_imports_and_reads_comes_back(client: Client, folder: Path, tmp_path: Path) -> None:
    (folder / "shared.ts").write_text("export const TITLE: string = 'Shared';\n", encoding="utf-8")
    (folder / "meta.json").write_text('{"note": "Notes"}', encoding="utf-8")
    (folder / "docs.md").write_text("# Docs\n", encoding="utf-8")
    text = (folder / "config.ts").read_text(encoding="utf-8")
    text = text.replace('"Greeter"', "TITLE + meta.note")
    text = text.replace("subtitle:", "releaseNotes: readFileSync(join(here, 'docs.md'), 'utf8'), subtitle:")
    head = (
        "import { TITLE } from './shared.ts';\nimport meta from './meta.json' with { type: 'json' };\n"
        "import { readFileSync } from 'node:fs';\n"
    )
    (folder / "config.ts").write_text(head + text.replace("randomUUID()", "constructor.name"), "utf-8")

    here, back = there_and_back(client, folder, tmp_path / "back")

    stored = {document.relative_path: document.description for document in here.documents}
    assert {"shared.ts", "meta.json", "docs.md"} <= set(stored)
    assert not any("node_modules" in name for name in stored)
    assert back.configuration.title == "SharedNotes"
    assert back.deployment(project_id="p") == here.deployment(project_id="p")


@pytest.mark.parametrize(
    "reading",
    [
        "import { readFile } from 'node:fs/promises'; await readFile(join(here, 'docs.md'));",
        "import fs from 'node:fs'; fs.readFileSync(new URL('./docs.md', import.meta.url));",
        "import { openSync, readFileSync } from 'node:fs'; readFileSync(openSync(join(here, 'docs.md')));",
        "import { createReadStream } from 'node:fs'; "
        "for await (const _ of createReadStream(join(here, 'docs.md'))) {}",
    ],
)
def test_what_config_ts_reads_is_noticed_however_it_does(folder: Path, reading: str) -> None:
    (folder / "docs.md").write_text("# Docs\n", encoding="utf-8")
    text = (folder / "config.ts").read_text(encoding="utf-8")
    (folder / "config.ts").write_text(f"{text}\n{reading}\n", encoding="utf-8")

    assert "docs.md" in {document.relative_path for document in UseCase.load(folder).documents}


def test_what_is_not_stored_is_named(greeter: Path) -> None:
    (greeter / ".env").write_text("TITLE=Hush", encoding="utf-8")
    configuration = json.loads((greeter / "config.json").read_text(encoding="utf-8"))
    (greeter / "config.json").unlink()
    (greeter / "config.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('.env').read_text()\n"
        f"configuration = {configuration!r}\n",
        encoding="utf-8",
    )

    with pytest.warns(UserWarning, match=r"\.env is read by config.py, and no copy is stored"):
        use_case = UseCase.load(greeter)

    assert ".env" not in {document.relative_path for document in use_case.documents}


def test_what_reads_nothing_besides_has_no_warning(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        UseCase.load(folder)


def test_what_is_fetched_keeps_its_project(client: Client, greeter: Path, tmp_path: Path) -> None:
    first = client.deploy_use_case(greeter)
    project = UseCase.load(greeter).project
    assert project
    client.get_use_case(project.project_id, into=tmp_path / "back")

    again = client.deploy_use_case(tmp_path / "back")

    assert (first.version, again.version) == ("1.0", "1.1")
    assert again.process_instance_id == first.process_instance_id
    kept = (tmp_path / "back" / "project.json").read_text(encoding="utf-8")
    assert json.loads(kept)["organizationId"] == project.organization_id
    client.get_use_case(project.project_id, version="1.0", into=tmp_path / "back")
    assert (tmp_path / "back" / "project.json").read_text(encoding="utf-8") == kept


@pytest.mark.parametrize("name", ["../x.md", "/x.md", "a//b", "C:/x.md", "a\\b", ".", "", "config.json"])
def test_what_is_added_has_a_place_of_its_own_inside(greeter: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "brief.md").write_text("# Brief", encoding="utf-8")
    use_case = UseCase.load(greeter)

    with pytest.raises(UseCaseError, match=r"no path inside|already"):
        use_case.add_file(tmp_path / "brief.md", name)
    with pytest.raises(UseCaseError, match="cannot be read"):
        use_case.add_file(tmp_path / "none.md")

    use_case.add_file(tmp_path / "brief.md")
    with pytest.raises(UseCaseError, match="already"):
        use_case.add_file(tmp_path / "brief.md")


@pytest.mark.parametrize("form", ["config.json", "config.py", "config.ts", "saved", "made", "imported"])
def test_there_and_back_again_the_same_is_sent(
    client: Client, greeter: Path, node: Tool, tmp_path: Path, form: str
) -> None:
    configuration = json.loads((greeter / "config.json").read_text(encoding="utf-8"))
    folder = greeter
    if form in ("config.py", "config.ts"):
        (greeter / "config.json").unlink()
        text = f"configuration = {configuration!r}\n"
        if form == "config.ts":
            text = typescript(configuration).replace("crypto.randomUUID()", "'a'")
        (greeter / form).write_text(text, encoding="utf-8")
    elif form == "imported":
        folder = tmp_path / "new"
        UseCase.from_n8n(ORDINARY["webhook"], name="Orders").save(folder)
    elif form != "config.json":
        folder = tmp_path / "new"
        loaded = UseCase.load(greeter)
        text = (greeter / "workflows" / "greet.json").read_text(encoding="utf-8")
        made = UseCase(loaded.configuration, {"greet": text}, skills=loaded.skills)
        (made if form == "made" else loaded).save(folder)
    (tmp_path / "brief.md").write_text("# Brief", encoding="utf-8")
    here = UseCase.load(folder)
    here.add_file(tmp_path / "brief.md", "docs/brief.md")

    client.deploy_use_case(here)
    project = here.project
    assert project
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client.get_use_case(project.project_id, into=tmp_path / "back")
    back = UseCase.load(tmp_path / "back")
    back.add_file(tmp_path / "back" / "docs" / "brief.md", "docs/brief.md")

    assert back.deployment(project_id="p") == here.deployment(project_id="p")
    assert client.deploy_use_case(back).version == "1.1"


EMBED = {"workflowTemplateId": "embed", "workflowName": "Embed", "purpose": "search"} | {
    "webhooks": {"embed": "https://example.com/embed", "delete": "https://example.com/delete"}
}


@pytest.mark.parametrize("kept_in", ["config.json", "config.py", "config.ts"])
def test_a_data_ingestion_is_saved_and_fetched_with_its_use_case(
    client: Client, folder: Path, tmp_path: Path, kept_in: str
) -> None:
    workflow = b'{"nodes": [], "connections": {}}'
    (folder / "data-ingestion").mkdir()
    (folder / "data-ingestion" / "embed.json").write_bytes(workflow)
    (folder / "documents").mkdir()
    (folder / "documents" / "1_why.md").write_text("# Why\n\nBecause.\n", encoding="utf-8")
    if kept_in == "config.ts":
        text = (folder / "config.ts").read_text(encoding="utf-8")
        given = f"\nexport const getDataIngestionConfig = () => ({json.dumps(EMBED)});\n"
        (folder / "config.ts").write_text(text + given, encoding="utf-8")
    else:
        configuration = UseCase.load(folder).configuration.to_json()
        for each in configuration["workflows"]:
            del each["n8nWorkflowJsonBase64"]
        (folder / "config.ts").unlink()
        if kept_in == "config.py":
            written = f"configuration = {configuration!r}\ndata_ingestion_config = {EMBED!r}\n"
            (folder / "config.py").write_text(written, encoding="utf-8")
        else:
            (folder / "config.json").write_text(json.dumps(configuration), encoding="utf-8")
            (folder / "data-ingestion.json").write_text(json.dumps(EMBED), encoding="utf-8")
    saved = tmp_path / "saved"
    UseCase.load(folder).save(saved)

    assert data_ingestion(saved) == data_ingestion(folder)
    assert stage_documents(saved) == stage_documents(folder)
    assert run_typescript(saved / "config.ts", "getDataIngestionConfig")[0] == data_ingestion(folder).config
    client.deploy_use_case(saved)
    assert client.deploy_data_ingestion(saved).version == "1.0"
    project = UseCase.load(saved).project
    assert project
    client.get_use_case(project.project_id, into=tmp_path / "back")
    assert data_ingestion(tmp_path / "back") == data_ingestion(folder)
    assert client.deploy_data_ingestion(tmp_path / "back").version == "1.1"


def test_a_data_ingestion_whose_workflow_is_null_carries_that_of_its_folder(
    greeter: Path, tmp_path: Path
) -> None:
    workflow = b'{"nodes": [], "connections": {}}'
    (greeter / "data-ingestion").mkdir()
    (greeter / "data-ingestion" / "embed.json").write_bytes(workflow)
    given = json.dumps({**EMBED, "n8nWorkflowJsonBase64": None})
    (greeter / "data-ingestion.json").write_text(given, encoding="utf-8")

    found = data_ingestion(greeter).config

    assert found == {**EMBED, "n8nWorkflowJsonBase64": base64.b64encode(workflow).decode()}
    UseCase.load(greeter).save(tmp_path / "saved")
    assert data_ingestion(tmp_path / "saved").config == found


@pytest.mark.parametrize("carries", [True, False])
def test_a_data_ingestion_goes_without_a_mark_and_hidden_files_are_none(
    greeter: Path, tmp_path: Path, carries: bool
) -> None:
    workflow = b'{"nodes": [], "connections": {}}'
    (greeter / "data-ingestion").mkdir()
    (greeter / "data-ingestion" / "embed.json").write_bytes(b"\xef\xbb\xbf" + workflow)
    (greeter / "data-ingestion" / "._embed.json").write_bytes(b"\0\5\x16\7")  # as macOS leaves them
    own = {"n8nWorkflowJsonBase64": base64.b64encode(b"\xef\xbb\xbf" + workflow).decode()}
    given = json.dumps(EMBED | own if carries else EMBED)
    (greeter / "data-ingestion.json").write_text(given, encoding="utf-8")

    found = data_ingestion(greeter).config

    assert base64.b64decode(found["n8nWorkflowJsonBase64"]) == workflow
    UseCase.load(greeter).save(tmp_path / "saved")
    assert data_ingestion(tmp_path / "saved").config == found


def test_a_data_ingestion_that_is_not_complete_is_named_when_it_is_saved(
    greeter: Path, tmp_path: Path
) -> None:
    (greeter / "data-ingestion").mkdir()
    (greeter / "data-ingestion" / "embed.json").write_bytes(b"{}")

    with pytest.warns(UserWarning, match="not complete: .* does not say what it is"):
        UseCase.load(greeter).save(tmp_path / "saved")

    assert (tmp_path / "saved" / "data-ingestion" / "embed.json").read_bytes() == b"{}"
