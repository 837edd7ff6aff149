"""The platform's endpoints, each described once, by noun.

`API` itself only describes: ``API().verify_key()`` is a `Call`. `Client` and `AsyncClient`
inherit the same methods and perform what they describe, one at once and one when awaited.

What goes over the wire is what codika 3.6.0 sends, unless a docstring says otherwise.
"""

from __future__ import annotations

from .codes import CodesAPI
from .deployments import DeploymentsAPI
from .documents import DocumentsAPI
from .instances import InstancesAPI
from .integrations import IntegrationsAPI
from .keys import KeysAPI
from .notes import NotesAPI
from .projects import ProjectsAPI
from .runs import RunsAPI

__all__ = ["API"]


class API(
    CodesAPI,
    KeysAPI,
    ProjectsAPI,
    DeploymentsAPI,
    RunsAPI,
    InstancesAPI,
    DocumentsAPI,
    IntegrationsAPI,
    NotesAPI,
):
    """Every endpoint under the name of the ``codika`` tool's command for it."""
