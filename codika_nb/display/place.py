"""Where a message is read, and how its next step is said there.

A notebook has magics, a script functions, a command line commands, a form buttons, a prompt its next question.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal
from weakref import WeakSet

from .front_end import shell

Place = Literal["notebook", "script", "command", "form", "prompt"]

Step = Literal[
    "sign-in",
    "new-key",
    "start-anew",
    "sign-in-there",
    "make-a-profile",
    "use-another-profile",
    "new-code",
    "more-time",
    "start-a-sandbox",
    "moved",
    "name-the-sandbox",
    "which-server",
    "name-instance",
    "name-workflow",
    "more-scopes",
    "deploy-first",
    "switch-on",
    "deploy-again",
    "list-runs",
    "list-instances",
    "list-projects",
    "look-at-the-fields",
    "without-widgets",
]

#: What to do next, by place; where a place has no words of its own, "script" has them.
_WORDS: dict[Step, dict[Place, str]] = {
    "sign-in": {
        "notebook": "Run %codika_signup or %codika_login, or set CODIKA_API_KEY.",
        "script": 'Sign in once on this machine, codika_nb.sign_in("you@example.com", ask_code=input), '
        "or set CODIKA_API_KEY.",
        "command": "Sign in: codika-nb auth signup-request --email you@example.com, or set CODIKA_API_KEY.",
        "form": "Sign in, and try again here.",
    },
    "new-key": {
        "notebook": "%codika_login makes a new one.",
        "script": "codika_nb.sign_in(…) makes a new one.",
        "command": "codika-nb auth login-request makes a new one.",
    },
    "start-anew": {
        "notebook": "Start it again where it kept its data: codika-nb lab, or with the same --data FOLDER. "
        "%codika_sandbox starts another, where you sign up anew. For Codika itself, run "
        "%codika_signup or %codika_login, or set CODIKA_API_KEY.",
        "script": "Start it again where it kept its data: codika-nb lab, or with the same data=FOLDER. "
        "Sandbox().start() starts another, where you sign up anew. For Codika itself, sign in once on this "
        'machine, codika_nb.sign_in("you@example.com", ask_code=input), or set CODIKA_API_KEY.',
        "command": "Start it again where it kept its data: codika-nb lab, or codika-nb sandbox with the same "
        "--data FOLDER. Without, codika-nb sandbox starts another; sign up there: codika-nb auth signup-request "
        "--base-url URL --email you@example.com. Without --base-url that is Codika itself.",
    },
    "sign-in-there": {
        "notebook": "Sign in there: %codika_login --base-url {server}",
        "script": 'Sign in there: codika_nb.sign_in(…, base_url="{server}")',
        "command": "Sign in there: codika-nb auth login-request --base-url {server}",
    },
    "make-a-profile": {
        "notebook": "Run %codika_login to make one.",
        "script": "codika_nb.sign_in(…) makes one.",
        "command": "codika-nb auth login-request makes one.",
    },
    "use-another-profile": {
        "notebook": "In use is profile {profile}; %codika_use {other} takes another one.",
        "script": 'In use is profile {profile}; Client(profile="{other}") takes another one.',
    },
    "new-code": {
        "notebook": "Ask for a new code: %codika_{purpose} {email} --no-form",
        "script": "Ask for a new code: signin.resend().",
        "command": "Ask for a new code: codika-nb auth {purpose}-request --email {email}",
        "form": "Ask for a new code with “Resend”.",
        "prompt": "Press Enter alone for a new one.",
    },
    "more-time": {
        "script": "Try again, or allow more: client.with_options(timeout=…)",
        "command": "Try again.",
        "form": "Try again.",
        "prompt": "Try again.",
    },
    "start-a-sandbox": {
        "notebook": "Is the sandbox running? %codika_sandbox starts one. It knows the accounts and deployments "
        "of before only if both have the same --data FOLDER.",
        "script": "Is the sandbox running? Sandbox().start() starts one. It knows the accounts and deployments of "
        "before only if both have the same data=FOLDER.",
        "command": "Is the sandbox running? codika-nb sandbox starts one. It knows the accounts and deployments "
        "of before only if both have the same --data FOLDER.",
    },
    "moved": {
        "notebook": "It was at {earlier} before, where another program is now: %codika_login makes a profile "
        "for here.",
        "script": "It was at {earlier} before, where another program is now: log in again.",
    },
    "name-the-sandbox": {
        "notebook": "A sandbox has to be named: --base-url URL, base_url=… in Python, or CODIKA_BASE_URL.",
        "script": "A sandbox has to be named: base_url=…, or CODIKA_BASE_URL.",
        "command": "A sandbox has to be named: --base-url URL, or CODIKA_BASE_URL.",
    },
    "which-server": {
        "notebook": "Is this address a Codika server? %codika_whoami shows which one is in use.",
        "script": "Is this address a Codika server? client.base_url is the one in use.",
        "command": "Is this address a Codika server?",
        "form": "Is this address a Codika server?",
    },
    "name-instance": {
        "notebook": "Give --instance ID (instance=… in Python)",
        "script": "Give instance=…",
        "command": "Give --instance ID",
    },
    "name-workflow": {
        "notebook": "Name a workflow, or give --instance ID (instance=… in Python)",
        "script": "Name a workflow (workflow=…, where a call takes one), or give instance=…",
        "command": "Give --instance ID",
    },
    "more-scopes": {
        "notebook": "%codika_login makes a key that may do more. Who has such a key can make another one for you, "
        "by client.create_organization_key(…, scopes=…).",
        "script": "codika_nb.sign_in(…) makes a key that may do more. Who has such a key can make another one for "
        "you, by client.create_organization_key(…, scopes=…).",
        "command": "codika-nb auth login-request makes a key that may do more.",
    },
    "deploy-first": {
        "notebook": "Deploy a use case first: %codika_deploy FOLDER",
        "script": 'Deploy a use case first: client.deploy_use_case("FOLDER")',
    },
    "switch-on": {
        "notebook": "Client().activate_instance(ID) switches it on.",
        "script": "client.activate_instance(ID) switches it on.",
    },
    "deploy-again": {
        "notebook": "%codika_deploy FOLDER --rerun tries the deployment again, and says why it fails.",
        "script": "client.rerun_deployment(ID) tries the deployment again.",
    },
    "list-runs": {
        "notebook": "%codika_executions WORKFLOW lists them.",
        "script": "client.list_executions(workflow=…) lists them.",
    },
    "list-instances": {
        "notebook": "%codika_instances lists them.",
        "script": "client.list_instances() lists them.",
        "form": "It may have been removed, or live on another server: deploy it, and run this cell again.",
    },
    "list-projects": {
        "notebook": "%codika_projects lists them.",
        "script": "client.list_projects() lists them.",
    },
    "look-at-the-fields": {
        "notebook": "%codika_playground shows what it takes.",
        "script": "client.workflow(NAME).schema says what it takes.",
        "form": "Look at the fields again.",
    },
    "without-widgets": {
        "notebook": "%codika_{purpose} MAIL --prompt asks in words; or %codika_{purpose} MAIL --no-form, and then "
        "the same with --code CODE.",
        "script": 'codika_nb.sign_in("you@example.com", ask_code=input) asks in words.',
    },
}

_FORM_ABOVE = "Fill in the form above, then run from here."

_told: ContextVar[Place | None] = ContextVar("codika_place", default=None)

_open_forms: WeakSet[object] = WeakSet()


def next_step(what: Step, **values: object) -> str:
    """What to do next, in the words of the place where it is read.

    Args:
        what: to be done.
        values: names that the words have in braces.
    """
    place = here()
    if what in ("sign-in", "new-key") and place == "notebook" and _open_forms:
        return _FORM_ABOVE
    words = _WORDS[what]
    said = words.get(place) or (
        words.get("notebook") if place in ("form", "prompt") and _has_magics() else ""
    )
    return (said or words["script"]).format(**values)


def here() -> Place:
    """Where what is said now will be read."""
    return _told.get() or ("notebook" if _has_magics() else "script")


@contextmanager
def read_in(place: Place) -> Iterator[None]:
    """Say that what is said meanwhile is read in this place."""
    before = _told.set(place)
    try:
        yield
    finally:
        _told.reset(before)


def is_open(form: object, wanted: bool) -> None:
    """Say that a form to sign in with waits for somebody, or no more."""
    (_open_forms.add if wanted else _open_forms.discard)(form)


def _has_magics() -> bool:
    magics = getattr(shell(), "magics_manager", None)
    return magics is not None and "codika_login" in magics.magics["line"]
