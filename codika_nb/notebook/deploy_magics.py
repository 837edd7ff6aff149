"""``%codika_deploy``: a folder of workflows becomes HTTP endpoints."""

from __future__ import annotations

import json
import os
import shlex
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from ..client.api import API
from ..client.client import Client
from ..client.steps import Request, Step, observed
from ..display.front_end import somebody_is_there
from ..display.markup import Shown, code, line
from ..display.text import plain
from ..errors import CodikaError, ConfigError, Interrupted, UseCaseError
from ..files import path_of
from ..models import Deployment, Published, Redeployment
from ..profiles import Profile, ProfileStore, same_host
from ..profiles.credential import Credential, context, resolve
from ..usecases.record import Project
from ..usecases.rules.findings import Findings
from ..usecases.source import CONFIGURATION_FILES, config_name, has_configuration
from ..usecases.usecase import UseCase
from ..usecases.verifying import verify_workflow
from ..usecases.versions import raised, version_rule
from . import deploy_cards
from .card import Card
from .cards import account, told_apart
from .kernel import client_for_folder, folders_profile
from .magic import Option, magic, option, show
from .remote_sandbox import find

#: The folders of which it has been said that their configuration is a program.
_told: set[Path] = set()
_NOBODY = {"none": "nobody is signed in there yet"}
#: Versions that a card names.
_MOST_VERSIONS = 5
#: What is shown at which stage of a deployment.
_STAGES = {
    "read": "reading the folder",
    "account": "asking whose key this is",
    "project": "making a project for it",
    "pack": "putting together what is to be sent",
    "record": "writing down what has been deployed",
}


def _raising(part: str, told: str) -> Option:
    return option(f"--{part}", action="append_const", dest="version", const=part, help=told)


@magic(
    option("path", help="the use-case folder; with --dry-run also a single workflow"),
    _raising("patch", "as the next version, 1.1 after 1.0 (default)"),
    _raising(
        "minor",
        "as --patch; only the codika tool's count in version.json differs: 1.1.0, not 1.0.1",
    ),
    _raising("major", "as the next whole version, 2.0 after 1.0"),
    option(
        *("--target-version", "--version"),
        action="append",
        dest="version",
        metavar="X.Y",
        help="deploy as this version",
    ),
    option("--project", "--project-id", metavar="ID", help="deploy to this project"),
    option("--create-project", metavar="NAME", help="make a project with this name for it"),
    option(
        "--additional-file",
        action="append",
        default=[],
        metavar="FILE:PATH",
        help="store a file with the deployment, under this path (can be repeated)",
    ),
    option("--dry-run", action="store_true", help="only check it, and show what would be sent"),
    option("--fix", action="store_true", help="mend what needs no decision, in the files, and say what"),
    option("--no-verify", action="store_true", help="deploy it even if the check says it would not run"),
    option("--publish", action="store_true", help="also make the new version the one in production"),
    option(
        "--rerun",
        action="store_true",
        help="deploy the present version once more, with fresh credentials",
    ),
)
def codika_deploy(shell: InteractiveShell, arguments: Namespace) -> Any:
    """Deploy a use-case folder: its workflows become HTTP endpoints.

    A config.py or config.ts in it is a program. It is run to read the configuration, also by --dry-run. It
    does not find the keys of the environment, but can do whatever you can: read one that is not yours first.

    --dry-run checks by the rules of codika verify that are about running. Where nobody is there to read what
    it has found, as in CI, a finding that keeps it from running is an error.

    Example: %codika_deploy use-cases/greeter
    """
    version = _checked(arguments)
    path = path_of(arguments.path).absolute()
    if path.is_file():
        return _lone_workflow(shell, path, arguments)
    _say_what_runs(path)
    try:
        use_case = UseCase.load(arguments.path)
    except UseCaseError as error:
        if any(each.message not in error.message for each in error.findings or ()):
            show(shell, error.findings, deploy_cards.not_deployed(path.name, error.findings))
        raise
    for given in arguments.additional_file:
        file, _, name = given.rpartition(":")
        use_case.add_file(file, name)
    if arguments.fix:
        _fix(use_case.verify())
    if arguments.dry_run:
        return _plan(shell, use_case, version, arguments)
    title, in_use = use_case.configuration.title, resolve().profile
    before = use_case.links
    card = Card(shell)
    with client_for_folder(use_case) as client:
        if arguments.rerun:
            return _rerun(client, use_case, card)
        deployed = _deploy(client, use_case, version, arguments, card)
        project = use_case.project
        about, known = _about(use_case, before, client.credential, in_use)
        rows: list[tuple[str, str | Shown]] = [*known]
        failed = deployed.deployment_status == "failed"
        rows += [] if failed else _unconnected(client, use_case, deployed)
        rows += (answered := [] if failed else _answered_by(client, deployed))
        if project and failed:
            rows += _earlier(arguments.path, project, deployed)
        elif project:
            function = ", and is answered by the same function" if answered else ""
            rows += _other_versions(client, arguments, project, deployed, function)
        shown = deploy_cards.deployed(client, use_case, deployed, rows, about)
        try:
            if arguments.publish and not failed:
                card.update(shown)  # the outcome is that of the publishing
                project_id = arguments.project or (project.project_id if project else "")
                live = _publish(client, use_case, deployed, project_id).process_instance_id
                called = "production, until this kernel deploys again" if live else ""
                rows += [("Published", "" if live else "yes"), ("Called next", called)]
                deployed = deployed.model_copy(update={"published": live})
                shown = deploy_cards.deployed(client, use_case, deployed, rows, about)
        finally:
            card.finish(deployed, shown)
        if failed:
            again = f"%codika_deploy {shlex.quote(str(arguments.path))} --rerun"
            raise UseCaseError(
                f"The platform could not deploy {title}"
                + (", so it was not published." if arguments.publish else "."),
                next_action=f"The card says why. {again} tries the same version again.",
                code="deployment-failed",
            )
    return deployed


