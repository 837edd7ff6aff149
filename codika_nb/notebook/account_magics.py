"""``%codika_signup``, ``_login``, ``_logout``, ``_use``, ``_whoami``: who works in this kernel."""

from __future__ import annotations

import getpass
import shlex
from argparse import Namespace
from typing import TYPE_CHECKING, Any, cast

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from ..display.front_end import can_answer_prompts, in_kernel
from ..display.markup import line
from ..display.text import json_text
from ..errors import (
    APIError,
    CodikaError,
    ConfigError,
    InvalidRequestError,
    NotSignedIn,
    TransportError,
)
from ..profiles import Profile, ProfileStore, inbox_page, same_host
from ..profiles.credential import context, may_activate, resolve, sign_in_server, signed_in
from ..signin.outcome import logged_out, nobody_to_log_out, profile_of_key, refusal_document
from ..signin.reactions import Purpose
from ..signin.signin import SignIn
from ..signin.typed import organization_key
from .cards import identity, who
from .cards import profiles as profiles_card
from .cards import signed_in as signed_in_card
from .kernel import can_show_a_form, client_in_use, kernel, open_client, use
from .magic import magic, option, show
from .prompts import ask, by_prompts

if TYPE_CHECKING:
    from .signin_form import SignInForm

#: The options of the platform's ``signup-…`` and ``login-…`` commands, and ours.
SIGN_IN_OPTIONS = (
    option("email", nargs="?", help="the address the code is sent to"),
    option("--email", dest="email_option", metavar="EMAIL", help="the same, by name"),
    option("--code", help="complete at once with the six digits from the mail (or $variable)"),
    option("--no-form", action="store_true", help="only have the code sent; complete with --code later"),
    option("--prompt", action="store_true", help="ask at prompts in place of the form"),
    option("--company", default="", help="name of the new organization (My Organization)"),
    option("--description", default="", help="what the new organization is"),
    option("--organization-id", help="which organization, for an account with several"),
    option("--key-name", help="label of the key (CLI default key)"),
    option("--key-expires-in", type=int, metavar="DAYS", help="1 to 365; never if left out"),
    option("--name", help="name of the saved profile (made from the organization's)"),
    option("--ephemeral", action="store_true", help="keep the key in this kernel's memory only"),
    option("--base-url", help="the server (production)"),
    option("--api-url", help="the full address of one of its sign-in endpoints"),
    option("--json", action="store_true", help="print the outcome as the codika tool's JSON"),
)
#: What a `SignIn` takes as it stands on the line.
TAKEN = ("company", "description", "organization_id", "key_name", "key_expires_in", "name")
#: What counts when the code is sent back.
REPEATED = (*TAKEN, "ephemeral", "base_url", "api_url")


@magic(*SIGN_IN_OPTIONS)
def codika_signup(shell: InteractiveShell, arguments: Namespace) -> Any:
    """Create a Codika account (or log in to an existing one) with a code sent by e-mail.

    Example: %codika_signup ada@example.com --company "Acme, Inc."
    """
    return _sign_in(shell, "signup", arguments)


@magic(
    *SIGN_IN_OPTIONS,
    option(
        "--api-key",
        nargs="?",
        const="",
        metavar="$VARIABLE",
        help="sign in with a key from the dashboard: asked for, or in a variable",
    ),
)
def codika_login(shell: InteractiveShell, arguments: Namespace) -> Any:
    """Log in to a Codika account (or create one) with a code sent by e-mail.

    Example: %codika_login ada@example.com
    """
    return _sign_in(shell, "login", arguments)


def _in_use() -> Profile | None:
    try:
        return resolve().profile
    except ConfigError:  # who is meant is of no concern here
        return None


@magic(option("name", nargs="?", help="the profile to remove; the one in use if left out"))
def codika_logout(shell: InteractiveShell, arguments: Namespace) -> Profile:
    """Remove a saved profile from this machine; its key lives on until it is revoked in the dashboard.

    Example: %codika_logout acme-inc
    """
    name, before = arguments.name, _in_use()
    if name is None:
        used = resolve()
        if used.profile is None:
            raise NotSignedIn(nobody_to_log_out(used), next_action="There is nothing to log out from.")
        name = used.profile.name
    profile = ProfileStore().remove(name) if name else cast(Profile, context.profile)
    if context.profile in (name, profile):
        context.reset()
        context.base_url = kernel.sandbox_url if kernel.running_sandbox else None
    gone = logged_out(profile)
    after = _in_use()
    is_another = after and after.name and after != before
    next_one = f" In use from now on: {who(after)}, profile {after.name}." if after and is_another else ""
    show(shell, profile, line(gone + next_one))
    return profile


