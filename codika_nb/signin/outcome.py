"""What signing in comes to: the profile of a key, and the document that the codika tool prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..display.text import plain
from ..errors import CodikaError, InvalidRequestError
from ..profiles import PRODUCTION, Profile
from ..profiles.profile import mask

if TYPE_CHECKING:
    from ..models import KeyBundle, VerifiedKey
    from ..profiles.credential import Credential
    from .signin import SignIn

#: Where a person revokes keys.
DASHBOARD = "https://app.codika.io"
NOBODY = "Nobody is signed in."


def profile_of_bundle(bundle: KeyBundle, base_url: str) -> Profile:
    """The profile of a key that the platform has made just now."""
    minted = bundle.api_key
    return Profile(
        api_key=minted.raw.get_secret_value(),
        organization_id=bundle.organization_id or None,
        organization_name=bundle.organization_name or None,
        key_name=minted.name or None,
        key_prefix=minted.key_prefix or None,
        scopes=tuple(minted.scopes),
        created_at=minted.created_at or None,
        expires_at=minted.expires_at,
        base_url=base_url,
    )


def profile_of_key(key: str, known: VerifiedKey, base_url: str) -> Profile:
    """The profile of a key that the platform has verified."""
    return Profile(
        api_key=key,
        type=known.type,
        organization_id=known.organization_id,
        organization_name=known.organization_name,
        key_name=known.key_name,
        key_prefix=known.key_prefix,
        scopes=tuple(known.scopes),
        created_at=known.created_at,
        expires_at=known.expires_at,
        base_url=base_url,
    )


def document_of(signin: SignIn) -> dict[str, Any]:
    """What has happened, as the JSON document that codika 3.6.0 prints; without the key itself."""
    notice, profile, bundle = signin.notice, signin.profile, signin.bundle
    if signin.step != "done" and signin.error is not None:
        return refusal_document(signin.error)
    if signin.step != "done" and notice and notice.kind == "error":
        return refusal_document(InvalidRequestError(notice.text, code=notice.code))
    data: dict[str, Any] = {"profileName": profile.name} if profile else {}
    if bundle is not None:
        told = bundle.model_dump(mode="json", by_alias=True, exclude_none=True)
        del told["apiKey"]["raw"]
        # Members that this version does not know may repeat the key.
        raw = bundle.api_key.raw.get_secret_value()
        data |= json.loads(json.dumps(told, ensure_ascii=False).replace(raw, mask(raw)))
    elif profile is not None:
        data["organizationId"] = profile.organization_id
        data["organizationName"] = profile.organization_name
    elif signin.sent is not None:
        data = signin.sent.model_dump(by_alias=True)
    return {"success": True, "data": data}


def refusal_document(error: CodikaError) -> dict[str, Any]:
    """What was refused, as the JSON document that codika 3.6.0 prints."""
    about: dict[str, Any] = {"code": error.code or "INVALID_REQUEST", "message": error.message}
    if error.next_action:
        about["nextAction"] = error.next_action
    if error.details:
        about["details"] = error.details
    return {"success": False, "status": error.status, "error": about}


def logged_out(profile: Profile) -> str:
    """What is said of a profile that was removed: its key is not revoked by that."""
    until = f"until it is revoked at {DASHBOARD}" if profile.host == PRODUCTION else f"at {profile.host}"
    what = f"profile {profile.name} is removed" if profile.name else "this kernel has forgotten the key"
    whose = plain(profile.organization_name or profile.organization_id)
    return f"Logged out of {whose}: {what}. The key itself still works {until}."


def nobody_to_log_out(credential: Credential) -> str:
    """What is said where no profile is in use, though a key from elsewhere may be."""
    return f"No profile is in use: the key is from {credential.source}." if credential.key else NOBODY