def _in_production(client: Client, project: Project) -> str:
    """The version that is in production; empty if there is none, or it cannot be asked for."""
    if project.prod_process_instance_id:
        with suppress(CodikaError):  # the deployment has been made, whatever the key may not look at
            return client.get_instance(project.prod_process_instance_id).current_version or ""
    return ""


def _other_versions(
    client: Client, arguments: Namespace, project: Project, deployed: Deployment, function: str
) -> list[tuple[str, str | Shown]]:
    """The version in production, those before the one that was deployed, and how to go back to one.

    Args:
        client: who is asked.
        arguments: of the line.
        project: of the folder.
        deployed: the version.
        function: what is said of what answers production.
    """
    running = _in_production(client, project)
    if arguments.publish:
        until_now = f"version {running} was in production" if running else ""
        return [("Until now", until_now), *_earlier(arguments.path, project, deployed, running)]
    rows = _earlier(arguments.path, project, deployed)
    if project.prod_process_instance_id:
        stays = (
            f"stays at {running or 'its version'}{function}; Client().publish_use_case(deployed) brings this "
        )
        stays += "one there, with deployed = %codika_deploy …, and --publish the next"
        rows.append(("Production", stays))
        rows.append(("Called next", "this one, in development; after a restart of the kernel, production"))
    return rows


