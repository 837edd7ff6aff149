"""Durations and outcomes over time, as a picture that stays in a saved notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from .markup import QUIET, ROOT
from .text import LONGEST, plain


class Bar(NamedTuple):
    """One run: when it began, how it went, and what is told of it."""

    began: datetime
    #: Milliseconds; 0 where nobody has measured.
    took: int
    good: bool
    about: str


class Chart:
    """Outcomes and durations of runs over time.

    Args:
        bars: in any order.
    """

    WIDTH, HEIGHT, EDGE = 640, 160, 12

    def __init__(self, bars: Iterable[Bar]) -> None:
        self._bars = sorted(bars, key=lambda bar: bar.began)
        self._longest = max((bar.took for bar in self._bars), default=0) or 1

    def __repr__(self) -> str:
        if not self._bars:
            return "No runs that have ended."
        tops = [round(bar.took / self._longest * (len(_BARS) - 1)) for bar in self._bars]
        marks = "".join(" " if bar.good else "✗" for bar in self._bars)
        return f"{''.join(_BARS[top] for top in tops)}  {self._summary()}\n{marks}".rstrip()

    def _summary(self) -> str:
        count, failed = len(self._bars), sum(not bar.good for bar in self._bars)
        return f"{count} run{'' if count == 1 else 's'}, {failed} failed, longest {self._longest} ms"

    def _repr_html_(self) -> str:
        if not self._bars:
            return f"<p>{self!r}</p>"
        first, last = self._bars[0].began, self._bars[-1].began
        caption = f"{self._summary()}, from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}"
        right, base = self.WIDTH - self.EDGE, self.HEIGHT - self.EDGE
        span = (last - first) or timedelta(1)
        bars = "".join(self._draw(bar, (bar.began - first) / span) for bar in self._bars)
        return (
            f'<figure style="{ROOT} color: var(--codika-text); margin: 0.3rem 0; max-width: 46rem">'
            f'<svg role="img" aria-label="{html.escape(caption)}" viewBox="0 0 {self.WIDTH} {self.HEIGHT}" '
            f'style="width: 100%; height: auto; display: block"><line x1="{self.EDGE}" y1="{base}" '
            f'x2="{right}" y2="{base}" stroke="var(--codika-line)"/>{bars}</svg>'
            f'<figcaption style="{QUIET}">{html.escape(caption)}</figcaption></figure>'
        )

    def _draw(self, bar: Bar, place: float) -> str:
        """A bar as tall as the run was long, at a `place` from 0 to 1."""
        x = self.EDGE + place * (self.WIDTH - 2 * self.EDGE) - 2
        tall = max(bar.took / self._longest * (self.HEIGHT - 2 * self.EDGE), 3)
        return (
            f'<rect x="{x:.1f}" y="{self.HEIGHT - self.EDGE - tall:.1f}" width="4" height="{tall:.1f}" rx="1" '
            f'fill="var(--codika-{"good" if bar.good else "bad"})">'
            f"<title>{html.escape(plain(bar.about, LONGEST))}</title></rect>"
        )


_BARS = "▁▂▃▄▅▆▇█"