@magic(
    option("name", nargs="?", help="the profile to use; all are listed if left out"),
    option("--save", action="store_true", help="make it the active profile for other programs too"),
)
def codika_use(shell: InteractiveShell, arguments: Namespace) -> Profile | list[Profile]:
    """Use another saved profile in this kernel; alone, list the profiles that there are.

    Example: %codika_use acme-inc
    """
    store = ProfileStore()
    if arguments.name is None:
        listed, active = store.list(), store.active()
        show(shell, listed, profiles_card(listed, _in_use(), active.name if active else None))
        return listed
    profile = store.use(arguments.name) if arguments.save else store.get(arguments.name)
    saved = ", and saved as the active profile" if arguments.save else " in this kernel; --save keeps it"
    text = f"Now using {who(profile)}, profile {profile.name}{saved}."
    show(shell, profile, line(" ".join(filter(None, (text, _elsewhere(profile, store), use(profile))))))
    return profile


def _elsewhere(profile: Profile, store: ProfileStore) -> str:
    """What is said of a profile of another server than this kernel's sandbox: of an earlier one, perhaps."""
    if not kernel.running_sandbox or same_host(profile.base_url, kernel.sandbox_url):
        return ""
    of_sandbox = [
        each.name for each in store.list() if each.name and same_host(each.base_url, kernel.sandbox_url)
    ]
    its = f", whose profiles are: {', '.join(of_sandbox)}" if of_sandbox else ""
    return f"Its server is {profile.host}, not the sandbox of this kernel{its}."


@magic()
def codika_whoami(shell: InteractiveShell, arguments: Namespace) -> Any:
    """Show who is signed in: profile, organization, server, key (eight characters), scopes, expiry.

    Example: me = %codika_whoami
    """
    with client_in_use() as client:
        known = client.whoami()
    show(shell, known, identity(known))
    return known


# --- signing in ------------------------------------------------------------------------------------


def _sign_in(shell: InteractiveShell, purpose: Purpose, arguments: Namespace) -> Any:
    """Sign in; with ``--json`` whatever is refused is a document, too, and fails the cell all the same."""
    try:
        signin = _new_sign_in(purpose, arguments)
        form = _carried_out(signin, arguments)
    except CodikaError as error:
        if arguments.json:
            print(json_text(refusal_document(error)))
        raise
    if form is not None:
        show(shell, form, None)
        return form
    document = signin.document()
    if arguments.json:
        print(json_text(document))
    if signin.profile is not None:
        notes = signin.notice.text if signin.notice else "", use(signin.profile)
        show(shell, signin.profile, {} if arguments.json else signed_in_card(signin.profile, *notes))
        return signin.profile
    # A person who asks too soon has a code that works. Whoever reads the document is told of the refusal.
    if not arguments.no_form or signin.step != "code" or (arguments.json and not document["success"]):
        raise _refusal(signin)
    show(shell, signin, {} if arguments.json else line(_how_to_complete(signin, arguments)))
    return signin


def _new_sign_in(purpose: Purpose, arguments: Namespace) -> SignIn:
    if arguments.email and arguments.email_option:
        raise UsageError("The e-mail was given twice: once on its own and once with --email.")
    named = arguments.email or arguments.email_option or ""
    if "@" not in named and named in {each.name for each in ProfileStore().list()}:
        raise UsageError(f"{named} is a profile, and no e-mail: %codika_use {named} goes on with it.")
    server = sign_in_server(arguments.base_url, arguments.api_url)
    return SignIn(
        purpose,
        email=named,
        base_url=server,
        store=None if arguments.ephemeral else ProfileStore(),
        activate=may_activate(server),
        # The two documented commands say themselves what to do next.
        follow=not arguments.json,
        **{name: getattr(arguments, name) for name in TAKEN},
    )


