"""Codes, keys, organizations, and who is signed in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator

from ..display.design import output
from ..display.table import cell, html_table
from ..display.text import LONGEST, plain
from .answer import Answer, Id


class CodeSent(Answer):
    """A six-digit code is on its way to `email` and works for `expires_in_seconds`."""

    email: str = ""
    expires_in_seconds: int = Field(default=600, ge=0, le=366 * 24 * 3600)


class MintedKey(Answer):
    """A fresh organization key; `raw` is shown by the platform this once, and never in a repr."""

    # The key is made and shown this once, so that nothing else in the answer may keep it from being read.
    key_id: str = ""
    # Signing in answers it as "raw", making a further key as "apiKey".
    raw: SecretStr = Field(validation_alias=AliasChoices("raw", "apiKey"), min_length=1)
    key_prefix: str = ""
    name: str = ""
    scopes: tuple[str, ...] = ()
    created_at: str = ""
    expires_at: str | None = None
    #: The server that made it, to which a `Client` goes that is made with it.
    base_url: str | None = Field(default=None, exclude=True)

    def at(self, base_url: str) -> Self:
        """The same key, which knows its server."""
        return self.model_copy(update={"base_url": base_url})

    @field_validator("raw", mode="before")
    @classmethod
    def _alone(cls, raw: Any) -> Any:
        """The key without blanks and line ends around it, with which it could not be sent."""
        return raw.strip() if isinstance(raw, str) else raw

    def __getstate__(self) -> dict[Any, Any]:
        raise TypeError("A key is not pickled: it would be written to disk in clear.")


class KeyBundle(Answer):
    """What completing a sign-up or a login yields: an organization and a key for it."""

    organization_id: Id = ""
    organization_name: str = ""
    is_new_user: bool | None = None
    api_key: MintedKey

    def at(self, base_url: str) -> Self:
        """The same, with a key that knows its server."""
        return self.model_copy(update={"api_key": self.api_key.at(base_url)})

    def __getstate__(self) -> dict[Any, Any]:
        raise TypeError("A key is not pickled: it would be written to disk in clear.")


class VerifiedKey(Answer):
    """What the platform knows about the key in use."""

    type: str = "org-api-key"
    organization_id: str | None = None
    organization_name: str | None = None
    key_name: str | None = None
    key_prefix: str | None = None
    scopes: tuple[str, ...] = ()
    created_at: str | None = None
    expires_at: str | None = None
    last_used_at: str | None = None


class UpdatedKey(Answer):
    """A key after its name, description or scopes have been changed; the key itself is the same."""

    key_id: Id
    name: str | None = None
    description: str | None = None
    scopes: tuple[str, ...] = ()
    updated_at: str | None = None


class OrganizationCreated(Answer):
    """A new organization, known by its id; it has no key yet."""

    organization_id: Id


@dataclass(frozen=True, repr=False)
class Identity:
    """Who the client speaks for, and why: the source that won, and what it hides.

    Attributes:
        kind: ``org-api-key``, ``personal-api-key`` or ``admin-api-key`` as the platform says;
            ``instance-key`` or ``webhook-signature``, of which it says nothing.
        key: its first eight characters and ``...``; None for a signature.
        source: ``argument``, ``env (CODIKA_API_KEY)``, a file, or ``profile "…"``.
        hides: the sources that would count if that one were gone.
        note: what could not be found out, or which key is not used, and why.
    """

    server: str
    source: str
    kind: str
    key: str | None = None
    organization: str | None = None
    organization_id: str | None = None
    key_name: str | None = None
    scopes: tuple[str, ...] = ()
    expires_at: str | None = None
    hides: tuple[str, ...] = ()
    note: str | None = None

    @property
    def organization_name(self) -> str | None:
        """The same as `organization`, by the name that it has in a profile."""
        return self.organization

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The same as plain data, fit for JSON."""
        return asdict(self) | {"scopes": [*self.scopes], "hides": [*self.hides]}

    def _rows(self) -> list[list[str]]:
        organization = self.organization or self.organization_id
        if self.organization and self.organization_id:
            organization = f"{self.organization} ({self.organization_id})"
        rows = {
            "Organization": organization,
            "Key": ", ".join(filter(None, (self.key, self.key_name, self.kind))),
            "Server": self.server,
            "From": self.source,
            "In place of": ", ".join(self.hides),
            "Expires": self.expires_at,
            "Scopes": " ".join(self.scopes),
            "Note": self.note,
        }
        return [
            [name, cell(value) if name == "Organization" else plain(str(value), LONGEST)]
            for name, value in rows.items()
            if value
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{name:<13} {value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        return output(html_table([], self._rows(), label="Who is signed in"))
