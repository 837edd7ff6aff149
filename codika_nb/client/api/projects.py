"""Projects."""

from __future__ import annotations

from ...models import Project, ProjectCreated, Projects
from .. import arguments
from ..call import Call, known
from ..endpoint import endpoint
from .platform import Platform


class ProjectsAPI(Platform):
    """Projects."""

    @endpoint
    def create_project(
        self,
        name: str,
        *,
        description: str | None = None,
        template_id: str | None = None,
        organization_id: str | None = None,
    ) -> Call[ProjectCreated]:
        """Create a project, the place a use case is deployed to.

        Args:
            name: what the dashboard shows.
            description: optional.
            template_id: stage template; the platform's default is ``two_stage``.
            organization_id: only needed for personal and admin keys.

        Example:
            >>> client.create_project("Reports")
            ProjectCreated(project_id='...')
        """
        body = arguments.given(
            name=name, description=description, templateId=template_id, organizationId=organization_id
        )
        return Call("POST", "/createprojectviaapikey", ProjectCreated.model_validate, body=body)

    @endpoint
    def list_projects(
        self, *, archived: bool = False, limit: int | None = None, organization_id: str | None = None
    ) -> Call[Projects]:
        """List the organization's projects.

        Args:
            archived: the archived ones, and only those.
            limit: how many at most, 1 to 100; the platform's default is 50.
            organization_id: only needed for personal and admin keys.

        Example:
            >>> client.list_projects()
            Name     Project  Status       Published  Created
            Greeter  ...      in_progress  no         ...
        """
        # The tool names no organization in lists; a key that belongs to none has no other way to.
        query = arguments.query(
            archived=archived, limit=arguments.limit(limit), organizationId=organization_id
        )
        return Call("GET", "/listprojectspublic", Projects.read, query=query, repeatable=True)

    @endpoint
    def get_project(self, project_id: str) -> Call[Project]:
        """Look at a project: what is deployed to it, and at which stage it is.

        Raises:
            NotFoundError: there is no such project.
            PermissionDeniedError: it is somebody else's.

        Example:
            >>> [greeter] = client.list_projects()
            >>> client.get_project(greeter.id).current_deployment
            ProjectVersion(version='1.0', deployed_at=...)
        """
        body, read = {"projectId": project_id}, known(Project, id=project_id)
        return Call("POST", "/getprojectpublic", read, body=body, repeatable=True)
