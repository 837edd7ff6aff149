"""What a folder keeps of its deployments: ``project.json``, ``version.json`` and ``deployments/``.

``project.json`` has the shape that codika 3.6.0 gives it: its top level is the project that was deployed
to last. The folder's projects at other servers and of other organizations stand in one member more,
``links``, in the same shape; that tool leaves it alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from .. import files
from ..errors import ConfigError, UseCaseError, warn
from ..profiles import PRODUCTION, is_loopback, normalize_base_url, same_host
from .complaints import problems
from .configuration import Configuration
from .documents import check_path_segment, inside, json_file, read, read_object, write
from .versions import raised
from .wire import WithOthers

if TYPE_CHECKING:
    from ..models import DataIngestion, Deployment, Published
    from .apart import Ingestion

_SNAPSHOT = "config-snapshot.json"


class Project(WithOthers):
    """Where a folder is deployed to: a link to a project, as it stands in ``project.json``."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    project_id: str = Field(min_length=1)
    organization_id: str | None = None
    dev_process_instance_id: str | None = None
    prod_process_instance_id: str | None = None
    deployments: dict[str, Any] | None = None
    data_ingestion_deployments: dict[str, Any] | None = None
    base_url: str | None = None

    @property
    def server(self) -> str:
        """Its server; where none is named, production, or where the codika tool has deployed it to."""
        return self.base_url or PRODUCTION


class _File(Project):
    links: list[Project] = Field(default_factory=list)


class Owner(NamedTuple):
    """To whom a folder belongs: a server, and an organization there, each if it is known."""

    base_url: str | None
    organization_id: str | None


