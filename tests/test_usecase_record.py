"""What a folder keeps of its deployments, for every server and organization."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Client, Sandbox, sign_in
from codika_nb.client.offers import known_here
from codika_nb.errors import ConfigError, NotFoundError, UseCaseError
from codika_nb.models import Deployment, Published
from codika_nb.profiles import Profile, ProfileStore
from codika_nb.usecases.usecase import UseCase

PRODUCTION = "https://api.codika.io"
STAGING = "https://staging.example"
SANDBOX = "http://127.0.0.1:8765"
OTHER_SANDBOX = "http://localhost:8766"

ALPHA = {"projectId": "pa", "organizationId": "a", "baseUrl": SANDBOX, "devProcessInstanceId": "ia"}
BETA = {"projectId": "pb", "organizationId": "b", "baseUrl": SANDBOX}
ACME = {"projectId": "pc", "organizationId": "c", "deployments": {"1.0": {"templateId": "t"}}, "note": 1}


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")


def deployed(version: str = "1.0", instance: str = "i", **members: Any) -> Deployment:
    return Deployment.model_validate(
        {
            "templateId": "template-1",
            "version": version,
            "isNewProcess": False,
            "processId": "process-1",
            "processInstanceId": instance,
            "deploymentInstanceId": "deployment-1",
            "workflowsDeployed": [],
            "deploymentStatus": "deployed",
            **members,
        }
    )


# --- one project for every server and organization -------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "organization", "project"),
    [
        (SANDBOX, "a", "pa"),
        (SANDBOX, "b", "pb"),
        (PRODUCTION, "c", "pc"),
        (OTHER_SANDBOX, "b", "pb"),  # a sandbox that keeps its data may come back at another port
        (SANDBOX, "c", "pc"),  # no server is named there, and the organization is the same
        (SANDBOX, "d", None),
        (PRODUCTION, "a", None),
        (STAGING, "b", None),
        (SANDBOX, None, "pa"),  # an unknown organization has the project that was used last
        (PRODUCTION, None, "pc"),
    ],
)
def test_each_server_and_organization_has_its_link(
    greeter: Path, base_url: str, organization: str | None, project: str | None
) -> None:
    write(greeter / "project.json", {**ALPHA, "links": [BETA, ACME]})

    link = UseCase.load(greeter).link(base_url, organization)

    assert (link and link.project_id) == project
    if project:
        assert UseCase.load(greeter).target_for(base_url, organization) == project


def test_switching_makes_nothing_new_and_forgets_nothing(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("pa", "a", SANDBOX)
    use_case.record(deployed("1.0", "ia"), project_id="pa")
    use_case.record_project("pb", "b", SANDBOX)
    use_case.record(deployed("1.0", "ib"), project_id="pb")

    assert read(greeter / "project.json")["projectId"] == "pb"
    assert use_case.target_for(SANDBOX, "a") == "pa"
    use_case.record(deployed("1.1", "ia"), project_id="pa")

    content = read(greeter / "project.json")
    assert (content["projectId"], content["organizationId"], content["baseUrl"]) == ("pa", "a", SANDBOX)
    assert (content["devProcessInstanceId"], list(content["deployments"])) == ("ia", ["1.0", "1.1"])
    [other] = content["links"]
    assert (other["projectId"], other["devProcessInstanceId"], list(other["deployments"])) == (
        "pb",
        "ib",
        ["1.0"],
    )
    assert [link.project_id for link in use_case.links] == ["pa", "pb"]


def test_a_link_takes_along_all_that_is_said_about_it(greeter: Path) -> None:
    write(greeter / "project.json", {**ACME, "links": [ALPHA, BETA]})
    use_case = UseCase.load(greeter)

    use_case.record_project("pb", "b", SANDBOX)
    assert read(greeter / "project.json") == {**BETA, "links": [ACME, ALPHA]}

    use_case.record_project("pc", "c", PRODUCTION)
    assert read(greeter / "project.json") == {**ACME, "links": [BETA, ALPHA]}


def test_a_project_of_its_own_is_added_and_the_old_one_kept(greeter: Path) -> None:
    write(greeter / "project.json", ACME)
    use_case = UseCase.load(greeter)

    use_case.record_project("pn", "c", PRODUCTION)

    assert read(greeter / "project.json") == {"projectId": "pn", "organizationId": "c", "links": [ACME]}
    assert use_case.target_for(PRODUCTION, "c") == "pn"


def test_a_sandbox_that_moved_is_found_at_its_new_address(greeter: Path) -> None:
    write(greeter / "project.json", ALPHA)
    use_case = UseCase.load(greeter)

    use_case.record_project("pa", "a", OTHER_SANDBOX)

    assert read(greeter / "project.json") == {**ALPHA, "baseUrl": OTHER_SANDBOX}
    use_case.record_project("pa", "a")  # nothing is said about the server: it stays
    assert read(greeter / "project.json") == {**ALPHA, "baseUrl": OTHER_SANDBOX}


@pytest.mark.parametrize(
    ("content", "base_url", "organization", "refused"),
    [
        (ACME, PRODUCTION, "d", True),
        (ACME, SANDBOX, "a", True),
        (ALPHA, SANDBOX, "d", False),
        (ALPHA, PRODUCTION, "a", False),
        # A detour over a sandbox does not make a person's project in production forgotten.
        ({**ALPHA, "links": [ACME]}, PRODUCTION, "d", True),
        ({**ALPHA, "links": [ACME]}, SANDBOX, "d", False),
    ],
)
def test_a_second_project_needs_a_word_unless_the_first_is_in_a_sandbox(
    greeter: Path, content: dict[str, Any], base_url: str, organization: str, refused: bool
) -> None:
    write(greeter / "project.json", content)
    use_case = UseCase.load(greeter)

    if not refused:
        assert use_case.target_for(base_url, organization) is None
        return
    with pytest.raises(ConfigError, match="points to project pc of organization c") as error:
        use_case.target_for(base_url, organization)
    assert "--create-project NAME" in str(error.value.next_action)


def test_what_was_published_is_written_where_its_project_stands(greeter: Path) -> None:
    write(greeter / "project.json", {**ALPHA, "links": [BETA]})
    published = Published.model_validate(
        {"processDeploymentId": "t", "version": "1.0", "processInstanceId": "prod"}
    )

    UseCase.load(greeter).record_published(published, project_id="pb")

    assert read(greeter / "project.json") == {**ALPHA, "links": [{**BETA, "prodProcessInstanceId": "prod"}]}


def test_a_failed_deployment_is_written_where_its_project_stands(greeter: Path) -> None:
    write(greeter / "project.json", {**ALPHA, "links": [BETA]})

    UseCase.load(greeter).record(deployed(instance="ib", deploymentStatus="failed"), project_id="pb")

    assert read(greeter / "project.json") == {**BETA, "devProcessInstanceId": "ib", "links": [ALPHA]}


def test_whose_a_folder_is(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    assert (use_case.owner, use_case.links, use_case.link(SANDBOX, "a")) == (None, [], None)

    write(greeter / "project.json", {**ALPHA, "links": [ACME]})
    assert use_case.owner == (SANDBOX, "a")

    use_case.record_project("pc", "c")
    assert UseCase.load(greeter).owner == (None, "c")


@pytest.mark.parametrize(
    ("links", "place"),
    [
        (None, "links"),
        ({}, "links"),
        ([1], "links[0]"),
        ([BETA, {"organizationId": "c"}], "links[1].projectId"),
        ([{**BETA, "links": []}], "links[0].links"),
        ([{**BETA, "deployments": []}], "links[0].deployments"),
    ],
)
def test_links_that_cannot_be_read_are_refused_and_kept(greeter: Path, links: Any, place: str) -> None:
    use_case = UseCase.load(greeter)
    write(greeter / "project.json", {**ALPHA, "links": links})
    before = (greeter / "project.json").read_bytes()

    for attempt in (
        lambda: UseCase.load(greeter),
        lambda: use_case.project,
        lambda: use_case.target_for(SANDBOX, "a"),
        lambda: use_case.record_project("pn", "a", SANDBOX),
        lambda: use_case.record(deployed(), project_id="pa"),
    ):
        with pytest.raises(UseCaseError) as refused:
            attempt()
        assert f"project.json: {place}:" in refused.value.message
        assert "project.json" in str(refused.value.next_action)

    assert (greeter / "project.json").read_bytes() == before
    assert not (greeter / "version.json").exists()


def test_the_archive_is_found_by_any_link(greeter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("pa", "a", SANDBOX)
    use_case.record(deployed("1.0", "ia"), project_id="pa")
    use_case.record_project("pb", "b", SANDBOX)

    monkeypatch.chdir(greeter)
    found = known_here("ia", "1.0")

    assert (found.environment, found.title) == ("development", "Greeter")
    assert known_here("ia") == found
    assert known_here("ia", "2.0") == ("development", None, None)
    assert known_here("ib", "1.0").environment == ""


# --- with a platform -------------------------------------------------------------------------------


def member(sandbox: Sandbox, email: str, organization: str) -> Profile:
    return sign_in(
        email,
        company=organization,
        ask_code=sandbox.code_for,
        base_url=sandbox.url,
        purpose="signup",
        store=ProfileStore(),
    )


def deploy(profile: Profile, folder: Path, **options: Any) -> Deployment:
    with Client(auth=profile.api_key, base_url=profile.host) as client:
        return client.deploy_use_case(folder, **options)


def test_two_organizations_take_turns(sandbox: Sandbox, greeter: Path) -> None:
    alpha = member(sandbox, "ada@example.com", "Alpha")
    beta = member(sandbox, "grace@example.com", "Beta")

    versions = [deploy(profile, greeter).version for profile in (alpha, beta, alpha)]

    assert versions == ["1.0", "1.0", "1.1"]
    with Client(auth=alpha.api_key, base_url=sandbox.url) as client:
        [project] = client.list_projects()
    content = read(greeter / "project.json")
    assert content["projectId"] == project.id
    assert [link["organizationId"] for link in (content, *content["links"])] == [
        alpha.organization_id,
        beta.organization_id,
    ]


def test_a_sandbox_that_keeps_its_data_is_come_back_to(greeter: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Sandbox(data=data) as kept:
        first = member(kept, "ada@example.com", "Alpha")
        assert deploy(first, greeter).version == "1.0"
    with Sandbox() as passing:
        assert deploy(member(passing, "ada@example.com", "Alpha"), greeter).version == "1.0"
    with Sandbox(data=data) as kept, Client(auth=first.api_key, base_url=kept.url) as client:
        assert client.deploy_use_case(greeter).version == "1.1"
        assert len(client.list_projects()) == 1


def test_a_project_file_as_the_tool_writes_it_is_followed(sandbox: Sandbox, greeter: Path) -> None:
    acme = member(sandbox, "ada@example.com", "Acme")
    with Client(auth=acme.api_key, base_url=sandbox.url) as client:
        project_id = client.create_project("Greeter").project_id
        write(greeter / "project.json", {"projectId": project_id, "organizationId": acme.organization_id})

        client.deploy_use_case(greeter)

        assert len(client.list_projects()) == 1
    assert read(greeter / "project.json")["projectId"] == project_id
    assert set(read(greeter / "project.json")["deployments"]) == {"1.0"}


def test_a_project_file_that_names_nobody_is_followed_and_filled_in(sandbox: Sandbox, greeter: Path) -> None:
    acme = member(sandbox, "ada@example.com", "Acme")
    with Client(auth=acme.api_key, base_url=sandbox.url) as client:
        project_id = client.create_project("Greeter").project_id
        write(greeter / "project.json", {"projectId": project_id})

        client.deploy_use_case(greeter)

        assert [project.id for project in client.list_projects()] == [project_id]
    kept = read(greeter / "project.json")
    assert (kept["organizationId"], kept["baseUrl"]) == (acme.organization_id, sandbox.url)


def test_a_project_that_the_server_does_not_have_is_told_as_that(sandbox: Sandbox, greeter: Path) -> None:
    write(greeter / "project.json", {"projectId": "elsewhere"})

    with pytest.raises(NotFoundError):
        deploy(member(sandbox, "ada@example.com", "Acme"), greeter)

    assert read(greeter / "project.json") == {"projectId": "elsewhere"}


# --- whether it can be written ---------------------------------------------------------------------


def unwritable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the system refuse new files in a folder, for root as well."""
    import os

    opened = os.open

    def refusing(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_CREAT and Path(path).parent == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refusing)


