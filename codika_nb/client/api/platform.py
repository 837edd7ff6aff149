"""Where calls go: what every endpoint knows of the server and of the credential."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from ...profiles import PRODUCTION
from .. import arguments
from ..call import path
from ..deployed import Deployed

if TYPE_CHECKING:
    from ...models import Deployment
    from ...usecases.usecase import UseCase


class Platform:
    """A server, and what is known about who speaks to it."""

    base_url: str = PRODUCTION
    """The server, without a trailing slash."""
    instance: str | None = None
    """The process instance that the client was made for, or that the environment names."""
    is_for_one: bool = False
    """Whether the client was made for that instance."""
    public_key_url: str = "https://app.codika.io/encryption/public.pem"
    """Where the key is that secrets of integrations are encrypted with."""
    public_bases: Mapping[str, str] = MappingProxyType({})
    """Addresses of a single instance, ``webhook`` and ``status``, where they are not the server's own."""

    @property
    def public(self) -> bool:
        """Whether the credential belongs to one process instance, which has addresses of its own."""
        return False

    def _deployments(self) -> Iterable[Deployed]:
        """What this process has deployed with this account, the latest first."""
        return ()

    def _deployed(
        self, deployment: Deployment, use_case: UseCase, project_id: str, organization_id: str | None
    ) -> None:
        """Keep what has just been deployed, for those who ask which instance is meant."""

    def _published(self, project_id: str, instance: str | None) -> None:
        """Keep which instance is in production from now on."""

    def _address(
        self, call: Literal["webhook", "status"], instance: str, target: str
    ) -> tuple[str | None, str]:
        """Base and path of the two calls that instance keys and signatures have addresses of their own for.

        As on the platform's page "Authentication methods"; codika 3.6.0 uses the others.
        """
        where = instance, arguments.name(target, "A workflow")
        if not self.public:
            route = {"webhook": "triggerwebhookpublic", "status": "getexecutionstatuspublic"}[call]
            return None, path(route, *where)
        base_url = self.public_bases.get(call)
        return base_url, path(*where) if base_url else path(call, *where)
