"""Process instances; and which of them is meant, which is decided here and in no other place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Literal

from ...display.place import next_step
from ...display.text import plain
from ...errors import ConfigError, NotFoundError, PermissionDeniedError
from ...models import Instance, Instances, InstanceState, InstanceSummary
from ...models.instances import ENVIRONMENTS
from .. import arguments
from ..call import Call, known
from ..endpoint import endpoint
from ..steps import Steps
from .platform import Platform

#: How many instances the platform lists, and how many are named in a message.
MOST_LISTED, MOST_NAMED = 100, 20


def known_instance(api: Platform, instance: str | None, workflow: str | None = None) -> str | None:
    """The instance that is meant, from what is known without asking anybody.

    What is named, in the call or for the client; else what this process has deployed with this account, the
    latest that has the workflow; else ``PROCESS_INSTANCE_ID``.
    """
    if named := _named(api, instance):
        return named
    made = next((each.instance for each in api._deployments() if each.has(workflow)), None)
    return made or api.instance


def _named(api: Platform, instance: str | None) -> str | None:
    """What is named, in the call or for the client."""
    if instance is not None:
        return arguments.name(instance, "A process instance")
    return api.instance if api.is_for_one else None


def public_instance(api: Platform, instance: str | None, workflow: str | None = None) -> str:
    """The same for a key of a single instance, which reads no lists.

    Raises:
        ConfigError: it is not known.
    """
    if known := known_instance(api, instance, workflow):
        return known
    raise _unclear(
        "Which process instance is meant?",
        f"{next_step('name-instance')}, or set PROCESS_INSTANCE_ID: the key belongs to one instance.",
    )


def which_instance(api: Platform, instance: str | None, workflow: str | None = None) -> Steps[str]:
    """The process instance that is meant.

    What is named → what this process has deployed with this account → ``PROCESS_INSTANCE_ID`` → the only
    instance of the organization, or the only one that has the workflow. Of a use case that is published,
    that is the instance in production.

    Args:
        api: who asks.
        instance: what has been named, if anything: an id, its end after "…", or an environment.
        workflow: the workflow that is meant, if one is.

    Raises:
        ConfigError: several could be meant, or none; lists the choices.
        NotFoundError: none of the organization's instances has this workflow.
    """
    if api.public:
        return public_instance(api, instance, workflow)
    instance = _named(api, instance)
    described = _described(instance)
    known = _here(api, instance, workflow) if described else known_instance(api, instance, workflow)
    if known:
        return known
    try:
        listed = yield from InstancesAPI.list_instances.describe(api, limit=MOST_LISTED)
    except PermissionDeniedError as error:
        raise _unclear(
            f"Which process instance is {f'“{plain(instance)}”' if instance else 'meant'}? "
            "This key may not list them.",
            "Give its whole id, or use a key with instances:read."
            if instance
            else f"{next_step('name-instance')}, set PROCESS_INSTANCE_ID, or use a key with instances:read.",
        ) from error
    if not listed:
        raise _unclear(
            f"Nothing is deployed in {_whose(api)} yet.",
            next_step("deploy-first"),
        )
    if described and not (listed := Instances(filter(described, listed))):
        raise NotFoundError(
            f"There is no process instance “{plain(instance)}” in {_whose(api)}.",
            next_action=next_step("list-instances"),
            code="INSTANCE_NOT_FOUND",
        )
    if workflow is None:
        return _only(listed, "")
    fitting: list[InstanceSummary] = []
    off: list[InstanceSummary] = []
    others: list[str] = []
    for each in listed:
        there = yield from InstancesAPI.get_instance.describe(api, each.process_instance_id)
        names = [flow.workflow_id for flow in there.deployment.workflows] if there.deployment else []
        others += names
        if workflow in names:
            # What is switched off, or could not be deployed, does not run: meant only if there is no other.
            failed = there.deployment is not None and there.deployment.deployment_status == "failed"
            (off if failed or there.is_active is False else fitting).append(each)
    # One in production stays what is meant of its use case: its version in development is not run instead.
    of_these = {each.process_id for each in fitting} - {None}
    fitting += [each for each in off if each.environment == "prod" and each.process_id in of_these]
    fitting = fitting or off
    if len(listed) >= MOST_LISTED and len(fitting) < 2:
        raise _unclear(
            f"Which process instance is meant? There may be more than the {MOST_LISTED} that are listed.",
            f"{next_step('name-instance')}.",
        )
    if not fitting:
        raise NotFoundError(
            f"There is no workflow “{plain(workflow)}” in {_whose(api)}.",
            next_action=_there_is(workflow, [*dict.fromkeys(others)]),
            code="workflow-not-found",
        )
    return _only(fitting, f"Workflow “{plain(workflow)}” is in several process instances. ")


def _there_is(workflow: str, others: list[str]) -> str:
    """Which workflows there are, and which of them may be meant."""
    near = get_close_matches(workflow, others, n=1)
    hint = f"Did you mean “{plain(near[0])}”? " if near and len(others) > 1 else ""
    return f"{hint}There is: {', '.join(map(plain, others)) or 'none'}."


def _environment(described: str | None) -> str | None:
    """The environment that is meant by its name, which may be the platform's or people's."""
    said = (described or "").strip()
    return next((name for name, word in ENVIRONMENTS.items() if said in (name, word)), None)


def _here(api: Platform, instance: str | None, workflow: str | None) -> str | None:
    """What this process has deployed last to an environment, with this workflow."""
    environment = _environment(instance)
    made = next((each for each in api._deployments() if each.has(workflow)), None)
    if made is None or environment is None:
        return None
    return made.published if environment == "prod" else made.deployment.process_instance_id


def _described(instance: str | None) -> Callable[[InstanceSummary], bool] | None:
    """Whether it is one that is not named, but described: by its environment, or as tables shorten ids."""
    wanted = instance.strip() if isinstance(instance, str) else ""
    if wanted.startswith("…") and len(wanted) > 4:
        return lambda each: each.process_instance_id.endswith(wanted[1:])
    environment = _environment(wanted)
    return (lambda each: each.environment == environment) if environment else None


def _only(listed: Sequence[InstanceSummary], before: str) -> str:
    produced = {each.process_id for each in listed if each.environment == "prod"} - {None}
    instances = [each for each in listed if each.environment == "prod" or each.process_id not in produced]
    if len(instances) == 1:
        return instances[0].process_instance_id
    # Those in development stand beside what is published of them: they may be meant as well.
    order = [one.process_instance_id for one in instances]
    beside = [each for each in listed if each.process_instance_id not in order]
    choices = [
        f"{each.process_instance_id} ({plain(each.title)}, {each.environment}, {each.current_version})"
        for one in instances
        for each in (one, *(dev for dev in beside if one.process_id and dev.process_id == one.process_id))
    ]
    if (more := len(choices) - MOST_NAMED) > 0:
        choices[MOST_NAMED:] = [f"or one of {more} more"]
    way = next_step("name-instance") if before else next_step("name-workflow")
    error = _unclear(f"{before}Which process instance is meant?", "\n  ".join((f"{way}, one of:", *choices)))
    error.details = {"instances": [each.process_instance_id for each in instances]}
    raise error


def _whose(api: Platform) -> str:
    """The organization that is asked, as far as it has a name here."""
    credential = getattr(api, "credential", None)
    profile = credential.profile if credential else None
    if profile is None or not profile.name:
        return "this organization"
    return f"{plain(profile.organization_name or profile.organization_id)} (profile {profile.name})"


def _unclear(message: str, next_action: str) -> ConfigError:
    return ConfigError(message, next_action=next_action, code="which-instance")


class InstancesAPI(Platform):
    """Process instances."""

    @endpoint
    def list_instances(
        self,
        *,
        environment: Literal["dev", "prod"] | None = None,
        archived: bool = False,
        limit: int | None = None,
        organization_id: str | None = None,
    ) -> Call[Instances]:
        """List the organization's process instances.

        Args:
            environment: only ``"dev"`` or only ``"prod"``.
            archived: the archived ones, and only those.
            limit: how many at most, 1 to 100; the platform's default is 20.
            organization_id: only needed for personal and admin keys.

        Example:
            >>> client.list_instances(environment="dev")
            Title    Instance  Environment  Version  Active  Last run
            Greeter  ...       dev          1.0      yes
        """
        query = arguments.query(
            environment=environment,
            archived=archived,
            limit=arguments.limit(limit),
            organizationId=organization_id,
        )
        return Call("GET", "/listprocessinstancespublic", Instances.read, query=query, repeatable=True)

    @endpoint
    def get_instance(self, instance: str | None = None, *, workflows: bool = False) -> Steps[Instance]:
        """Look at a process instance: version, state, deployment.

        Args:
            instance: process instance id; the one that is meant if left out (see `Client`).
            workflows: with each workflow's triggers, cost and integrations.

        Raises:
            NotFoundError: there is no such instance.

        Example:
            >>> client.get_instance(deployed.process_instance_id).current_version
            '1.0'
        """
        there = yield from which_instance(self, instance)
        body = arguments.given(processInstanceId=there, includeWorkflowDetails=workflows or None)
        read = known(Instance, processInstanceId=there)
        return (yield from Call("POST", "/getprocessinstancepublic", read, body=body, repeatable=True))

    @endpoint
    def activate_instance(self, instance: str | None = None) -> Steps[InstanceState]:
        """Switch an instance on: its workflows can be triggered.

        Args:
            instance: process instance id; the one that is meant if left out (see `Client`).

        Example:
            >>> client.activate_instance().is_active
            True
        """
        return (yield from self._switch("/activateprocessinstancepublic", instance))

    @endpoint
    def deactivate_instance(self, instance: str | None = None) -> Steps[InstanceState]:
        """Switch an instance off: triggering its workflows is refused until it is on again.

        Args:
            instance: process instance id; the one that is meant if left out (see `Client`).

        Example:
            >>> client.deactivate_instance().is_active
            False
        """
        return (yield from self._switch("/deactivateprocessinstancepublic", instance))

    def _switch(self, route: str, instance: str | None) -> Steps[InstanceState]:
        body = {"processInstanceId": (yield from which_instance(self, instance))}
        return (yield from Call("POST", route, known(InstanceState, **body), body=body, repeatable=True))
