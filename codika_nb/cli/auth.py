"""``codika-nb auth …``: the platform's sign-in commands, ``whoami``, ``use`` and ``logout``, without Node."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import Any

from ..client.client import Client
from ..display.table import cell, text_table
from ..display.text import json_text, plain
from ..errors import CodikaError, ConfigError, NotSignedIn
from ..profiles import Profile, ProfileStore, inbox_page
from ..profiles.credential import may_activate, resolve, sign_in_server
from ..signin.outcome import logged_out, nobody_to_log_out, refusal_document
from ..signin.signin import SignIn


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for; the document says what has come of it, the exit status whether it went well."""
    if arguments.step == "whoami":
        return _who(as_json=arguments.json)
    try:
        if arguments.step == "logout":
            return _log_out(arguments.name, as_json=arguments.json)
        if arguments.step == "use":
            return _use(arguments.name, as_json=arguments.json)
        signin = _carried_out(arguments)
    except CodikaError as error:
        return _refused(error, refusal_document(error), as_json=arguments.json)
    document = signin.document()
    if not document["success"]:
        notice = signin.error or ConfigError(signin.notice.text if signin.notice else "It did not work.")
        return _refused(notice, document, as_json=arguments.json)
    print(json_text(document) if arguments.json else _told(signin))
    # Without a name it is in no file, and with the end of this command the key is gone.
    return 1 if signin.profile and not signin.profile.name else 0


def _carried_out(arguments: argparse.Namespace) -> SignIn:
    given = vars(arguments)
    server = sign_in_server(arguments.base_url, arguments.api_url)
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


def _who(*, as_json: bool) -> int:
    """Say who is signed in; as JSON what the platform knows of the key, in the shape of codika 3.6.0."""
    try:
        with Client() as client:
            if not as_json:
                print(client.whoami())
                return 0
            known, credential = client.verify_key(), client.credential
    except CodikaError as error:
        document = {} if isinstance(error, NotSignedIn) else refusal_document(error)
        return _refused(error, {"loggedIn": False, **document}, as_json=as_json)
    name = credential.profile.name if credential.profile else None
    about = known.model_dump(by_alias=True, mode="json", exclude_none=True)
    print(json_text({"loggedIn": True, **about, "source": credential.source, "profileName": name}))
    return 0


def _log_out(name: str | None, *, as_json: bool) -> int:
    """Remove a profile, the one in use if none is named; nobody to log out is well, as in codika 3.6.0."""
    store, removed = ProfileStore(), None
    used = resolve() if name is None else None
    if name or (used and used.profile):
        removed = store.remove(name or str(used and used.profile and used.profile.name))
    if as_json:
        active = store.active()
        named = {"profileName": removed and removed.name, "activeProfile": active and active.name}
        print(json_text({"success": True, "data": named}))
    else:
        print(logged_out(removed) if removed else nobody_to_log_out(used or resolve()))
    return 0


def _use(name: str | None, *, as_json: bool) -> int:
    """Make a profile the active one; without a name, list those that there are."""
    store = ProfileStore()
    profile = store.use(name) if name else None
    if as_json:
        active = store.active()
        listed = [_as_json(each, active) for each in store.list()]
        print(json_text({"activeProfile": active and active.name, "profiles": listed}))
        return 0
    if profile:
        whose = plain(profile.organization_name or profile.organization_id)
        print(f"Active from now on: {whose}, profile {name}.")
        return 0
    active = store.active()
    rows = [
        [
            "active" if active and each.name == active.name else "",
            *map(cell, (each.name, each.organization_name or each.organization_id, each.host)),
        ]
        for each in store.list()
    ]
    print(
        text_table(["", "Profile", "Organization", "Server"], rows) if rows else "No profile is saved here."
    )
    return 0


def _as_json(profile: Profile, active: Profile | None) -> dict[str, Any]:
    """A profile as ``codika use --json`` tells it (codika 3.6.0)."""
    return {
        "name": profile.name,
        "active": active is not None and profile.name == active.name,
        "type": profile.type,
        "organizationId": profile.organization_id,
        "organizationName": profile.organization_name,
        "keyPrefix": profile.key_prefix or profile.masked_key,
        "scopes": list(profile.scopes),
        "expiresAt": profile.expires_at,
    }


def _default_server() -> str:
    """Where the next command goes if it names no server; empty if that cannot be said."""
    try:
        return sign_in_server()
    except ConfigError:
        return ""


def _told(signin: SignIn) -> str:
    profile = signin.profile
    if profile is None:
        there = "" if _default_server() == signin.base_url else f"--base-url {shlex.quote(signin.base_url)} "
        again = f"codika-nb auth {signin.purpose}-complete {there}--email {signin.email} --code CODE"
        page = inbox_page(signin.base_url)
        inbox = f" A sandbox has its mail at {page}." if page else ""
        return f"A code is on its way to {signin.email}, good for 10 minutes.{inbox} Then:\n  {again}"
    organization = plain(profile.organization_name or profile.organization_id)
    where = f"profile {profile.name}" if profile.name else "saved nowhere"
    told = f"Signed in: {organization}, {where}, key {profile.masked_key}"
    return f"{told}\n{plain(signin.notice.text, 500)}" if signin.notice else told


def _refused(error: CodikaError, document: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print(json_text(document))
    else:
        listed = getattr(error, "organizations", ())
        told = [str(error), *(f"  {each.get('id')}  {plain(str(each.get('name')))}" for each in listed)]
        print(f"codika-nb: {chr(10).join(told)}", file=sys.stderr)
    return 1
