"""Reading back what was deployed: files and skills."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import InvalidRequestError, InvalidResponseError, NotFoundError, warn
from ...files import path_of, write_inside
from ...models import Skills, UseCaseFiles
from .. import arguments
from ..call import Call, path
from ..endpoint import endpoint
from ..steps import Steps
from .instances import which_instance
from .platform import Platform

_PROGRAMS = frozenset({"config.py", "config.ts"})


def _link(folder: Path, project_id: str, owner: str | None, base_url: str, names: set[str]) -> None:
    """Write down where a fetched use case comes from, unless the folder knows of a project already."""
    from ...usecases.record import Record  # noqa: PLC0415 - with form schemas, which most calls do without
    from ...usecases.source import CONFIGURATION_FILES  # noqa: PLC0415 - likewise

    if names.intersection(CONFIGURATION_FILES) and not (folder / "project.json").exists():
        Record(folder).record_project(project_id, owner, base_url)


class DocumentsAPI(Platform):
    """Reading back what was deployed: files and skills."""

    @endpoint
    def get_use_case(
        self,
        project_id: str,
        *,
        version: str | None = None,
        content: bool = True,
        data_ingestion: bool = True,
        data_ingestion_version: str | None = None,
        into: str | os.PathLike[str] | None = None,
    ) -> Steps[UseCaseFiles]:
        """Fetch the files that a use case was deployed with, and write them into a folder if one is named.

        Args:
            project_id: the project it was deployed to.
            version: ``"X.Y"``, such as the one to go back to; the newest if left out. One that does not exist
                has no files, and is an error with `into`.
            content: with the files themselves, not only their names and sizes.
            data_ingestion: with the data ingestion's file.
            data_ingestion_version: its version, ``"X.Y"``; the newest if left out.
            into: the folder; files of the same names are replaced, and a use case keeps its project: what is
                deployed from the folder is the project's next version. If a ``config.py`` or ``config.ts`` is
                among them, a warning says that `UseCase.load` would run it.

        Raises:
            InvalidResponseError: a file would not stay in the folder, or is no part of a use case; nothing
                was written.
            ConfigError: a version of another form (nothing was sent), or the folder cannot be written.
            NotFoundError: that version has no files to be written.

        Example:
            >>> [greeter] = client.list_projects()
            >>> client.get_use_case(greeter.id, into="copies/greeter")
            File                           Bytes  Type              Uploaded
            config.json                    ...    application/json  ...
            workflows/greet.json           ...    application/json  ...
            skills/greet-someone/SKILL.md  ...    text/markdown     ...
        """
        folder = None if into is None else path_of(into)
        body = {
            "projectId": project_id,
            **arguments.given(version=arguments.version(version, "X.Y")),
            "includeContent": content or folder is not None,
            "includeDataIngestion": data_ingestion,
            **arguments.given(dataIngestionVersion=arguments.version(data_ingestion_version, "X.Y")),
        }
        try:
            files = yield from Call(
                "POST", "/getmetadatadocumentsendpoint", UseCaseFiles.read, body=body, repeatable=True
            )
        except InvalidRequestError as error:
            if "projectId" in error.message and not error.next_action:
                error.next_action = (
                    "The id is in the folder's project.json, and client.list_projects() has it."
                )
            raise
        if folder is not None:
            if version and not files:
                raise NotFoundError(
                    f"There are no files of version {version}, and nothing was written.",
                    next_action="UseCase.load(folder).versions lists those that there are.",
                    code="version-not-found",
                )
            contents = [(file.relative_path, file.content) for file in files if file.content is not None]
            if len(contents) < len(files):
                raise InvalidResponseError(
                    "The server sent files without their content; nothing was written.",
                    code="invalid-response",
                )
            files.written = write_inside(folder, contents)
            names = {name for name, _ in contents}
            _link(folder, project_id, files.organization_id, self.base_url, names)
            for name in _PROGRAMS & names if "config.json" not in names else ():
                warn(f"{name} in {folder} is a program, and UseCase.load runs it: read it first.")
        return files

    @endpoint
    def get_skills(
        self, instance: str | None = None, *, into: str | os.PathLike[str] | None = None
    ) -> Steps[Skills]:
        """Fetch an instance's skills, and write them into a folder (``NAME/SKILL.md``) if one is named.

        Args:
            instance: process instance id; the one that is meant if left out (see `Client`).
            into: the folder; files of the same names are replaced.

        Raises:
            InvalidResponseError: a file would not stay in the folder; nothing was written.

        Example:
            >>> client.get_skills()
            Skill          Workflow  Description
            greet-someone  greet     Greets a person by name, ...
        """
        folder = None if into is None else path_of(into)
        where = path("getprocessskillspublic", (yield from which_instance(self, instance)))
        skills = yield from Call("GET", where, Skills.read, repeatable=True)
        if folder is not None:
            contents = [(f"{skill.name}/SKILL.md", skill.content_markdown.encode()) for skill in skills]
            skills.written = write_inside(folder, contents)
        return skills
