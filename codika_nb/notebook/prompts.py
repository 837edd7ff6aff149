"""The steps of the sign-in form as prompts, for a terminal."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from contextlib import suppress

from ..client.steps import Steps
from ..display.place import read_in
from ..display.text import plain
from ..errors import ConfigError, NotSignedIn
from ..profiles import PRODUCTION, inbox_page, is_loopback
from ..profiles.credential import resolve
from ..signin.signin import SignIn
from ..signin.typed import looks_like_an_address, six_digits
from .kernel import open_client


def by_prompts(signin: SignIn) -> None:
    """Go through the steps of a sign-in; Ctrl-C leaves.

    Raises:
        NotSignedIn: somebody has left.
        OrganizationChoiceError: the account is not in the organization that was asked for.
    """
    email, wanted, part = signin.email, signin.organization_id, ""
    with read_in("prompt"), open_client(base_url=signin.base_url) as client:
        while signin.step != "done":
            if signin.step == "email":
                where = "" if signin.base_url == PRODUCTION else f" (for {signin.base_url})"
                client.perform(signin.request_code(email or ask(input, f"E-mail{where}: ")))
                email = ""
            elif signin.step == "code":
                client.perform(_with_code(signin))
            elif wanted and signin.error:
                raise signin.error
            else:
                chosen, part = _chosen(signin, part)
                if chosen:
                    client.perform(signin.choose_organization(chosen))
            if signin.notice and signin.profile is None:  # else the outcome says it
                print(plain(signin.notice.text, 500))


def _with_code(signin: SignIn) -> Steps[SignIn]:
    """What is to be done with what somebody types where a code is asked for."""
    mail = f"; its mail: {inbox_page(signin.base_url)}" if is_loopback(signin.base_url) else ""
    typed = ask(getpass.getpass, f"Six-digit code sent to {signin.email} (empty for a new one{mail}): ")
    if looks_like_an_address(typed):  # the one before was a slip
        return signin.request_code(typed)
    if typed.strip() and six_digits(typed) is None:
        print("Another e-mail address may be typed here as well.")
    return signin.submit_code(typed) if typed.strip() else signin.resend()


def _chosen(signin: SignIn, part: str) -> tuple[str | None, str]:
    """The organization that somebody chooses of those with `part` in them; else what is looked for next."""
    listed = signin.matching(part)
    for number, choice in enumerate(listed, 1):
        print(f"{number:3}. {plain(choice.name)}  ({choice.id})")
    if left := len(signin.organizations) - len(listed):
        print(f"{left} more: type part of a name or id to find them, or nothing for all.")
    typed = ask(input, "Which organization (number)? ").strip()
    if typed.isdecimal() and 1 <= int(typed) <= len(listed):
        return listed[int(typed) - 1].id, ""
    found = signin.matching(typed) if typed and not typed.isdecimal() else []
    if len(found) == 1 and typed.casefold() in found[0].name.casefold():  # no accident of an id
        return found[0].id, ""
    if typed and not found:
        print(f"There is no {plain(typed)} among them.")
    return None, typed if found else ""


def ask(prompt: Callable[[str], str], question: str) -> str:
    """What somebody answers; `NotSignedIn` if they leave instead."""
    try:
        return prompt(question)
    except (KeyboardInterrupt, EOFError):
        raise NotSignedIn(f"Cancelled: {_who_is_left()}.", code="cancelled") from None


def _who_is_left() -> str:
    """Who is signed in after nobody new has."""
    with suppress(ConfigError):
        used = resolve()
        if profile := used.profile:
            return f"{plain(profile.organization_name or profile.organization_id)} is signed in as before"
        if used.key:
            return f"the key from {used.source} is in use as before"
    return "nobody is signed in"
