"""Sign in to Codika, deploy and trigger workflows, without leaving the notebook.

In a notebook:

    %load_ext codika_nb
    %codika_signup
    %codika_deploy use-cases/greeter
    run = %codika_trigger greet {"name": "Ada"}
    run.result

In a script: `sign_in`, `Client`, `AsyncClient`. Without an account: `Sandbox`.
"""

from __future__ import annotations

# As in `typing`, whose import takes ten times as long as everything here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

    from .client.auth import InstanceKey, OrganizationKey, QueryKey, TriggerURL
    from .client.client import AsyncClient, Client
    from .client.runs import Runs
    from .client.webhooks import WebhookSignature, verify_webhook
    from .errors import *
    from .notebook.playground import Playground
    from .notebook.signin_form import SignInForm
    from .profiles import Profile, ProfileStore
    from .sandbox import Sandbox
    from .signin.recipe import asign_in, sign_in
    from .signin.signin import SignIn
    from .usecases.usecase import UseCase
    from .usecases.verifying import verify_workflow

__version__ = "0.2.0"

__all__ = [
    "APIError",
    "AsyncClient",
    "AuthenticationError",
    "Client",
    "CodikaError",
    "ConfigError",
    "ConflictError",
    "ExecutionFailedError",
    "InstanceKey",
    "Interrupted",
    "InvalidRequestError",
    "InvalidResponseError",
    "NotFoundError",
    "NotSignedIn",
    "OTPError",
    "OrganizationChoiceError",
    "OrganizationKey",
    "PermissionDeniedError",
    "Playground",
    "Profile",
    "ProfileStore",
    "QueryKey",
    "RateLimitError",
    "RequestTimeoutError",
    "Runs",
    "Sandbox",
    "ServerError",
    "SignIn",
    "SignInForm",
    "TransportError",
    "TriggerURL",
    "UseCase",
    "UseCaseError",
    "WaitTimeoutError",
    "WebhookSignature",
    "WebhookVerificationError",
    "asign_in",
    "sign_in",
    "verify_webhook",
    "verify_workflow",
]

# Names are imported when they are first used, so that loading the extension costs next to nothing.
_HOMES = {
    "client.auth": ("InstanceKey", "OrganizationKey", "QueryKey", "TriggerURL"),
    "client.webhooks": ("WebhookSignature", "verify_webhook"),
    "client.runs": ("Runs",),
    "client.client": ("AsyncClient", "Client"),
    "notebook.signin_form": ("SignInForm",),
    "notebook.playground": ("Playground",),
    "profiles": ("Profile", "ProfileStore"),
    "sandbox": ("Sandbox",),
    "signin.recipe": ("asign_in", "sign_in"),
    "signin.signin": ("SignIn",),
    "usecases.usecase": ("UseCase",),
    "usecases.verifying": ("verify_workflow",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    value = getattr(import_module(f".{_HOME.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the ``%codika_…`` magics: what ``%load_ext codika_nb`` does."""
    from .notebook.extension import load  # noqa: PLC0415 - importing the package must not import IPython

    load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Take them away again: what ``%unload_ext codika_nb`` does."""
    from .notebook.extension import unload  # noqa: PLC0415 - as above

    unload(ipython)
