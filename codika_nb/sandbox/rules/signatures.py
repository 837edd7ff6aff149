"""Signed webhooks: a workflow's signing secrets, and whose messages bear the right signature."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from ..wire import Caller, Refusal
from . import Subject
from .instances import Instances

__all__ = ["SIGNATURE_HEADERS", "Signatures"]

#: The standard's names, and those of where it comes from, which Resend and Clerk send.
_FAMILIES = tuple(
    tuple(f"{family}-{name}" for name in ("id", "timestamp", "signature")) for family in ("webhook", "svix")
)
SIGNATURE_HEADERS = tuple(name for family in _FAMILIES for name in family)

_TOLERANCE = 5 * 60


@dataclass(frozen=True)
class Signatures(Subject):
    """The rules about signed webhooks. Every method runs in a transaction."""

    instances: Instances

    def add_secret(self, instance_id: str, workflow_id: str, secret: str | None) -> str:
        """Let messages that are signed with a secret, a new one if none is given, start a workflow."""
        instance = self.instances.row(instance_id)
        self.instances.workflow(instance, workflow_id)
        secret = secret or "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        if len(_signing_key(secret) or b"") < 1:
            raise Refusal("INVALID_REQUEST", 'A signing secret is "whsec_" and base64.')
        self.store.insert(
            "signing_secrets", replace=True, instance_id=instance_id, workflow_id=workflow_id, secret=secret
        )
        return secret

    def authenticate(self, headers: Mapping[str, str], params: tuple[str, ...], body: bytes) -> Caller:
        """The endpoint a signed message is for, by the rules of Standard Webhooks."""
        families = [[headers.get(name, "") for name in family] for family in _FAMILIES]
        message_id, sent, signatures = next((each for each in families if all(each)), families[0])
        instance_id, workflow_id = params
        if not message_id or not signatures or not re.fullmatch(r"[0-9]{1,12}", sent):
            raise _bad_signature("needs webhook-id, webhook-timestamp and webhook-signature")
        now = self.now()
        if abs(now - int(sent)) > _TOLERANCE:
            raise _bad_signature("is more than 5 minutes away from now")
        signed = f"{message_id}.{sent}.".encode() + body
        given = re.findall(r"(?:^|[\s,])v1,\s*([^\s,]+)", signatures)
        matches = False
        for row in self.store.select("signing_secrets", instance_id=instance_id, workflow_id=workflow_id):
            key = _signing_key(row["secret"]) or b""
            expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
            for signature in given:
                matches |= hmac.compare_digest(expected.encode(), signature.encode())
        if not matches:
            raise _bad_signature("does not match")
        return Caller("signature", instance_id=instance_id, workflow_id=workflow_id, message_id=message_id)


def _signing_key(secret: str) -> bytes | None:
    text = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None


def _bad_signature(problem: str) -> Refusal:
    return Refusal("UNAUTHORIZED", f"The webhook signature {problem}.")
