"""What each error code means for the next step of signing in."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, NamedTuple

from ..errors import CodikaError

Step = Literal["email", "code", "organization", "key", "done"]

Purpose = Literal["signup", "login"]

Field = Literal["email", "company", "code", "organization", "key"]

RESEND_AFTER = timedelta(seconds=30)

LONGEST_COMPANY = 100


class Notice(NamedTuple):
    """What to tell the person now, and which field it is about."""

    text: str
    kind: Literal["info", "error"] = "info"
    field: Field | None = None
    code: str = ""


#: How many organizations are shown at once, in a form and at a prompt.
MOST_LISTED = 200


class Organization(NamedTuple):
    """One of the organizations an account belongs to."""

    id: str
    name: str


class Reaction(NamedTuple):
    """What an error code means: the step to be in, the words for it, and what stays valid."""

    step: Step | None
    say: str
    field: Field | None = None
    #: The account is of the other kind: go on there, with what has been typed.
    switch: Purpose | None = None
    #: Whether the code from the mail still works.
    code_lives: bool = True


def _other_kind(purpose: Purpose, say: str) -> Reaction:
    """The account is of the other kind, for which no code has been sent."""
    return Reaction(None, say, switch=purpose, code_lives=False)


def _code_is_gone(say: str) -> Reaction:
    """The code never works any more: a new one has to be asked for."""
    return Reaction("code", f"{say} {{new_code}}", "code", code_lives=False)


#: Every error code of the platform's one-time-code page, and the client's own two.
REACTIONS: dict[str, Reaction] = {
    "EMAIL_REQUIRED": Reaction("email", "Type your e-mail address.", "email"),
    "EMAIL_INVALID": Reaction("email", "That is not an e-mail address. Check it and send again.", "email"),
    "USER_ALREADY_HAS_ORGANIZATION": _other_kind(
        "login", "This e-mail already has an account, so this is a login."
    ),
    "USER_NOT_FOUND": _other_kind("signup", "This e-mail has no account yet, so this is a sign-up."),
    "USER_HAS_NO_ORGANIZATION": _other_kind(
        "signup", "The account has no organization yet, so this is a sign-up."
    ),
    "OTP_RESEND_COOLDOWN": Reaction(
        "code", "A code was sent a moment ago: type that one, or ask for another in {retry} s.", "code"
    ),
    "EMAIL_RATE_LIMITED": Reaction(
        None, "Too many codes were sent to this e-mail within an hour. Try again later.", "email"
    ),
    "IP_RATE_LIMITED": Reaction(
        None, "Too many codes were asked for from this network within an hour. Try again later.", "email"
    ),
    "OTP_INVALID": Reaction("code", "That code is not right{attempts}. Look at the mail again.", "code"),
    "OTP_NOT_FOUND": _code_is_gone("There is no code waiting for this e-mail."),
    "OTP_EXPIRED": _code_is_gone("That code is too old."),
    "OTP_ALREADY_USED": _code_is_gone("That code has been used already."),
    "OTP_PURPOSE_MISMATCH": _code_is_gone("That code was made for something else."),
    "OTP_LOCKED_OUT": _code_is_gone("Too many wrong codes, so the code is gone."),
    "COMPANY_NAME_TOO_LONG": Reaction(
        None, f"The organization's name is too long: at most {LONGEST_COMPANY} characters.", "company"
    ),
    "INVALID_EXPIRES_IN_DAYS": Reaction(
        None, "A key can last 1 to 365 days. Start again with such a number."
    ),
    "ORGANIZATION_CREATION_FAILED": Reaction(
        None, "The organization could not be made: {message} Try again."
    ),
    "MULTIPLE_ORGANIZATIONS": Reaction(
        "organization", "This account has several organizations. Which one is it?", "organization"
    ),
    "ORGANIZATION_NOT_MEMBER": Reaction(
        "organization", "This account is not in that organization. Pick one of these.", "organization"
    ),
    "MAX_API_KEYS_REACHED": Reaction(
        None, "The organization has 20 active keys already. Revoke one in the dashboard, then try again."
    ),
    "INTERNAL": Reaction(None, "The platform had a hiccup. Try again in a few seconds."),
    "network-error": Reaction(None, "{message} {next_action}"),
    "invalid-response": Reaction(None, "{message} {next_action}"),
}


def notice_of(code: str, error: CodikaError | None = None, *, new_code: str = "") -> Notice:
    """What to tell about a failure that is known.

    Args:
        code: which one it is.
        error: the failure itself, where there was an answer.
        new_code: how a new code is asked for in this place.
    """
    reaction, error = REACTIONS[code], error or CodikaError("")
    attempts = error.details.get("attemptsRemaining")
    left = f": {attempts} attempt{'' if attempts == 1 else 's'} left" if isinstance(attempts, int) else ""
    retry = getattr(error, "retry_in", None)
    text = reaction.say.format(
        attempts=left,
        retry=f"{retry:.0f}" if retry is not None else "30",
        message=error.message,
        next_action=error.next_action or "",
        new_code=new_code,
    )
    return Notice(text.strip(), "info" if code == "MULTIPLE_ORGANIZATIONS" else "error", reaction.field, code)


def organizations_in(error: CodikaError) -> list[Organization]:
    listed = error.details.get("organizations")
    entries = listed if isinstance(listed, list) else []
    return [
        Organization(entry["id"], str(entry.get("name") or entry["id"]))
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    ]
