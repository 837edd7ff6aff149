"""The key pair that integrations' secrets are encrypted for: AES-256-GCM under RSA-OAEP."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ...files import write_whole
from ..store import may_keep_in, require_file, unusable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["EncryptionKey"]

_NONCE_BYTES = 12
_TAG_BYTES = 16


class EncryptionKey:
    """Made when first asked for; kept beside the database, where there is one.

    Needs the package ``cryptography``, which the sandbox works without.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "encryption.pem"
        self.available = importlib.util.find_spec("cryptography") is not None
        with may_keep_in(folder):
            self._key = _kept(self._path) if self._path and self.available else None

    def public_pem(self) -> bytes:
        """The public half, as clients fetch it."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - optional

        return (
            self._private()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def opens(self, sealed: str) -> bool:
        """Whether a secret was encrypted for this key, or at least looks so when that cannot be tried."""
        parts = _parts(sealed)
        return parts is not None and (not self.available or self._decrypted(*parts) is not None)

    def open(self, sealed: str) -> str | None:
        """What was encrypted for this key; None if it cannot be told."""
        parts = _parts(sealed)
        opened = self._decrypted(*parts) if parts and self.available else None
        return None if opened is None else opened.decode("utf-8", "replace")

    def _decrypted(self, key: bytes, data: bytes, nonce: bytes) -> bytes | None:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - optional
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
        try:
            return AESGCM(self._private().decrypt(key, oaep)).decrypt(nonce, data, None)
        except (ValueError, InvalidTag):
            return None

    def _private(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - optional
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

        if self._key is None:
            made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            if self._path is not None:
                clear = serialization.NoEncryption()
                pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, clear)
                write_whole(self._path, pem)
            self._key = made
        return self._key


def _kept(path: Path) -> RSAPrivateKey | None:
    """The key in a file; None if there is none yet. Another in its place would open none of the secrets."""
    require_file(path)
    if not path.exists():
        return None
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - optional
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
    raise unusable(path, "it is no RSA key without a password")


def _parts(sealed: str) -> tuple[bytes, bytes, bytes] | None:
    """The encrypted key, what it encrypts, and the nonce of that; None if it has another form."""
    try:
        members = json.loads(sealed)
        key, data, nonce = (
            base64.b64decode(members[name], validate=True) for name in ("encryptedKey", "encryptedData", "iv")
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return (key, data, nonce) if len(nonce) == _NONCE_BYTES and len(data) >= _TAG_BYTES else None
