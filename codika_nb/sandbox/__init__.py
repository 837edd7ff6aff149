"""A local platform with the same HTTP API, for tutorials, tests and people without an account.

Importing it is cheap; the server's packages (the extra ``codika-nb[sandbox]``) load when it starts.
"""

from __future__ import annotations

from .clock import Clock
from .engine import stand_in
from .mail import Mail
from .server import Sandbox

__all__ = ["Clock", "Mail", "Sandbox", "stand_in"]
