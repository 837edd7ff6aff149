"""The platform's four sign-in commands for a shell without Node: ``codika-nb auth …``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..display.text import json_text, plain
from ..errors import CodikaError, ConfigError
from ..profiles import ProfileStore
from ..profiles.credential import may_activate, sign_in_server
from .signin import SignIn, refusal_document

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add ``auth`` and its commands to a parser's, with the options of codika 3.6.0."""
    auth = commands.add_parser("auth", help="sign up or log in with a code by e-mail, in two commands")
    steps = auth.add_subparsers(dest="step", required=True, metavar="COMMAND")
    for purpose, what in (("signup", "a new account"), ("login", "an account that exists")):
        request = steps.add_parser(f"{purpose}-request", help=f"have a code sent, for {what}")
        complete = steps.add_parser(f"{purpose}-complete", help="use the code, and save a profile")
        for each in (request, complete):
            each.add_argument("--email", required=True, help="the address that the code is sent to")
            each.add_argument("--base-url", metavar="URL", help="the server (production)")
            each.add_argument("--api-url", metavar="URL", help="the full address of the endpoint")
            each.add_argument("--json", action="store_true", help="print the outcome as JSON")
            each.set_defaults(run=_run, purpose=purpose)
        complete.add_argument("--code", required=True, help="the six digits from the mail")
        complete.add_argument("--key-name", metavar="NAME", help="label of the key (CLI default key)")
        complete.add_argument("--key-expires-in", type=int, metavar="DAYS", help="1 to 365 (never)")
        complete.add_argument("--name", help="name of the saved profile (made from the organization's)")
        if purpose == "signup":
            complete.add_argument("--company", default="", metavar="NAME", help="name (My Organization)")
            complete.add_argument("--description", default="", metavar="TEXT", help="what it is")
        else:
            complete.add_argument("--organization-id", metavar="ID", help="which, if there are several")


def _run(arguments: argparse.Namespace) -> int:
    """Do what was asked for; the document says what has come of it, the exit status whether it went well."""
    try:
        signin = _carried_out(arguments)
    except CodikaError as error:
        return _refused(error, refusal_document(error), as_json=arguments.json)
    document = signin.document()
    if not document["success"]:
        notice = signin.error or ConfigError(signin.notice.text if signin.notice else "It did not work.")
        return _refused(notice, document, as_json=arguments.json)
    print(json_text(document) if arguments.json else _told(signin))
    return 0


def _carried_out(arguments: argparse.Namespace) -> SignIn:
    from ..client.client import Client  # noqa: PLC0415 - not needed to say that an option is wrong

    given = vars(arguments)
    base_url = arguments.base_url
    if arguments.api_url:
        base_url = arguments.api_url.rstrip("/").rpartition("/")[0]
    server = sign_in_server(base_url)
    options = ("company", "description", "key_name", "key_expires_in", "name", "organization_id")
    signin = SignIn(
        arguments.purpose,
        email=arguments.email,
        base_url=server,
        store=ProfileStore(),
        activate=may_activate(server),
        follow=False,
        **{name: given[name] for name in options if given.get(name) is not None},
    )
    with Client(base_url=server) as client:
        if "code" in given:
            client.perform(signin.submit_code(arguments.code))
        else:
            client.perform(signin.request_code(signin.email))
    return signin


def _told(signin: SignIn) -> str:
    profile = signin.profile
    if profile is None:
        again = f"codika-nb auth {signin.purpose}-complete --email {signin.email} --code CODE"
        return f"A code is on its way to {signin.email}, good for 10 minutes. Then:\n  {again}"
    organization = plain(profile.organization_name or profile.organization_id)
    return f"Signed in: {organization}, profile {profile.name}, key {profile.api_key[:8]}…"


def _refused(error: CodikaError, document: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print(json_text(document))
    else:
        print(f"codika-nb: {error}", file=sys.stderr)
    return 1