def _earlier(
    folder: str, project: Project, deployed: Deployment, back_to: str = ""
) -> list[tuple[str, str | Shown]]:
    """The versions before, and the line that brings back `back_to`, or the last of them."""
    before = [each for each in project.deployments or () if each != deployed.version]
    if not before:
        return []
    path = path_of(folder).absolute()
    with suppress(ValueError):  # Windows: it is on another drive
        path = min(path, Path(os.path.relpath(path)), key=lambda each: len(str(each)))
    there = json.dumps(str(path), ensure_ascii=False)
    fetch = f'get_use_case("{project.project_id}", version="{back_to or before[-1]}", into={there})'
    more = ", …" if len(before) > _MOST_VERSIONS else ""
    rows: list[tuple[str, str | Shown]] = [
        ("Before it", f"from this folder: {', '.join(before[: -_MOST_VERSIONS - 1 : -1])}{more}"),
        ("Go back", code(f"from codika_nb import Client; Client().{fetch}")),
    ]
    if (path / "stand_ins.py").exists():
        rows.append(("", "and deploy that; stand_ins.py is no part of a version, and stays as it is"))
    return rows


def _answered_by(client: Client, deployed: Deployment) -> list[tuple[str, str]]:
    """What a sandbox answers by other means than the workflow: who changes it wonders why nothing changes."""
    sandbox = find(client.base_url, deployed.process_instance_id)
    if not sandbox:
        return []
    if sandbox.problem:
        return [("Answers", f"nothing: {sandbox.problem}")]
    names = [each.workflow_template_id for each in deployed.workflows_deployed]
    by: dict[str, list[str]] = {}
    for name in names:
        if name in sandbox.stand_ins:
            file = sandbox.files.get(name)
            function = f"the Python function in {file}" if file else "a Python function of this sandbox"
            edits = f"edits of {'that file' if file else 'it'} count from the next run on"
            means = f"{function}, not the workflow; {edits}"
            by.setdefault(means, []).append(name)
        elif sandbox.echoes:
            by.setdefault(
                "an echo of the payload: nothing runs it here. The first run says what to do", []
            ).append(name)
    return [
        ("Answers", means if len(answered) == len(names) else f"{means} ({', '.join(answered)})")
        for means, answered in by.items()
    ]


def _unconnected(client: Client, use_case: UseCase, deployed: Deployment) -> list[tuple[str, str]]:
    """The integrations that it needs and does not have; nothing where they cannot be asked for."""
    names = deploy_cards.integrations(use_case.configuration)
    with suppress(CodikaError):
        listed = client.list_integrations(instance=deployed.process_instance_id) if names else ()
        connected = {each.integration_id for each in listed if each.connected is not False}
        if missing := [each for each in names if each not in connected]:
            told = f"{', '.join(map(plain, missing))}{deploy_cards.connecting(missing)}"
            return [("Not connected", told)]
    return []


def _about(
    use_case: UseCase, before: Sequence[Project], credential: Credential, in_use: Profile | None
) -> tuple[str, list[tuple[str, str]]]:
    """What is said of a deployment: of its project, and of the account, with which the next cells go on."""
    about, rows, owner = "", [], credential.profile
    project = use_case.project
    if project is not None and project.project_id not in {link.project_id for link in before}:
        about = "A new project was made for it; its id is in project.json."
        if before:
            first = before[0]
            whose = {each.organization_id: each.name for each in ProfileStore().list() if each.name}
            known = whose.get(first.organization_id or "")
            there = f"as profile {known}" if known else "as another organization"
            if not same_host(first.server, credential.base_url):
                there = f"at {first.server}"
            rows.append(("Other project", f"{first.project_id}, {there}; project.json keeps both"))
    if owner and owner != in_use:
        # What comes next is about this deployment, and so is done with its account.
        context.choose(owner, by_person=False)
        name = told_apart(owner)
        rows.append(("As", f"{name}, to which the folder belongs. The next cells run as {name}, too."))
    else:
        rows.append(("As", account(credential)))
    return about, rows


