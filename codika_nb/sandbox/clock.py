"""The sandbox's time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """The sandbox's time: the real one, plus what tests have advanced it by."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The sandbox's current time, as an aware datetime in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the sandbox's time forward; ten minutes pass at once."""
        self._ahead += timedelta(seconds=seconds)
