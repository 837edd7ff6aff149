"""The whole of the rules: every subject over one store."""

from __future__ import annotations

from collections.abc import Callable

from ..engine import Engine
from ..mail import Mailbox
from ..store import Store
from .classroom import Classroom
from .codes import Codes
from .deployments import Deployments
from .documents import Documents
from .encryption import EncryptionKey
from .executions import Executions
from .instances import Instances
from .integrations import Integrations
from .keys import Keys
from .notes import Notes
from .organizations import Organizations
from .projects import Projects
from .rollouts import Rollouts
from .signatures import Signatures
from .signin import SignIn

__all__ = ["Platform"]


class Platform:
    """The subjects, each with those below it that it asks."""

    def __init__(
        self,
        *,
        store: Store,
        now: Callable[[], float],
        mailbox: Mailbox,
        ip_limit: int,
        engine: Engine,
        key: EncryptionKey,
        callback_url: str,
    ) -> None:
        self.store = store
        self.organizations = Organizations(store, now)
        self.keys = Keys(store, now, self.organizations)
        self.codes = Codes(store, now, mailbox, ip_limit)
        self.classroom = Classroom(store, now)
        self.signin = SignIn(self.codes, self.organizations, self.keys)
        self.projects = Projects(store, now, self.organizations)
        self.notes = Notes(store, now, self.projects)
        self.documents = Documents(store, now, self.projects)
        self.instances = Instances(store, now, self.organizations, self.keys)
        self.rollouts = Rollouts(store, now, self.keys, self.instances, key, engine)
        self.integrations = Integrations(store, now, self.organizations, self.instances, key, self.rollouts)
        self.deployments = Deployments(
            store, now, self.projects, self.instances, self.documents, self.rollouts
        )
        self.signatures = Signatures(store, now, self.instances)
        self.executions = Executions(store, now, self.keys, self.instances, engine, callback_url)
