"""Notes about a project."""

from __future__ import annotations

from ...models import Notes, NoteSaved
from .. import arguments
from ..call import Call
from ..endpoint import endpoint
from .platform import Platform


class NotesAPI(Platform):
    """Notes about a project."""

    @endpoint
    def upsert_note(
        self,
        project_id: str,
        *,
        document_type: str,
        content: str,
        summary: str,
        title: str | None = None,
        agent_id: str | None = None,
        major_change: bool = False,
    ) -> Call[NoteSaved]:
        """Write a note about a project; one of the same type becomes its earlier version.

        Args:
            project_id: the project.
            document_type: lower case with hyphens: ``"brief"``, ``"known-issues"``, ``"changelog"``, …
            content: the note, Markdown.
            summary: what it says, in a sentence.
            title: what it is called; `document_type` if left out.
            agent_id: which agent has written it, if one has.
            major_change: raise the middle part of the version, not the last.

        Example:
            >>> [greeter] = client.list_projects()
            >>> brief = {"document_type": "brief", "content": "# Brief", "summary": "Its aim."}
            >>> [client.upsert_note(greeter.id, **brief).version for _ in range(2)]
            ['0.0.0', '0.0.1']
        """
        body = {
            "projectId": project_id,
            "documentTypeId": document_type,
            "title": title or document_type,
            "content": content,
            "summary": summary,
            "agentId": agent_id,
            "majorChange": major_change,
        }
        return Call("POST", "/upsertprojectnote", NoteSaved.model_validate, body=body)

    @endpoint
    def get_notes(
        self,
        project_id: str,
        *,
        document_type: str | None = None,
        history: bool = False,
        version: str | None = None,
    ) -> Call[Notes]:
        """Read the notes about a project.

        Args:
            project_id: the project.
            document_type: only those of this type.
            history: earlier versions too, newest first.
            version: only this version, ``"X.Y.Z"``.

        Example:
            >>> [greeter] = client.list_projects()
            >>> client.get_notes(greeter.id, document_type="brief")
            No notes.
        """
        body = arguments.given(
            projectId=project_id,
            documentTypeId=document_type,
            includeHistory=history or None,
            version=arguments.version(version, "X.Y.Z"),
        )
        return Call("POST", "/getprojectnotes", Notes.read, body=body, repeatable=True)