def test_a_writable_folder_is_left_as_it_is(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("pa", "a")
    use_case.record(deployed(), project_id="pa")
    before = sorted(greeter.rglob("*"))

    use_case.check_writable()

    assert sorted(greeter.rglob("*")) == before


@pytest.mark.parametrize("place", [".", "deployments", "deployments/pa/process"])
def test_a_folder_that_cannot_be_written_is_found_out(
    greeter: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("pa", "a")
    use_case.record(deployed(), project_id="pa")
    unwritable(monkeypatch, greeter / place)

    with pytest.raises(UseCaseError, match="cannot be written: Permission denied") as refused:
        use_case.check_writable()

    assert str(greeter / place) in refused.value.message
    assert "Nothing was sent" in str(refused.value.next_action)


def test_a_file_in_the_place_of_the_archive_is_found_out(greeter: Path) -> None:
    (greeter / "deployments").write_text("notes", encoding="utf-8")

    with pytest.raises(UseCaseError, match=r"deployments cannot be written: .*directory"):
        UseCase.load(greeter).check_writable()


# --- links of the file system ----------------------------------------------------------------------

links_exist = pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make links there")


@links_exist
@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "workflows",
        "workflows/greet.json",
        "skills",
        "skills/greet-someone",
        "skills/greet-someone/SKILL.md",
        "project.json",
        "version.json",
    ],
)
def test_what_leads_out_of_the_folder_is_not_read(greeter: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "private"
    if (greeter / name).exists():
        shutil.move(greeter / name, outside)
    else:
        write(outside, {"projectId": "p1", "version": "1.0.0"})
    (greeter / name).symlink_to(outside)

    with pytest.raises(UseCaseError, match="link that leads out") as refused:
        UseCase.load(greeter)

    assert name in refused.value.message


@links_exist
@pytest.mark.parametrize("name", ["deployments", "deployments/pa", "deployments/pa/process/1.0"])
def test_what_leads_out_of_the_folder_is_not_written(greeter: Path, tmp_path: Path, name: str) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("pa", "a")
    (tmp_path / "elsewhere").mkdir()
    (greeter / name).parent.mkdir(parents=True, exist_ok=True)
    (greeter / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UseCaseError, match="link that leads out"):
        use_case.record(deployed(), project_id="pa")
    if not name.endswith("1.0"):
        with pytest.raises(UseCaseError, match="link that leads out"):
            use_case.check_writable()

    assert list((tmp_path / "elsewhere").iterdir()) == []


@links_exist
def test_a_link_inside_the_folder_is_written_through(greeter: Path) -> None:
    (greeter / "shared").mkdir()
    for name in ("project.json", "version.json"):
        (greeter / name).symlink_to(Path("shared", name))
    use_case = UseCase.load(greeter)

    use_case.check_writable()
    use_case.record_project("pa", "a")
    use_case.record(deployed(), project_id="pa")

    assert all((greeter / name).is_symlink() for name in ("project.json", "version.json"))
    assert read(greeter / "shared" / "version.json") == {"version": "1.0.1"}
    assert read(greeter / "shared" / "project.json")["projectId"] == "pa"


@links_exist
def test_a_link_that_leads_to_itself_is_refused(greeter: Path) -> None:
    (greeter / "version.json").symlink_to("version.json")

    with pytest.raises(UseCaseError, match=r"version\.json"):
        UseCase.load(greeter)


# --- what is archived ------------------------------------------------------------------------------


def test_the_archive_keeps_the_order_of_the_file(greeter: Path) -> None:
    config = read(greeter / "config.json")
    config = {"unknown": 1, **dict(reversed(config.items()))}
    config["workflows"] = [dict(reversed(workflow.items())) for workflow in config["workflows"]]
    write(greeter / "config.json", config)
    use_case = UseCase.load(greeter)

    use_case.record(deployed(), project_id="pa")

    snapshot = read(greeter / "deployments" / "pa" / "process" / "1.0" / "config-snapshot.json")
    assert [name for name in snapshot if name in config] == list(config)
    [given], [kept] = config["workflows"], snapshot["workflows"]
    assert [name for name in kept if name in given] == list(given)
    assert kept["n8nWorkflowJsonBase64"] == "[archived in workflows/ folder]"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes")
@pytest.mark.parametrize("name", ["project.json", "version.json"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, greeter: Path, name: str) -> None:
    os.mkfifo(greeter / name)
    with pytest.raises(UseCaseError, match="it is no file"):
        UseCase.load(greeter).check_writable()
