"""What this process has deployed, and with which account."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..profiles import Profile, same_host
from ..profiles.profile import HoldsKey

if TYPE_CHECKING:
    from ..models import Deployment
    from ..usecases.usecase import UseCase

#: As many as anybody looks back for.
_MOST = 100


@dataclass(frozen=True)
class Account(HoldsKey):
    """Whose deployment it is: a key at a server, and its organization where that is known."""

    base_url: str
    key: str = field(repr=False)
    organization_id: str | None = None
    profile: Profile | None = None

    def same(self, other: Account) -> bool:
        """Whether both speak for one organization, or are one key."""
        known = self.organization_id is not None and self.organization_id == other.organization_id
        return same_host(self.base_url, other.base_url) and (known or self.key == other.key)


@dataclass(frozen=True)
class Deployed:
    """A deployment that this process has made."""

    deployment: Deployment
    use_case: UseCase
    project_id: str
    account: Account
    #: The instance in production, once this process has published it.
    published: str | None = None

    @property
    def instance(self) -> str:
        """The process instance that runs it."""
        return self.published or self.deployment.process_instance_id or ""

    @property
    def workflows(self) -> tuple[str, ...]:
        """Its workflows, by template id."""
        return tuple(each.workflow_template_id for each in self.deployment.workflows_deployed)

    def has(self, workflow: str | None) -> bool:
        """Whether it may be meant by somebody who names this workflow, or none."""
        return workflow is None or workflow in self.workflows


_all: list[Deployed] = []
_lock = threading.Lock()


def remember(made: Deployed) -> None:
    """Keep a deployment, as the latest one; of one without an instance there is nothing to run."""
    if made.instance:
        with _lock:
            others = [each for each in _all if each.instance != made.instance]
            _all[:] = [*others[-_MOST:], made]


def publish(project_id: str, instance: str | None) -> None:
    """From now on the instance in production is meant, whoever has deployed the version that it runs."""
    with _lock:
        _all[:] = [
            replace(each, published=instance or each.published) if each.project_id == project_id else each
            for each in _all
        ]


def latest(account: Account | None = None) -> Iterator[Deployed]:
    """What has been deployed, by this account if one is given, the latest first."""
    with _lock:
        newest_first = _all[::-1]
    return (each for each in newest_first if account is None or account.same(each.account))


def forget() -> None:
    """Forget all of it."""
    with _lock:
        _all.clear()
