"""Which key goes to which server: saved profiles, variables, and the choice among them."""

from __future__ import annotations

from .address import PRODUCTION, inbox_page, is_loopback, normalize_base_url, same_host
from .profile import MaskedKey, Profile, expiry_notice, mask
from .store import ConfigWarning, ProfileStore

__all__ = [
    "PRODUCTION",
    "ConfigWarning",
    "MaskedKey",
    "Profile",
    "ProfileStore",
    "expiry_notice",
    "inbox_page",
    "is_loopback",
    "mask",
    "normalize_base_url",
    "same_host",
]
