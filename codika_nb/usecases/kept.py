"""What a use case's folder keeps of its deployments, as the use case tells it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UseCaseError
from .record import Owner, Project, Record

if TYPE_CHECKING:
    from ..models import Deployment, Published


class Kept:
    """A use case that may have a folder, in which its projects and versions are kept.

    Attributes:
        path: the folder; None until a use case made in Python is saved.
    """

    path: Path | None

    def _archived(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The configuration and the workflows that are to be archived."""
        raise NotImplementedError

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

    @property
    def _record(self) -> Record:
        return Record(self.folder)

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
        return self._record.links if self.path else []

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
        return self._record.link(base_url, organization_id) if self.path else None

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

    @property
    def version(self) -> str:
        """The folder's own version ``X.Y.Z`` (``version.json``); "1.0.0" before the first deployment.

        Raises:
            UseCaseError: the file is there but does not say a version.
        """
        return self._record.version if self.path else "1.0.0"

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
        return self._record.target_for(base_url, organization_id)

    def check_writable(self) -> None:
        """Find out whether a deployment could be written down, before anything is sent.

        Raises:
            UseCaseError: the folder cannot be written to, ``project.json`` cannot be read, or there is no
                folder.

        Example:
            >>> UseCase.load("use-cases/greeter").check_writable()
        """
        self._record.check_writable()

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
        self._record.use(project_id, organization_id, base_url)

    def record(self, deployment: Deployment, *, project_id: str, bump: str = "patch") -> str:
        """Write down what a deployment has made: ``project.json``, ``version.json``, the archive.

        `Client.deploy_use_case` has done this already. In this order, each file whole or not at all, other
        members kept. A deployment that the platform calls failed leaves version and archive alone.
        The project becomes the one that was deployed to last; if ``project.json`` does not know it, that
        file is left alone.

        Args:
            deployment: the platform's answer.
            project_id: the project that was deployed to.
            bump: what to raise in ``version.json``: ``patch``, ``minor`` or ``major``, as in
                `VersionRule.bump`.

        Returns:
            The folder's own version, raised or not.

        Raises:
            UseCaseError: a file cannot be read or written, or there is no folder for them.

        Example:
            >>> use_case = UseCase.load("use-cases/greeter")
            >>> project_id = use_case.project.project_id
            >>> use_case.version, use_case.record(deployed, project_id=project_id, bump="minor")
            ('1.0.1', '1.1.0')
        """
        return self._record.deployed(deployment, project_id, bump, self._archived)

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
        self._record.published(published, project_id)
