"""Durations and outcomes of runs, as a picture that stays in a saved notebook."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from .design import output
from .text import LONGEST, duration_text, moment_text, plain


class Bar(NamedTuple):
    """One run: when it began, how it went, and what is told of it."""

    began: datetime
    #: Milliseconds; 0 where nobody has measured.
    took: int
    good: bool
    about: str


class Chart:
    """Outcomes and durations of runs: one bar a run, the earliest first.

    Args:
        bars: in any order.
    """

    WIDTH, HEIGHT = 640, 150
    #: What is around the bars: numbers to their left, marks and moments below.
    LEFT, TOP, BELOW = 52, 10, 34
    #: No bar is wider, so that three runs do not look like three walls.
    WIDEST = 22

    def __init__(self, bars: Iterable[Bar]) -> None:
        self._bars = sorted(bars, key=lambda bar: bar.began)
        self._longest = max((bar.took for bar in self._bars), default=0)

    def __bool__(self) -> bool:
        return bool(self._bars)

    def __repr__(self) -> str:
        if not self._bars:
            return "No runs that have ended."
        tops = [round(bar.took / (self._longest or 1) * (len(_BARS) - 1)) for bar in self._bars]
        marks = "".join(" " if bar.good else "✗" for bar in self._bars)
        return f"{''.join(_BARS[top] for top in tops)}  {self._summary()}\n{marks}".rstrip()

    def _summary(self) -> str:
        count, failed = len(self._bars), sum(not bar.good for bar in self._bars)
        measured = sorted(bar.took for bar in self._bars if bar.took)
        parts = [f"{count} run{'' if count == 1 else 's'}", f"{failed} failed"]
        if measured:
            parts += [f"{name} {duration_text(_quantile(measured, q))}" for name, q in _QUANTILES]
            parts.append(f"longest {duration_text(self._longest)}")
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        return output(self.markup())

    def markup(self) -> str:
        """The picture, to stand within an output."""
        if not self._bars:
            return f'<p class="codika-notice">{self!r}</p>'
        base, step = self.HEIGHT - self.BELOW, (self.WIDTH - self.LEFT) / len(self._bars)
        axis = "".join(
            f'<line x1="{self.LEFT}" x2="{self.WIDTH}" y1="{y}" y2="{y}"/>'
            f'<text x="{self.LEFT - 6}" y="{y + 4}" text-anchor="end">{label}</text>'
            for y, label in ((base, "0"), (self.TOP, duration_text(self._longest)))[
                : 2 if self._longest else 1
            ]
        )
        ends = (("start", self.LEFT, self._bars[0]), ("end", self.WIDTH, self._bars[-1]))
        axis += "".join(
            f'<text x="{x}" y="{self.HEIGHT - 4}" text-anchor="{anchor}">{moment_text(bar.began)}</text>'
            for anchor, x, bar in ends[: len(self._bars)]
        )
        bars = "".join(
            self._draw(bar, self.LEFT + (n + 0.5) * step, step) for n, bar in enumerate(self._bars)
        )
        caption = html.escape(self._summary())
        return (
            f'<figure class="codika-chart"><svg role="img" aria-label="{caption}" '
            f'viewBox="0 0 {self.WIDTH} {self.HEIGHT}">{axis}{bars}</svg><figcaption>{caption}</figcaption></figure>'
        )

    def _draw(self, bar: Bar, middle: float, step: float) -> str:
        """A bar as tall as the run was long; below it a mark, if the run failed."""
        base, width = self.HEIGHT - self.BELOW, min(step * 0.78, self.WIDEST)
        tall = max(bar.took / (self._longest or 1) * (base - self.TOP), 2)
        kind = "good" if bar.good else "bad"
        mark = f'<text class="codika-bad" x="{middle:.1f}" y="{base + 13}" text-anchor="middle">✗</text>'
        return (
            f'<rect class="codika-{kind}" x="{middle - width / 2:.1f}" y="{base - tall:.1f}" width="{width:.1f}" '
            f'height="{tall:.1f}"><title>{html.escape(plain(bar.about, LONGEST))}</title></rect>'
            f"{'' if bar.good else mark}"
        )


_QUANTILES = (("p50", 0.5), ("p95", 0.95))


def _quantile(values: list[int], part: float) -> float:
    """The value that this part of the sorted values does not exceed."""
    return values[max(math.ceil(part * len(values)) - 1, 0)]


_BARS = "▁▂▃▄▅▆▇█"
