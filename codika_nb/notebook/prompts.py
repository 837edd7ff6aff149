"""The steps of the sign-in form as prompts, for a terminal."""

from __future__ import annotations

import getpass
from collections.abc import Callable

from ..display.place import read_in
from ..display.text import plain
from ..errors import NotSignedIn
from ..profiles import PRODUCTION, inbox_page, is_loopback
from ..signin.signin import SignIn
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
                mail = f"; its mail: {inbox_page(signin.base_url)}" if is_loopback(signin.base_url) else ""
                question = f"Six-digit code sent to {signin.email} (empty for a new one{mail}): "
                typed = ask(getpass.getpass, question)
                client.perform(signin.submit_code(typed) if typed.strip() else signin.resend())
            elif wanted and signin.error:
                raise signin.error
            else:
                listed = signin.matching(part)
                for number, choice in enumerate(listed, 1):
                    print(f"{number:3}. {plain(choice.name)}  ({choice.id})")
                if left := len(signin.organizations) - len(listed):
                    print(f"{left} more: type part of a name or id to find them.")
                typed = ask(input, "Which organization (number)? ").strip()
                if typed.isdecimal() and 1 <= int(typed) <= len(listed):
                    client.perform(signin.choose_organization(listed[int(typed) - 1].id))
                part = "" if typed.isdecimal() else typed
            if signin.notice and signin.profile is None:  # else the outcome says it
                print(plain(signin.notice.text, 500))


def ask(prompt: Callable[[str], str], question: str) -> str:
    """What somebody answers; `NotSignedIn` if they leave instead."""
    try:
        return prompt(question)
    except (KeyboardInterrupt, EOFError):
        raise NotSignedIn("Cancelled: nobody is signed in.", code="cancelled") from None