def _lone_workflow(shell: InteractiveShell, path: Path, arguments: Namespace) -> Findings:
    """Check a workflow that is no use case, which is all that can be done with it."""
    if not arguments.dry_run or path.name in CONFIGURATION_FILES:
        whole = next(filter(has_configuration, list(path.parents)[:3]), None)
        given = path_of(arguments.path)
        if whole and not given.is_absolute():
            whole = Path(os.path.relpath(whole))
        raise UseCaseError(
            f"{path.name} is a single file, and what is deployed is a use case: a folder.",
            next_action=f"It is part of one: %codika_deploy {shlex.quote(str(whole))}"
            if whole
            else f"%codika_import {shlex.quote(str(given))} makes one of a workflow; "
            "with --dry-run it is checked.",
        )
    findings = verify_workflow(path)
    if arguments.fix and _fix(findings):
        findings = verify_workflow(path)
    show(shell, findings, deploy_cards.lone_workflow(path.name, str(arguments.path), findings))
    _fail_unattended(path.name, findings)
    return findings


def _fix(findings: Findings) -> Findings:
    """Mend what can be, and say so."""
    mended = findings.fix()
    places = dict.fromkeys(f"{each.rule} in {each.path}" for each in mended)
    display(line(f"Mended: {', '.join(places) or 'nothing'}."), raw=True)
    return mended


def _say_what_runs(folder: Path) -> None:
    """Say that a configuration is a program, before it is run for the first time."""
    try:
        name = config_name(folder)
    except UseCaseError:
        return  # it is said when the folder is read
    if name != "config.json" and folder not in _told:
        _told.add(folder)
        told = f"{name} in {folder.name} is a program, and is run now. If it is not yours, read it first."
        display(line(told), raw=True)


def _deploy(client: Client, use_case: UseCase, version: str, arguments: Namespace, card: Card) -> Deployment:
    """Deploy it, and show how far that is; what the card says after a failure is known to be so."""
    title, sent = use_case.configuration.title, False

    def tell(step: Step) -> None:
        nonlocal sent
        stage = getattr(step, "stage", "")
        text = _STAGES.get(stage, "")
        if isinstance(step, Request) and stage == "send":
            sent, text = True, f"sending {_size(step.content or b'')}, then waiting for the platform"
        if text:
            card.update(deploy_cards.deploying(title, text))

    exchange = API.deploy_use_case.describe(
        client,
        use_case,
        version=version,
        project_id=arguments.project,
        create_project=arguments.create_project,
        verify=not arguments.no_verify,
    )
    try:
        return client.perform(observed(exchange, tell))
    except UseCaseError as error:
        if error.findings:
            card.finish(None, deploy_cards.not_deployed(title, error.findings))
            error.message = f"{title} would not run: see above."
        else:
            card.give_up(
                deploy_cards.not_recorded(title) if error.deployment else deploy_cards.not_deployed(title)
            )
        raise
    except (KeyboardInterrupt, CodikaError) as error:
        unknown = sent and _may_have_acted(error)
        card.give_up(deploy_cards.maybe_deployed(title) if unknown else deploy_cards.not_deployed(title))
        if not unknown:
            raise
        again = "Repeating the cell deploys it as the version after that."
        if isinstance(error, CodikaError):
            error.next_action = again
            raise
        text = "Stopped waiting. The platform may have deployed it all the same."
        raise Interrupted(text, next_action=again) from None


def _publish(client: Client, use_case: UseCase, deployed: Deployment, project_id: str) -> Published:
    try:
        published = client.publish_use_case(deployed, project_id=project_id)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped. Version {deployed.version} is deployed, and may be published.",
            next_action="Repeating the cell deploys and publishes the version after that.",
        ) from None
    use_case.record_published(published, project_id=project_id)
    return published


