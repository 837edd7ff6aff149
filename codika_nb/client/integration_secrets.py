"""What secrets an integration is connected with, and how they are sealed before they leave.

(codika 3.6.0, ``integration set``.)
"""

from __future__ import annotations

import base64
import getpass
import json
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

from ..display.text import plain
from ..errors import ConfigError, InvalidResponseError
from ..profiles import is_loopback
from ..usecases.integrations import OPTIONAL, SECRET_NAMES, SIGNED_IN, context_of, is_known, meant

_NAME = re.compile(r"[A-Z_]{1,40}|[a-z_]{1,40}")


class Hidden:
    """A value that no traceback shows, whatever it is."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Secrets(dict[str, str]):
    """Secrets by name, which show themselves by name only."""

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self)})"


def refuse_unconnectable(integration_id: str, base_url: str) -> None:
    """Refuse what is misspelt, and what can only be connected in a browser; warn of what is not known.

    Args:
        integration_id: which integration.
        base_url: the server to connect it at.

    Raises:
        ConfigError: the integration is connected by OAuth, or there is none of that name.
    """
    if not is_known(integration_id):
        if near := meant(integration_id):
            raise ConfigError(
                f"There is no integration {plain(integration_id)}.", next_action=f"Did you mean {near}?"
            )
        _warn(f"{plain(integration_id)} is no integration that is known here; docs/n8n.md lists them.")
    if integration_id in SIGNED_IN:
        raise ConfigError(
            f"{integration_id} is connected by signing in to it, which takes a browser.",
            code="OAUTH_REQUIRED",
            next_action="Connect it in the dashboard: https://app.codika.io"
            + (_no_dashboard(integration_id) if is_loopback(base_url) else ""),
        )


def _no_dashboard(integration_id: str) -> str:
    context = context_of(integration_id)
    told = repr(integration_id) if context == "organization" else f"{integration_id!r}, {context!r}"
    return (
        f". A sandbox has none: sandbox.connect_integration({told}) does it there, after "
        "sandbox = %codika_sandbox, and a Python function can answer in the workflow's place."
    )


def checked(
    integration_id: str,
    secrets: Mapping[str, str] | None,
    custom_schema: Mapping[str, Any] | None = None,
) -> Secrets:
    """The secrets of an integration: those given, or found in the environment, or asked for.

    Warns of names that the integration does not have, or of those that are missing.

    Args:
        integration_id: which integration.
        secrets: by name; None to look them up by the names that are known.
        custom_schema: the definition of an integration of one's own, which names its secrets.

    Raises:
        ConfigError: there is nothing to connect it with, or a name is wrong.
    """
    if secrets is None:
        secrets = _found(SECRET_NAMES.get(integration_id) or _names_in(custom_schema or {}))
    if not isinstance(secrets, Mapping) or not all(re.fullmatch(r"[A-Za-z_]\w*", str(n)) for n in secrets):
        # Neither is repeated here: where they are swapped, the name is the secret.
        raise ConfigError(
            f"The secrets of {integration_id} are to be given by their names, which are words.",
            next_action='Give a dict, such as secrets={"OPENAI_API_KEY": key}.',
        )
    if not secrets or not all(isinstance(s, str) and s for each in secrets.items() for s in each):
        wanted = ", ".join(f'"{name}": …' for name in SECRET_NAMES.get(integration_id, ("NAME",)))
        raise ConfigError(
            f"{integration_id} cannot be connected without its secrets. Each is a text, and not empty.",
            next_action=f"Give secrets={{{wanted}}}.",
        )
    custom = custom_schema or {}
    known = set(SECRET_NAMES.get(integration_id) or _names_in(custom) or secrets)
    strange = set(secrets) - known
    # What does not look like a name is not repeated: it may be the secret itself.
    named = strange and (", ".join(sorted(filter(_NAME.fullmatch, strange))) or "that")
    missing = known - set(secrets) - OPTIONAL - set(_names_in(custom, required=False))
    if named and missing:
        raise ConfigError(
            f"{integration_id} has no secret called {named}. Nothing was sent.",
            next_action=f"Give {', '.join(sorted(missing))}.",
        )
    if named:
        _warn(f"{integration_id} has no secret called {named}.")
    if missing:
        _warn(f"{integration_id} lacks its secret {', '.join(sorted(missing))}.")
    return Secrets(secrets)


def _names_in(
    custom_schema: Mapping[str, Any], member: str = "secretFields", *, required: bool | None = None
) -> tuple[str, ...]:
    """The keys of the fields of a definition; of those alone that are said to be required, or not to be."""
    fields = custom_schema.get(member)
    known = [field for field in fields if isinstance(field, Mapping)] if isinstance(fields, list) else []
    wanted = (field for field in known if required is None or field.get("required") is required)
    return tuple(str(field["key"]) for field in wanted if field.get("key"))


def _found(names: Iterable[str]) -> Secrets:
    """Secrets from the environment, and those that are not there from whoever sits at the keyboard."""
    found = Secrets()
    for name in names:
        value = os.environ.get(name) or ("" if name in OPTIONAL else _asked(name))
        if value:
            found[name] = value
    return found


def _asked(name: str) -> str:
    try:
        with warnings.catch_warnings():
            # Where what is typed would be seen, nothing is to be typed.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(f"{name} (is not shown): ")
    except (EOFError, NotImplementedError, getpass.GetPassWarning):
        pass  # a kernel without a keyboard raises NotImplementedError
    raise ConfigError(
        f"{name} is not set, and nobody is there to be asked for it.",
        next_action=f"Set {name} in the environment, or give secrets={{…}}.",
    )


def metadata(given: Mapping[str, str], custom_schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What is stored beside the secrets, in clear; warns of names that the definition does not have."""
    known = _names_in(custom_schema or {}, "metadataFields")
    if known and (unknown := set(given) - set(known)):
        named = ", ".join(map(plain, sorted(unknown)))
        _warn(f"There is no metadata called {named}, but {', '.join(known)}.")
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    # The platform knows the tool's own word for what was not connected in the dashboard.
    return {"connectedAt": now, "installedBy": "cli", "hasValidTokens": True, **given}