class Record:
    """The record of a folder. It is read whenever it is asked: the codika tool may have written to it.

    Attributes:
        path: the folder; None until a use case made in Python is saved.
    """

    path: Path | None

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def folder(self) -> Path:
        """The folder, in which its projects and versions are kept.

        Raises:
            UseCaseError: it has none yet.

        Example:
            >>> UseCase.load("use-cases/greeter").folder.name
            'greeter'
        """
        if self.path is None:
            raise UseCaseError(
                "This use case has no folder in which its project and versions could be kept.",
                next_action='Save it first: use_case.save("use-cases/my-use-case").',
            )
        return self.path

    # --- its projects ------------------------------------------------------------------------------

    @property
    def project(self) -> Project | None:
        """Where this folder was deployed to last (``project.json``), or None when nobody has said yet.

        Raises:
            UseCaseError: the file is there but cannot be read, or lacks its ``projectId``.
        """
        return next(iter(self.links), None)

    @property
    def links(self) -> list[Project]:
        """Every project that this folder is deployed to; the one used last comes first.

        Raises:
            UseCaseError: ``project.json`` cannot be read.

        Example:
            >>> use_case = UseCase.load("use-cases/greeter")
            >>> use_case.links == [use_case.project]
            True
        """
        return [Project.model_validate(link) for link in self._links()] if self.path else []

    @property
    def owner(self) -> Owner | None:
        """Whose this folder is: the server and the organization that it was deployed to last, where known.

        Raises:
            UseCaseError: ``project.json`` cannot be read.

        Example:
            >>> UseCase.load("use-cases/greeter").owner
            Owner(base_url='http://127.0.0.1:...', organization_id='...')
        """
        project = self.project
        return Owner(project.base_url, project.organization_id) if project else None

    def link(self, base_url: str, organization_id: str | None) -> Project | None:
        """The project that this folder has on a server, of an organization; None if none is known.

        Args:
            base_url: the server.
            organization_id: the organization, if known.

        Raises:
            UseCaseError: ``project.json`` cannot be read.

        Example:
            >>> use_case = UseCase.load("use-cases/greeter")
            >>> use_case.link(sandbox.url, profile.organization_id) == use_case.project
            True
        """
        links = self.links
        proofs: tuple[Callable[[Project], bool], ...] = (
            lambda link: same_host(link.server, base_url) and link.organization_id == organization_id,
            # The tool names no server, and a sandbox that keeps its data may come back at another port.
            lambda link: (
                organization_id is not None
                and link.organization_id == organization_id
                and (link.base_url is None or (is_loopback(link.server) and is_loopback(base_url)))
            ),
            lambda link: same_host(link.server, base_url) and None in (organization_id, link.organization_id),
            # With a key alone the tool writes down the project only; the platform knows whether it has it.
            lambda link: link.base_url is None and link.organization_id is None,
        )
        return next((link for proof in proofs for link in links if proof(link)), None)

    def target_for(self, base_url: str, organization_id: str | None) -> str | None:
        """The project that this folder goes to on a server, or None when one has to be made.

        A folder keeps its project for every server and organization. Where it has none yet, one may be
        made if it has only been in sandboxes on this machine; otherwise that needs a word from the person.

        Args:
            base_url: the server to deploy to.
            organization_id: the organization signed in to there, if known.

        Raises:
            ConfigError: ``project.json`` belongs to another organization or server.
            UseCaseError: ``project.json`` cannot be read, or there is no folder to keep one in.

        Example:
            >>> use_case = UseCase.load("use-cases/greeter")
            >>> use_case.target_for(sandbox.url, profile.organization_id) == use_case.project.project_id
            True
        """
        _ = self.folder  # without one, a project that is made would be lost
        if known := self.link(base_url, organization_id):
            return known.project_id
        links = self.links
        # In a sandbox anything may be tried out. Elsewhere, having done so is no word to start anew.
        before = links[:1] if is_loopback(base_url) else links
        project = next((link for link in before if not is_loopback(link.server)), None)
        if project is None:
            return None
        at = f" on {project.base_url}" if project.base_url else ""
        raise ConfigError(
            f"project.json points to project {project.project_id} of organization "
            f"{project.organization_id or '(not said)'}{at}, but you are signed in to "
            f"organization {organization_id or '(unknown)'} on {base_url}.",
            next_action="Sign in to that organization (%codika_use), "
            "or give a project of its own: --create-project NAME.",
        )

    def record_project(
        self, project_id: str, organization_id: str | None, base_url: str | None = None
    ) -> None:
        """Make a project the one that this folder is deployed to (``project.json``).

        `Client.deploy_use_case` does this where a project is new to the folder. What is known of it, and
        of the folder's other projects, is kept.

        Args:
            project_id: the project.
            organization_id: its organization, if known.
            base_url: its server; kept in the file unless it is production, so that a project of a
                sandbox is not looked for there.

        Raises:
            UseCaseError: ``project.json`` is there but cannot be read, it cannot be written, or there is
                no folder for it.

        Example:
            >>> use_case = UseCase.init("use-cases/word-counter", name="Word counter")
            >>> use_case.record_project("my-project", profile.organization_id, sandbox.url)
            >>> use_case.project.project_id
            'my-project'
        """
        links = self._links()
        link = _taken(links, project_id) or {"projectId": project_id}
        if organization_id:
            link["organizationId"] = organization_id
        if base_url and same_host(base_url, PRODUCTION):
            link.pop("baseUrl", None)  # the tool knows no other server, and names none
        elif base_url:
            link["baseUrl"] = normalize_base_url(base_url)
        self._write_links([link, *links])

    def _links(self) -> list[dict[str, Any]]:
        """All links with all members, also those that are unknown here."""
        content = read_object(self.folder, "project.json")
        if content is None:
            return []
        next_action = "Correct project.json, or move it away to start with a project of its own."
        try:
            _File.model_validate(content)
        except ValidationError as error:
            raise UseCaseError(problems("project.json", error, content), next_action=next_action) from error
        others = content.pop("links", [])
        for n, link in enumerate(others):
            if "links" in link:
                raise UseCaseError(
                    f"project.json: links[{n}].links: a link has none itself.", next_action=next_action
                )
        return [content, *others]

    def _write_links(self, links: list[dict[str, Any]]) -> None:
        current, *others = links
        content = {**current, "links": others} if others else current
        write(self.folder, "project.json", json_file(content, "project.json"))

    # --- its version -------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """The folder's own version ``X.Y.Z`` (``version.json``); "1.0.0" before the first deployment.

        Raises:
            UseCaseError: the file is there but does not say a version.
        """
        return _version(self.path, "version") if self.path else "1.0.0"

    @property
    def versions(self) -> list[str]:
        """The versions ``X.Y`` that were deployed from here, the latest first.

        Where several accounts deploy this folder, they are those of the one that has deployed it last.

        Raises:
            UseCaseError: ``project.json`` cannot be read.

        Example:
            >>> UseCase.load("use-cases/greeter").versions
            [...]
        """
        project = self.project
        return [*(project.deployments or ())][::-1] if project else []

    # --- what has been done ------------------------------------------------------------------------

    def check_writable(self) -> None:
        """Find out whether a deployment could be written down, before anything is sent.

        Raises:
            UseCaseError: the folder cannot be written to, ``project.json`` cannot be read, or there is no
                folder.

        Example:
            >>> UseCase.load("use-cases/greeter").check_writable()
        """
        # Found out by writing and removing empty files.
        names = ["project.json", "version.json", "deployments/project-info.json"]
        for link in self.links:
            names += [_index_of(link.project_id), _archive_of(link.project_id, "deployment-info.json")]
        for name in names:
            folder = inside(self.folder, name).parent
            while not folder.exists():  # it will be made in the one above
                folder = folder.parent
            try:
                with files.temporary(folder / Path(name).name, bytes):
                    pass
            except OSError as error:
                raise UseCaseError(
                    f"{folder} cannot be written: {error.strerror}.",
                    next_action="Make room or give write access. Nothing was sent.",
                ) from error

    def _deployed(
        self,
        deployment: Deployment,
        project_id: str,
        bump: str,
        archived: Callable[[], tuple[dict[str, Any], dict[str, bytes]]],
    ) -> str:
        """Write down a deployment; returns the folder's own version, raised unless it has failed.

        Args:
            deployment: the platform's answer.
            project_id: where to.
            bump: what to raise.
            archived: gives the configuration and the workflows that are to be archived.
        """
        folder = self.folder
        check_path_segment(project_id, "project id")
        check_path_segment(deployment.version, "version")
        failed = deployment.deployment_status == "failed"
        now = _timestamp()
        links = self._links()
        if link := _taken(links, project_id):
            if deployment.process_instance_id:
                link["devProcessInstanceId"] = deployment.process_instance_id
            if not failed:
                entry = {"templateId": deployment.template_id, "createdAt": now}
                link["deployments"] = {**(link.get("deployments") or {}), deployment.version: entry}
            self._write_links([link, *links])
        if failed:
            return self.version
        version = raised(self.version, bump)
        kept = read_object(folder, "version.json") or {}
        write(folder, "version.json", json_file({**kept, "version": version}, "version.json"))
        archive = _archive_of(project_id, deployment.version)
        snapshot, workflows = archived()
        for name, content in workflows.items():
            write(folder, f"{archive}/{name}", content)
        self._write_archived(f"{archive}/{_SNAPSHOT}", snapshot)
        self._write_archived(f"{archive}/deployment-info.json", _info(deployment, version, now))
        self._index(deployment.version, project_id, version, now)
        return version

    def record_published(self, published: Published, *, project_id: str) -> None:
        """Write down which instance is the production instance (``project.json``), other members kept.

        Args:
            published: the platform's answer.
            project_id: the project it was published in; the file is left alone when it does not know it.

        Raises:
            UseCaseError: the file cannot be read or written, or there is no folder for it.

        Example:
            >>> use_case = UseCase.load("use-cases/greeter")
            >>> published = client.publish_use_case(deployed, project_id=use_case.project.project_id)
            >>> use_case.record_published(published, project_id=use_case.project.project_id)
            >>> use_case.project.prod_process_instance_id == published.process_instance_id
            True
        """
        links = self._links()
        link = next((link for link in links if link["projectId"] == project_id), None)
        if link and published.process_instance_id:
            link["prodProcessInstanceId"] = published.process_instance_id
            self._write_links(links)

    # --- the archive -------------------------------------------------------------------------------

    def _index(self, deployed: str, project_id: str, version: str, now: str, kind: str = "process") -> None:
        """Add a version to what the archive says about the project."""
        name = _index_of(project_id)
        try:
            index = read_object(self.folder, name) or {"projectId": project_id, "createdAt": now}
            index["lastDeployedAt"] = now
            mappings = _object_in(index, "versionMappings")
            for each in ("process", "dataIngestion"):
                _object_in(mappings, each)
            mappings[kind][deployed] = {"useCaseVersion": version, "deployedAt": now}
        except (UseCaseError, AttributeError, TypeError):
            # The deployment is made and recorded; an index that someone has broken is no reason to fail.
            warn(f"{self.folder / name} cannot be read and was left as it is.")
            return
        self._write_archived(name, index)

    def _write_archived(self, name: str, value: object) -> None:
        write(self.folder, name, json_file(value, name, end=""))


def _version(folder: Path, member: str) -> str:
    """A version ``X.Y.Z`` in ``version.json``; "1.0.0" before the first deployment."""
    version = (read_object(folder, "version.json") or {}).get(member, "1.0.0")
    if not (isinstance(version, str) and re.fullmatch(r"\d+\.\d+\.\d+", version)):
        raise UseCaseError(
            f'version.json: {member}: {version!r} is not of the form "X.Y.Z".',
            next_action=f'Correct version.json, as in {{"{member}": "1.0.0"}}.',
        )
    return version


def ingestion_version(folder: Path) -> str:
    """The version of a folder's data ingestion, which counts apart; as `Record.version`.

    Raises:
        UseCaseError: the file is there but does not say a version.
    """
    return _version(folder, "dataIngestionVersion")


def record_ingestion(
    record: Record, deployed: DataIngestion, project_id: str, bump: str, ingestion: Ingestion
) -> None:
    """Write down the deployment of a data ingestion, whose versions count apart.

    Args:
        record: of the folder.
        deployed: the platform's answer.
        project_id: where to.
        bump: what to raise.
        ingestion: what was deployed.
    """
    check_path_segment(project_id, "project id")
    check_path_segment(deployed.version, "version")
    folder, now = record.folder, _timestamp()
    version = raised(ingestion_version(folder), bump)
    kept = read_object(folder, "version.json") or {}
    write(folder, "version.json", json_file({**kept, "dataIngestionVersion": version}, "version.json"))
    archive = f"deployments/{project_id}/data-ingestion/{deployed.version}"
    write(folder, f"{archive}/{Path(ingestion.file).name}", ingestion.content)
    snapshot = {**ingestion.config, "n8nWorkflowJsonBase64": "[archived as workflow file]"}
    record._write_archived(f"{archive}/{_SNAPSHOT}", snapshot)
    answer = deployed.model_dump(mode="json", by_alias=True, exclude_none=True)
    told: dict[str, Any] = {"version": deployed.version, "useCaseVersion": version, "deployedAt": now}
    told |= {name: answer.get(name) for name in ("dataIngestionId", "status", "webhookUrls")}
    told |= {name: snapshot.get(name) for name in ("workflowTemplateId", "workflowName", "purpose")}
    told = {name: value for name, value in told.items() if value is not None}
    record._write_archived(f"{archive}/deployment-info.json", told)
    record._index(deployed.version, project_id, version, now, "dataIngestion")
    links = record._links()
    if link := next((link for link in links if link["projectId"] == project_id), None):
        entry = {"dataIngestionId": deployed.data_ingestion_id, "createdAt": now}
        entry |= {name: told[name] for name in ("webhookUrls",) if name in told}
        before = link.get("dataIngestionDeployments") or {}
        link["dataIngestionDeployments"] = {**before, deployed.version: entry}
        record._write_links(links)


def archived_configuration(folder: Path, link: Project, version: str | None = None) -> Configuration:
    """What a folder has deployed to a project, from its archive.

    Args:
        folder: the use case.
        link: the project.
        version: the last one that was deployed if left out.

    Raises:
        OSError, ValueError, UseCaseError: the files are not those of a deployment.
    """
    known = version or next(reversed(link.deployments or {}), "")
    snapshot = read(folder, f"{_archive_of(link.project_id, known)}/{_SNAPSHOT}")
    return Configuration.model_validate_json(snapshot)


def _archive_of(project_id: str, version: str) -> str:
    """Where a use-case folder keeps what was deployed as this version."""
    return f"deployments/{project_id}/process/{version}"


def _index_of(project_id: str) -> str:
    """Where a use-case folder keeps which versions of a project there are."""
    return f"deployments/{project_id}/project-info.json"


def _object_in(holder: dict[str, Any], name: str) -> Any:
    """A member of an object; made where there is none, or null."""
    if holder.get(name) is None:
        holder[name] = {}
    return holder[name]


def _info(deployment: Deployment, version: str, now: str) -> dict[str, Any]:
    """What the archive says about a deployment."""
    answer = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)
    members = ("templateId", "deploymentInstanceId", "processId", "isNewProcess", "processInstanceId")
    told = (*members, "workflowsDeployed", "deploymentStatus")
    return {
        "version": deployment.version,
        "useCaseVersion": version,
        "deployedAt": now,
        **{name: answer[name] for name in told if name in answer},
    }


def _taken(links: list[dict[str, Any]], project_id: str) -> dict[str, Any] | None:
    """The link of a project, taken out of the list; None if it is not there."""
    place = next((n for n, link in enumerate(links) if link["projectId"] == project_id), None)
    return None if place is None else links.pop(place)


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