def _plan(shell: InteractiveShell, use_case: UseCase, version: str, arguments: Namespace) -> Findings:
    """What a deployment would do, from what is on this machine alone: nothing is sent."""
    rule = version_rule(version)
    credential = resolve(profile=folders_profile(use_case))
    # Nothing is sent, and so it does not matter whether a sandbox runs.
    owner = credential.profile or credential.gone
    server = credential.gone.host if credential.gone else credential.base_url
    target = arguments.project
    if not target and not arguments.create_project:
        target = use_case.target_for(server, owner.organization_id if owner else None)
    title, source = use_case.configuration.title, credential.source
    findings = use_case.verify()
    body = json.dumps(use_case.deployment(project_id=target or "new"))
    links = [link for link in use_case.links if link.project_id == target]
    known = [version for link in links for version in link.deployments or ()]
    there = rule.on_platform(known) if target or rule.explicit_version else "1.0"
    if there in known:
        raise ConfigError(
            f"Version {there} has been deployed already.", next_action=f"There have been {', '.join(known)}."
        )
    folder = f"{use_case.version} → {raised(use_case.version, rule.bump)}"
    workflows = [workflow.workflow_template_id for workflow in use_case.configuration.workflows]
    rows = [
        ("Project", target or f"a new one, “{arguments.create_project or title}”"),
        ("Server", server),
        ("As", told_apart(owner) if owner else _NOBODY.get(source, source)),
        ("Version", f"{there}, as far as this folder knows" if known else there),
        ("version.json", f"{folder}, the codika tool's count for this folder"),
        ("Workflows", ", ".join(workflows)),
        ("Needs", deploy_cards.needed(use_case.configuration)),
        ("Sends", _size(body)),
        ("Then", "it is published: the version in production" if arguments.publish else ""),
    ]
    show(shell, findings, deploy_cards.plan(use_case, rows, findings))
    _fail_unattended(title, findings)
    return findings


def _fail_unattended(title: str, findings: Findings) -> None:
    """Where nobody reads what a check has found, whatever comes next must not go on."""
    if findings.must and not somebody_is_there():
        error = UseCaseError(f"{title} would not run: see above.", code="verify-failed")
        error.findings = findings.must
        raise error


def _rerun(client: Client, use_case: UseCase, card: Card) -> Redeployment:
    """Deploy an instance's present version once more; nothing of the folder is sent."""
    profile = client.credential.profile
    organization_id = profile.organization_id if profile else None
    project = use_case.link(client.base_url, organization_id)
    if project is None:
        use_case.target_for(client.base_url, organization_id)  # which says so if it is another's
    if project is None or project.dev_process_instance_id is None:
        raise ConfigError(
            f"This folder has not been deployed to {client.base_url} yet.",
            next_action="Deploy it first, without --rerun.",
        )
    title = use_case.configuration.title
    card.update(deploy_cards.deploying(title, "deploying the present version once more"))
    try:
        again = client.rerun_deployment(project.dev_process_instance_id, force=True)
    except (KeyboardInterrupt, CodikaError) as error:
        unknown = _may_have_acted(error)
        card.give_up(deploy_cards.maybe_deployed(title) if unknown else deploy_cards.not_deployed(title))
        raise
    card.finish(again, deploy_cards.redeployment(again, title))
    return again


def _checked(arguments: Namespace) -> str:
    """The version that is asked for, or a `UsageError` for options that exclude each other."""
    versions = arguments.version or []
    if len(versions) > 1:
        raise UsageError("Give one of --patch, --minor, --major and --target-version.")
    if arguments.project and arguments.create_project is not None:
        raise UsageError("Give --project or --create-project, not both.")
    for given in arguments.additional_file:
        if not all(given.rpartition(":")):
            raise UsageError(f"--additional-file {given}: give FILE:PATH, as in notes.md:docs/notes.md.")
    if arguments.create_project is not None and not arguments.create_project.strip():
        raise UsageError("A new project needs a name: --create-project NAME.")
    others = ("version", "project", "create_project", "publish", "dry_run", "fix", "additional_file")
    if arguments.rerun and any(getattr(arguments, name) for name in others):
        raise UsageError(
            "--rerun deploys what is there already: no version, project or publishing goes with it."
        )
    version: str = versions[0] if versions else "patch"
    return version


def _may_have_acted(error: KeyboardInterrupt | CodikaError) -> bool:
    return isinstance(error, KeyboardInterrupt) or error.may_have_acted


def _size(content: bytes | str) -> str:
    count = len(content)
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