def _warn(notice: str) -> None:
    """Warn without the line of whoever called, which may have the secret in it."""
    warnings.warn_explicit(notice, UserWarning, "set_integration", 0)


def require_cryptography() -> None:
    """Make sure, before anything is sent, that secrets can be sealed.

    Raises:
        ConfigError: the package it takes is not installed.
    """
    if find_spec("cryptography") is None:
        raise ConfigError(
            "Secrets are encrypted before they are sent, which takes the package cryptography.",
            next_action="pip install 'codika-nb[integrations]'",
            code="missing-package",
        )


def seal(secrets: Mapping[str, str], public_key: str) -> dict[str, dict[str, Any]]:
    """Encrypt secrets for the platform: AES-256-GCM, each with a key of its own, that under RSA-OAEP.

    Raises:
        InvalidResponseError: what the server gave as its public key is none, or a weak one.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra, which most do without
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    key: object = None
    with suppress(ValueError, UnsupportedAlgorithm):
        key = serialization.load_pem_public_key(public_key.encode())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise InvalidResponseError(
            "The server's encryption key cannot be used: it is no RSA key of 2048 bits or more.",
            code="invalid-response",
            next_action="Nothing was sent. Does CODIKA_PUBLIC_KEY_URL name the right address?",
        )
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
    sealed = {}
    for name, value in secrets.items():
        session_key, nonce = AESGCM.generate_key(bit_length=256), os.urandom(12)
        parts = {
            "encryptedKey": key.encrypt(session_key, oaep),
            "encryptedData": AESGCM(session_key).encrypt(nonce, value.encode(), None),
            "iv": nonce,
        }
        text = json.dumps({part: base64.b64encode(content).decode() for part, content in parts.items()})
        sealed[name] = {"value": text, "encrypted": True, "description": name}
    return sealed
