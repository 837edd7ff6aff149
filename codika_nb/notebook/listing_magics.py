"""``%codika_projects`` and ``%codika_instances``: what there is in the organization."""

from __future__ import annotations

from argparse import Namespace

from IPython.core.interactiveshell import InteractiveShell

from ..models import Instances, Projects
from .cards import listing
from .kernel import client_in_use
from .magic import magic, option, show


@magic(option("--limit", type=int, default=None, metavar="N", help="1 to 100 (the platform's default)"))
def codika_projects(shell: InteractiveShell, arguments: Namespace) -> Projects:
    """List the organization's projects.

    Example: projects = %codika_projects
    """
    with client_in_use() as client:
        found = client.list_projects(limit=arguments.limit)
    show(shell, found, listing(found, "Deploy into one: %codika_deploy FOLDER --project ID"))
    return found


@magic(
    option("--environment", choices=["dev", "prod"], help="only these"),
    option("--archived", action="store_true", help="the archived ones, and only those"),
    option("--limit", type=int, default=None, metavar="N", help="1 to 100 (the platform's default)"),
)
def codika_instances(shell: InteractiveShell, arguments: Namespace) -> Instances:
    """List the organization's process instances: what is deployed, and whether it is on.

    Example: instances = %codika_instances
    """
    with client_in_use() as client:
        found = client.list_instances(
            environment=arguments.environment, archived=arguments.archived, limit=arguments.limit
        )
    show(
        shell,
        found,
        listing(
            found,
            "Client().workflows() says what they run; %codika_trigger WORKFLOW --instance ID {…} runs it, "
            "for ID also dev or prod",
        ),
    )
    return found
