"""Signing in from a script: the recipe of the platform's command-line one-time-code page."""

from __future__ import annotations

import builtins
import functools
import getpass
from collections.abc import Callable
from typing import Any

from ..client.steps import Steps, Work
from ..display.text import plain
from ..errors import CodikaError, InvalidRequestError, warn
from ..profiles import ConfigWarning, Profile, ProfileStore
from ..profiles.credential import context, sign_in_server
from .reactions import REACTIONS, Organization, Purpose
from .signin import SignIn

_TRIES = 5


def sign_in(
    email: str,
    *,
    ask_code: Callable[[str], str],
    ask_organization: Callable[[list[Organization]], str] | None = None,
    purpose: Purpose = "signup",
    **options: Any,
) -> Profile:
    """Sign up, or log in if the account exists, from a script; returns the saved profile.

    The recipe of the platform's command-line one-time-code page: try a sign-up first, fall back
    to a login; a wrong code is asked for again, a dead one is replaced.

    Args:
        email: the address the code is sent to.
        ask_code: gets the address, returns the code; called again after a wrong one. `input` and
            `getpass.getpass` get a question instead.
        ask_organization: gets the `Organization` list, returns the ``id`` of one; only needed for
            accounts with several, and where `organization_id` does not say which.
        purpose: ``"signup"`` or ``"login"``: what is tried first.
        options: the remaining arguments of `SignIn`; `base_url` defaults to the server in use and
            `store` to the shared config file.

    Raises:
        APIError: what the platform refused for good.
        TransportError: the platform cannot be reached.
        ConfigError: an option that cannot be right, or a config file that cannot be written; no code is
            used up.

    A `ConfigWarning` says where the profile could not be saved as it was to be: its name is another
    account's, so that it has got one of its own, or the disk has failed by now.

    Example:
        >>> sign_in("ada@example.com", ask_code=lambda email: input(f"Code sent to {email}: "))
        Profile('acme', organization='Acme', key='cko_...')
    """
    from ..client.client import Client  # noqa: PLC0415 - the state machine is usable without the HTTP library

    signin = _for_script(purpose, options)
    with Client(base_url=signin.base_url) as client:
        return client.perform(_conversation(signin, email, ask_code, ask_organization))


async def asign_in(
    email: str,
    *,
    ask_code: Callable[[str], Any],
    ask_organization: Callable[[list[Organization]], Any] | None = None,
    purpose: Purpose = "signup",
    **options: Any,
) -> Profile:
    """Sign up or log in from asynchronous code: `sign_in`, whose questions may be awaitable.

    Arguments, result and errors are those of `sign_in`.

    Example:
        >>> asyncio.run(asign_in("ada@example.com", ask_code=input))
        Profile('acme', organization='Acme', key='cko_...')
    """
    from ..client.client import AsyncClient  # noqa: PLC0415 - see sign_in

    signin = _for_script(purpose, options)
    async with AsyncClient(base_url=signin.base_url) as client:
        return await client.perform(_conversation(signin, email, ask_code, ask_organization))


def _for_script(purpose: Purpose, options: dict[str, Any]) -> SignIn:
    server = sign_in_server(options.get("base_url"))
    return SignIn(purpose, **{"store": ProfileStore(), **options, "base_url": server})


def _conversation(
    signin: SignIn,
    email: str,
    ask_code: Callable[[str], Any],
    ask_organization: Callable[[list[Organization]], Any] | None,
) -> Steps[Profile]:
    """What a script does with a `SignIn`: its verbs, and questions to ask, in turn."""
    yield from signin.request_code(email)
    for _ in range(_TRIES):
        if signin.step == "email" or (signin.error and not _can_go_on(signin)):
            raise _refusal(signin) or InvalidRequestError(
                signin.notice.text if signin.notice else "The code could not be requested.",
                code=signin.notice.code if signin.notice else "",
            )
        if signin.step == "code":
            if signin.error and not REACTIONS[signin.error.code].code_lives:
                yield from signin.resend()
                continue
            code: Any = yield from Work(functools.partial(ask_code, _question(signin, ask_code)))
            if not isinstance(code, str):
                break
            yield from signin.submit_code(code)
        if signin.step == "organization":
            if ask_organization is None:
                break
            ask = functools.partial(ask_organization, signin.organizations)
            yield from signin.choose_organization((yield from Work(ask)))
        if signin.profile is not None:
            yield from Work(functools.partial(_go_on_with, signin.profile))
            if signin.notice:
                warn(signin.notice.text, ConfigWarning)
            return signin.profile
    raise _refusal(signin) or InvalidRequestError(
        "No six-digit code was given.", code="OTP_INVALID", next_action="Return the digits from the mail."
    )


def _go_on_with(profile: Profile) -> None:
    """A kernel that works with an account goes on with who has just signed in, if that is the active one."""
    if context.profile is not None and profile.name:
        active = ProfileStore().active()
        if active and active.name == profile.name and active.api_key == profile.api_key:
            context.choose(profile)


def _refusal(signin: SignIn) -> CodikaError | None:
    """Why there is no profile. The platform's next steps are commands; these are a program's."""
    error = signin.error
    if error and signin.step == "organization" and signin.organizations:
        listed = [f"{plain(each.id)} ({plain(each.name, 60)})" for each in signin.organizations[:_MOST_SAID]]
        more = len(signin.organizations) - len(listed)
        listed += [f"or one of {more} more"] if more else []
        error.next_action = f"Give organization_id, one of: {', '.join(listed)}."
    elif error and error.code == "OTP_INVALID":
        error.next_action = "Return the digits from the mail."
    elif error and error.code in REACTIONS and not REACTIONS[error.code].code_lives:
        error.next_action = "Call sign_in once more: it has a new code sent."
    return error


#: How many organizations a message names.
_MOST_SAID = 5


def _question(signin: SignIn, ask_code: Callable[[str], Any]) -> str:
    """What `ask_code` gets: Python's own prompts need words, other functions make theirs of the address."""
    if ask_code not in (builtins.input, getpass.getpass):
        return signin.email
    wrong = f"{signin.notice.text} " if signin.error and signin.notice else ""
    return f"{wrong}Six-digit code sent to {signin.email}: "


def _can_go_on(signin: SignIn) -> bool:
    """Whether asking again, or asking for a new code, may still lead to a key."""
    code = signin.error.code if signin.error else ""
    return code in REACTIONS and (signin.step == "organization" or code.startswith("OTP_"))
