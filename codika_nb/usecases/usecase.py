"""Use cases: made or read, checked, packed for the platform, and kept up to date after a deployment.

A use case comes from a folder, or from Python::

    my-use-case/
      config.json             or config.py, or config.ts: what it is called, its workflows, their forms
      config.ts               beside a config.json: shows it to the codika tool
      workflows/<id>.json     one n8n workflow for each workflow of the configuration
      skills/<name>/SKILL.md  optional: pages that tell agents how to use a workflow
      documents/              optional: documents about stages, deployed apart
      data-ingestion/         optional: a workflow that takes in documents, deployed apart
      data-ingestion.json     what that is, beside a config.json
      project.json            where the folder is deployed to      ┐
      version.json            its own version                      ├ kept by deployments
      deployments/            what was deployed, version by version┘

The last three have the shape that codika 3.6.0 gives them, so that a folder may be deployed by that
tool and from a notebook in turn.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..display.markup import card
from ..display.text import LONGEST, plain
from ..errors import ConfigError, UseCaseError, attribute_error, warn
from ..files import path_of
from .apart import carried
from .beginning import STARTER_WORKFLOW, write_new, write_starter
from .complaints import validated
from .config_ts import is_view, view_of_json
from .configuration import Configuration, MetadataDocument, Skill
from .documents import check_path_segment, check_stored_path, write
from .n8n.export import Given
from .n8n.importing import import_n8n
from .n8n.report import ImportReport
from .packing import LARGEST_DOCUMENT, archived, deployment_body, documents, encoded
from .record import Record
from .rules.findings import Finding, Findings
from .rules.mending import mended
from .rules.verify import verify, verify_files
from .rules.view import rule_about
from .source import configuration_files, made_source, read_source, readable_workflows, workflow_file
from .versions import check_target_version

if TYPE_CHECKING:
    from ..models import Deployment


class UseCase(Record):
    """A use case: read from its folder with `UseCase.load(path)`, or made in Python.

    Everything is read once: what `verify` checks, `deployment` packs and `record` archives is the same,
    whatever happens to the folder in between. ``project.json`` and ``version.json`` are read when they
    are asked for.

    Args:
        configuration: the configuration, as a `Configuration` or a dictionary.
        workflows: the n8n workflows by ``workflow_template_id``, as dictionaries or as JSON text (in
            which deployment parameters may stand without quotes). Those that the configuration carries
            itself are not repeated here.
        skills: pages for agents, whose front matter is written for them if they have none.

    Attributes:
        path: the folder; None until a use case made in Python is saved.
        configuration: the configuration, checked.
        skills: the skills, in the order of their folders.
        imported: what `from_n8n` has done and leaves to a person; None for others.

    Raises:
        UseCaseError: something does not fit; names the member. Or it is a path, which `load` reads.

    Example:
        >>> from codika_nb.configuration import Configuration, HttpTrigger, Workflow, webhook_url
        >>> trigger = HttpTrigger(url=webhook_url("greet"))
        >>> workflow = Workflow(workflow_template_id="greet", triggers=[trigger])
        >>> configuration = Configuration(title="Greeter", description="Greets.", workflows=[workflow])
        >>> UseCase(configuration, {"greet": {"name": "Greet", "nodes": [], "connections": {}}})
        UseCase('Greeter', greet (http), no folder)
    """

    configuration: Configuration
    imported: ImportReport | None = None

    def __init__(
        self,
        configuration: Configuration | Mapping[str, Any],
        workflows: Mapping[str, Mapping[str, Any] | str] | None = None,
        *,
        skills: Iterable[Skill] = (),
    ) -> None:
        if isinstance(configuration, str | os.PathLike):
            raise UseCaseError(
                "A use case is made of a configuration, and this is a path.",
                next_action="UseCase.load(path) reads a folder, UseCase.from_n8n(path) an n8n export.",
            )
        self.path = None
        self.configuration = validated(
            configuration.to_json() if isinstance(configuration, Configuration) else configuration,
            "configuration",
        )
        self._source = made_source(self.configuration, workflows or {}, skills)
        self._made = True

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> UseCase:
        """Read the use case in a folder.

        Args:
            path: a folder with ``workflows/*.json`` and a configuration. ``config.json`` holds one.
                ``config.py`` is run; it defines ``configuration``, a dictionary or a `Configuration`,
                or ``get_configuration()`` that returns one. ``config.ts``, the platform's own, is run
                by Node where there is no other. Both are programs, which do not find the keys of the
                environment but can do whatever you can: read one that is not yours first.

        Raises:
            UseCaseError: something is missing or wrong; names the file and the place in it. Its `findings`
                have all that is wrong with the configuration, and with the workflows besides.

        Example:
            >>> UseCase.load("use-cases/greeter")
            UseCase('Greeter', greet (http), '.../use-cases/greeter')
        """
        folder = path_of(path).absolute()
        if not folder.is_dir():
            near = _like(Path(path))
            raise UseCaseError(
                f"There is no folder {folder}.",
                next_action=f"Did you mean {near}?"
                if near
                else "Give the folder that holds the configuration and its workflows.",
            )
        use_case = cls.__new__(cls)
        use_case.path = folder
        try:
            use_case.configuration, use_case._source = read_source(folder)
        except UseCaseError as error:
            error.findings = _despite(folder, error)
            raise
        use_case._made = False
        _ = use_case.project, use_case.version  # a folder that cannot be recorded in is better refused now
        for name in use_case._source.left_out:
            warn(f"{name} is read by {use_case._source.config}, and no copy is stored with a deployment.")
        for name, content in use_case._source.files.items():
            if len(content) > LARGEST_DOCUMENT:
                warn(f"{name} is larger than 10 MiB: it is deployed, but no copy is stored with it.")
        return use_case

    @classmethod
    def from_n8n(cls, source: Given | Iterable[Given], *, name: str | None = None) -> UseCase:
        """Make a use case of n8n workflows, as they are exported or copied from the editor.

        The trigger is replaced by the platform's start and a Code node of the trigger's name, which gives
        what the trigger gave. Every end leads to Submit Result or Report Error. Other nodes keep their
        names, places, parameters and code. Each flow of its own becomes a workflow. Nothing is written
        before `save`.

        Args:
            source: a file, several, or a folder of them; JSON text; a dictionary; a list of these. What
                template pages and the API of n8n wrap around workflows is taken off.
            name: what the use case is called; the first workflow's name if left out.

        Returns:
            The use case, whose `imported` tells what was done and what a person has to decide.

        Raises:
            UseCaseError: it is no n8n workflow, or one that the platform has no place for; says why.

        Example:
            >>> use_case = UseCase.from_n8n("my-n8n-export.json", name="Order desk")
            >>> use_case
            UseCase('Order desk', my-n8n-export (http), no folder)
            >>> use_case.verify().must
            No findings.
            >>> use_case.save("use-cases/order-desk")
        """
        made = import_n8n(source, name)
        use_case = cls(made.configuration, made.workflows)
        use_case.imported = made.report
        return use_case

    @classmethod
    def init(cls, path: str | os.PathLike[str], *, name: str, workflow: str = STARTER_WORKFLOW) -> UseCase:
        """Write a new use case that deploys and runs as it is, to be changed from there.

        ``config.json`` says what the workflow takes and gives, ``workflows/<workflow>.json`` what it does,
        and ``stand_ins.py`` does the same in a sandbox without n8n. ``skills/<workflow>/SKILL.md`` tells
        people and agents what it is for.

        Args:
            path: the folder; made if it is not there.
            name: what the use case is called.
            workflow: what its workflow is called wherever it is run: 1 to 64 small letters and digits, and
                single hyphens between them.

        Raises:
            UseCaseError: the folder holds a use case already, or cannot be written to; or a name that cannot
                be one.

        Example:
            >>> UseCase.init("use-cases/word-counter", name="Word counter", workflow="count-words")
            UseCase('Word counter', count-words (http), '.../use-cases/word-counter')
        """
        folder = path_of(path).absolute()
        write_starter(folder, name, workflow)
        return cls.load(folder)

    def save(self, path: str | os.PathLike[str], *, replace: bool = False) -> None:
        """Write the use case to a new folder, and keep it there from now on.

        Args:
            path: the folder; made if it is not there. It gets a ``config.json`` whatever the
                configuration was written in, and a small ``config.ts`` that reads it: by that the codika
                tool deploys the folder as well.
            replace: write over files of the same names. Others stay, and so do the folder's projects
                and versions.

        Raises:
            UseCaseError: the folder holds a use case already, or cannot be written to.

        Example:
            >>> use_case = UseCase.load("use-cases/greeter")
            >>> use_case.save("use-cases/welcome")
            >>> use_case.path.name, use_case.project
            ('welcome', None)
        """
        folder = path_of(path).absolute()
        checked = self._checked()
        files = configuration_files(checked)
        for n, workflow in enumerate(checked.workflows):
            _, content = self._source.workflow(workflow, f"workflows[{n}]")
            files[workflow_file(workflow.workflow_template_id)] = content
        skills = {skill.relative_path: skill.content_markdown.encode() for skill in self.skills}
        apart = carried(self.path) if self.path else {}
        write_new(folder, files | skills | apart, replace=replace)
        self.path, added = folder, self._source.added
        _, self._source = read_source(folder)
        self._source.added = added

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or hasattr(type(self), name):  # what could not be found is within it
                return object.__getattribute__(self, name)
            raise attribute_error(self, name, [each for each in dir(type(self)) if each[0] != "_"])

    def __repr__(self) -> str:
        where = repr(str(self.path)) if self.path else "no folder"
        return f"UseCase({self.configuration.title!r}, {'; '.join(self._workflow_lines())}, {where})"

    def _repr_html_(self) -> str:
        rows = [("Workflows" if n == 0 else "", text) for n, text in enumerate(self._workflow_lines())]
        try:
            project = self.project
            rows.append(("version.json", f"{self.version}, the codika tool's count for this folder"))
            rows.append(("Project", project.project_id if project else "none yet"))
            rows.append(("Deployed", plain(", ".join(self.versions) or "not yet", LONGEST)))
        except UseCaseError as error:
            rows.append(("Problem", error.message))
        rows.append(("Folder", str(self.path or "none yet: save(path) writes one")))
        return card(self.configuration.title, rows)["text/html"]

    def _workflow_lines(self, most: int = 10) -> list[str]:
        # From JSON, because Python code may have put anything in place of a checked value.
        workflows = self.configuration.to_json()["workflows"]
        lines = [
            plain(
                f"{workflow.get('workflowTemplateId')} "
                f"({', '.join(str(t.get('type')) for t in workflow.get('triggers', [])) or 'no trigger'})",
                LONGEST,
            )
            for workflow in workflows[:most]
        ]
        return lines + ([f"and {len(workflows) - most} more"] if len(workflows) > most else [])

    # --- reading -----------------------------------------------------------------------------------

    @property
    def skills(self) -> list[Skill]:
        """Its skills, in the order of their folders."""
        return self._source.skills

    @property
    def documents(self) -> list[MetadataDocument]:
        """The files that are stored with a deployment, so that they can be fetched again."""
        self._checked()
        stored = documents(self._source, encoded(self._source))
        return [MetadataDocument.model_validate(document) for document in stored]

    def add_file(self, file: str | os.PathLike[str], name: str | None = None) -> None:
        """Store a file with the deployments of this object, from wherever it is: notes, a specification.

        It is fetched again with the use case's own files, and is no part of the folder.

        Args:
            file: the file.
            name: its path there, with ``/``; the name of the file if left out.

        Raises:
            UseCaseError: it cannot be read or is larger than 10 MiB, or the path is taken or leads out of the
                folder.

        Example:
            >>> _ = Path("notes.txt").write_text("Ask Grace.")
            >>> use_case = UseCase.load("use-cases/greeter")
            >>> use_case.add_file("notes.txt", "docs/notes.txt")
            >>> [document.relative_path for document in use_case.documents]
            ['config.json', 'workflows/greet.json', 'docs/notes.txt', 'skills/greet-someone/SKILL.md']
        """
        place = path_of(file)
        name = place.name if name is None else name
        check_stored_path(name)
        if name in self._source.files or name in self._source.added:
            raise UseCaseError(f"{name} is a file of the use case already.", next_action="Give another path.")
        try:
            content = place.read_bytes()
        except OSError as error:
            raise UseCaseError(f"{place} cannot be read: {error.strerror}.") from error
        if len(content) > LARGEST_DOCUMENT:
            raise UseCaseError(f"{place} is larger than 10 MiB, which is the most that is stored.")
        self._source.added[name] = content

    def _checked(self) -> Configuration:
        """The configuration as it is now: Python code may have changed it since it was checked."""
        checked = validated(self.configuration.to_json(), self._source.config)
        self._source.pair(checked)
        if self._made:
            self._source.files |= configuration_files(checked)
        return checked

    # --- deploying ---------------------------------------------------------------------------------

    def deployment(
        self, *, project_id: str, version_strategy: str = "minor_bump", explicit_version: str | None = None
    ) -> dict[str, Any]:
        """The body of ``POST /deployprocessusecase``, as codika 3.6.0 sends it.

        Args:
            project_id: the project to deploy to.
            version_strategy: ``minor_bump``, ``major_bump`` or ``explicit``.
            explicit_version: ``X.Y``, with ``explicit`` and only then.

        Raises:
            UseCaseError: the configuration has been changed and no longer fits the workflows.
            ConfigError: a version where none belongs, none where one does, or one of another form.

        Example:
            >>> body = UseCase.load("use-cases/greeter").deployment(project_id="my-project")
            >>> list(body)
            ['projectId', 'configuration', 'versionStrategy', 'metadataDocuments', 'skills']
        """
        if (version_strategy == "explicit") != (explicit_version is not None):
            raise ConfigError('An explicit version goes with the strategy "explicit", and only with it.')
        if explicit_version is not None:
            check_target_version(explicit_version)
        check_path_segment(project_id, "project id")
        return deployment_body(
            self._source,
            self._checked(),
            project_id=project_id,
            version_strategy=version_strategy,
            explicit_version=explicit_version,
        )

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
        return self._deployed(
            deployment, project_id, bump, lambda: archived(self._source, self.configuration)
        )

    # --- checking ----------------------------------------------------------------------------------

    def verify(self) -> Findings:
        """Check what decides whether a deployment of this use case runs.

        The rules and their names are those of ``codika verify`` 3.6.0 that are about running; those
        about style are left to that tool. What it calls a must is one here, but for outputs without wires
        that are null, as n8n writes them, and files that no workflow of a ``config.json`` or ``config.py``
        belongs to. These musts are seen here in more places than there: addresses and paths of webhooks
        (WEBHOOK-PATH-CONSISTENCY), parameters in any quotes (INSTPARM-QUOTE), runs that end at Codika Init
        (CODIKA-SUBMIT), empty members of schedules, keys of custom integrations.

        Returns:
            What was found; empty when all is well. A deployment with a ``must`` finding does not run.

        Example:
            >>> UseCase.load("use-cases/greeter").verify()
            No findings.
        """
        findings = verify(self._source, self.configuration)
        findings._mend = self._mend
        return findings

    def _mend(self, findings: Findings) -> Findings:
        """Mend what can be in its files, in the folder if it has one; returns what is mended."""
        source = self._source
        better_files = {name: mended(source.files[name], name, findings) for name in source.workflow_files}
        told = any(finding.path == "config.ts" for finding in findings)
        if told and source.config == "config.json" and is_view(source.files["config.ts"]):
            better_files["config.ts"] = view_of_json(source.workflow_files)
        for name, better in better_files.items():
            if better != source.files[name]:
                if self.path:
                    write(self.path, name, better)
                source.files[name] = better
        left = self.verify()
        return Findings(finding for finding in findings if finding not in left)


def _despite(folder: Path, error: UseCaseError) -> Findings:
    """What can be said of a folder that cannot be read as a whole: every mistake, not only the first."""
    readable, broken = readable_workflows(folder)
    if not error.problems and not broken:
        return Findings()
    said = [Finding(rule_about(message), "must", message, name) for name, message in error.problems]
    said += [Finding("JSON-001", "must", message, name) for name, message in broken.items()]
    return Findings([*said, *verify_files(readable)])


def _like(path: Path) -> Path | None:
    """The folder that may be meant by one that is not there: where an import puts it, or a similar name."""
    if (beside := Path("use-cases", path)).is_dir():
        return beside
    try:
        there = [each.name for each in path.parent.iterdir() if each.is_dir()]
    except OSError:
        return None
    near = get_close_matches(path.name, there, n=1)
    return path.with_name(near[0]) if near else None