def _carried_out(signin: SignIn, arguments: Namespace) -> SignInForm | None:
    """Go as far as the line and prompts lead; or make the form that goes on."""
    key = getattr(arguments, "api_key", None)
    if key is not None:
        return _with_key(signin, key, arguments)
    if arguments.code or arguments.no_form:
        with open_client(base_url=signin.base_url) as client:
            client.perform(
                signin.submit_code(arguments.code) if arguments.code else signin.request_code(signin.email)
            )
        return None
    if arguments.prompt:
        # Asked for where a front end draws no form; it does not tell the kernel whether it does.
        if not can_answer_prompts():
            raise _nobody_there()
        by_prompts(signin)
        return None
    # Whatever the line says means that account, and not whoever is signed in.
    asked_for = bool(signin.email) or any(getattr(arguments, name) for name in REPEATED)
    profile = None if asked_for else _who_is_signed_in(signin.base_url)
    if can_show_a_form():
        return _form(signin, email=signin.email, already=profile)
    if profile is not None:
        signin.step, signin.profile = "done", profile
    elif in_kernel():
        raise _nobody_there()
    else:
        by_prompts(signin)
    return None


def _with_key(signin: SignIn, key: str, arguments: Namespace) -> SignInForm | None:
    """Take a key from the dashboard: from a variable, the form, or a prompt."""
    signin.step = "key"
    if not key:
        if can_show_a_form() and not arguments.prompt:
            return _form(signin)
        if not can_answer_prompts():
            raise _nobody_there()
        key = ask(getpass.getpass, "Key from the dashboard (cko_…): ")
    with open_client(auth=organization_key(key), base_url=signin.base_url) as client:
        client.perform(signin.submit_key(key))
    return None


def _form(signin: SignIn, **options: Any) -> SignInForm:
    from .signin_form import SignInForm  # noqa: PLC0415 - most magics show no form

    return SignInForm(signin=signin, on_done=use, **options)


def _how_to_complete(signin: SignIn, arguments: Namespace) -> str:
    """What to say after the first of the platform's two commands; ``--code`` is the second."""
    command = f"%codika_{signin.purpose} {signin.email} --code $code"
    for name in REPEATED:
        if value := getattr(arguments, name):
            command += f" --{name.replace('_', '-')}"
            command += "" if value is True else f" {shlex.quote(str(value))}"
    page = inbox_page(signin.base_url)
    sent = f"A code is on its way to {signin.email}.{page and f' A sandbox has its mail at {page}.'}"
    told = signin.notice.text if signin.notice else ""  # why there is no code, or that the account is new
    said = told if signin.error else f"{told} {sent}".strip()
    return f"{said} Complete with: {command}"


def _who_is_signed_in(server: str) -> Profile | None:
    """The profile whose key works at `server` right now."""
    try:
        credential = resolve()
        if not same_host(credential.base_url, server):
            # Only a key that is known to belong there: the environment's was not made for this server.
            credential = resolve(base_url=server)
            if credential.profile is None:
                return None
        key = signed_in(credential)
        with open_client(auth=key, base_url=server, timeout=5.0) as client:
            known = client.verify_key()
    except (ConfigError, APIError, TransportError):
        return None  # the form says what is wrong when it is used
    return credential.profile or profile_of_key(key, known, server)


def _nobody_there() -> NotSignedIn:
    return NotSignedIn(
        "Nobody is there to type a code.",
        next_action="Set CODIKA_API_KEY, or sign in once on this machine (the profile is found again), "
        "or use --no-form and then --code.",
        code="not-signed-in",
    )


def _refusal(signin: SignIn) -> CodikaError:
    """The error a sign-in without a form has ended with, in the words of its notice."""
    notice = signin.notice
    text = notice.text if notice else "Signing in has not ended."
    if signin.step == "organization":
        ids = ", ".join(f"{o.id} ({o.name})" for o in signin.organizations)
        text += f" Repeat with --organization-id: {ids}"
    if signin.error is None:
        return InvalidRequestError(text, code=notice.code if notice else "")
    signin.error.message, signin.error.next_action = text, None
    return signin.error
