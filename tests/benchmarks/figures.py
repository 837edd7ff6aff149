"""What a figure is, how it comes from several rounds, and how it is shown."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median, quantiles
from typing import Any, Literal

from codika_nb import __version__

How = Literal["ratio", "difference"]
Estimate = Literal["median", "minima", "all"]
ESTIMATES = {
    "median": "the median of the rounds",
    "minima": "from each side's quickest round: what else the machine does only ever adds",
    "all": "from all rounds together",
}


@dataclass(frozen=True)
class Scale:
    """How much is measured: enough to be believed, or just enough to see that all of it runs."""

    rounds: int = 60
    #: Rounds that each start a process, a kernel, or something else that takes a second.
    long_rounds: int = 12
    #: Requests in a row, and triggers at once.
    calls: int = 10
    triggers: int = 100
    #: Seconds for which the network keeps a form waiting.
    silence: float = 5.0
    profiles: int = 1000
    workflows: int = 200
    workflow_size: int = 500_000
    nodes: int = 500
    polls: int = 800
    executions: int = 1_000_000
    people: int = 200


FULL = Scale()
QUICK = Scale(
    rounds=2,
    long_rounds=1,
    calls=2,
    triggers=5,
    silence=0.5,
    profiles=10,
    workflows=3,
    workflow_size=5_000,
    nodes=20,
    polls=64,
    executions=500,
    people=5,
)


@dataclass(frozen=True)
class Aim:
    """What a figure should at most, or at least, be."""

    bound: float
    unit: str = "×"
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        """Whether a figure is as it should be."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g} {self.unit}"


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        name: what ``--only`` takes.
        what: what is measured.
        against: what a person would have otherwise, measured in the same rounds.
        aim: what it should be.
        value: what it is; None where it could not be measured here.
        each: what it was in each round.
        estimate: how `value` comes from them.
        sides: the measurements themselves, in `unit`, round by round.
        note: what else has to be known, or why it could not be measured.
    """

    name: str
    what: str
    against: str
    aim: Aim
    value: float | None = None
    each: Sequence[float] = ()
    estimate: Estimate = "median"
    sides: Mapping[str, Sequence[float]] = field(default_factory=dict)
    unit: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where that could not be measured."""
        return None if self.value is None else self.aim.met_by(self.value)

    def to_json(self) -> dict[str, Any]:
        """Everything about it."""
        return asdict(self) | {
            "aim": str(self.aim),
            "met": self.met,
            "estimate": ESTIMATES[self.estimate],
            "spread": spread(self.each),
        }


def compared(
    figure: Figure,
    sides: Mapping[str, Sequence[float]],
    *,
    unit: str,
    how: How = "ratio",
    upside_down: bool = False,
    estimate: Estimate = "median",
) -> Figure:
    """The figure that two sides give, measured turn by turn.

    Args:
        figure: the figure without its measurements.
        sides: what each round gave, ``ours`` and ``theirs``.
        unit: what they are counted in.
        how: whether the one is divided by the other, or subtracted from it.
        upside_down: how much more theirs is than ours, instead of how much ours is of theirs.
        estimate: ``median`` of what the rounds gave, or from the ``minima`` of both sides.
    """

    def compare(a: float, b: float) -> float:
        if upside_down:
            a, b = b, a
        return a - b if how == "difference" else a / b

    ours, theirs = sides["ours"], sides["theirs"]
    each = [compare(a, b) for a, b in zip(ours, theirs, strict=True)]
    value = compare(min(ours), min(theirs)) if estimate == "minima" else None
    return measured(figure, each, sides, unit=unit, value=value, estimate=estimate)


def measured(
    figure: Figure,
    each: Sequence[float],
    sides: Mapping[str, Sequence[float]],
    *,
    unit: str,
    value: float | None = None,
    estimate: Estimate = "median",
) -> Figure:
    """The figure that these rounds give."""
    return replace(
        figure,
        value=median(each) if value is None else value,
        each=list(each),
        estimate=estimate,
        sides={name: list(values) for name, values in sides.items()},
        unit=unit,
    )


def interleaved(
    sides: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: int = 1
) -> dict[str, list[float]]:
    """Measure all sides turn by turn, so that whatever else the machine does falls on all alike.

    Args:
        sides: each returns what it measured.
        rounds: how often each is measured; every other round goes backwards.
        warm_up: rounds before, which do not count.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(-warm_up, rounds):
        for name in list(sides)[:: 1 if turn % 2 else -1]:
            value = sides[name]()
            if turn >= 0:
                found[name].append(value)
    return found


def spread(values: Sequence[float]) -> tuple[float, float] | None:
    """Between what half of the rounds were (all of them, where they are few)."""
    if not values:
        return None
    if len(values) < 4:
        return min(values), max(values)
    lower, _, upper = quantiles(values, n=4, method="inclusive")
    return lower, upper


def percentile(values: Sequence[float], share: float) -> float:
    """Within which this share of the values is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


# --- showing ---------------------------------------------------------------------------------------

HEAD = ("Figure", "Against", "Ours", "Theirs", "Measured", "Middle half of the rounds", "Aim", "Met")


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """The lines of a Markdown table, and below it what has to be known."""
    rows = [HEAD, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        yield f"| {' | '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))} |"
    notes = [f"{figure.name}: {figure.note}" for figure in figures if figure.note]
    if notes:
        yield ""
        yield from (f"* {note}" for note in dict.fromkeys(notes))


def _row(figure: Figure) -> tuple[str, ...]:
    head = (figure.what, figure.against)
    if figure.value is None:
        return (*head, "", "", "not measured here", "", str(figure.aim), "")
    low, high = spread(figure.each) or (figure.value, figure.value)
    unit = figure.aim.unit.split()[0]
    return (
        *head,
        *(_typical(figure, side) for side in ("ours", "theirs")),
        f"{_number(figure.value)} {unit}",
        f"{_number(low)} to {_number(high)}",
        str(figure.aim),
        "yes" if figure.met else "**no**",
    )


def _typical(figure: Figure, side: str) -> str:
    values = figure.sides.get(side)
    if not values:
        return ""
    return f"{_number(min(values) if figure.estimate == 'minima' else median(values))} {figure.unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# --- where -----------------------------------------------------------------------------------------

PACKAGES = (
    *("httpx", "ipykernel", "ipython", "ipywidgets", "pydantic", "starlette", "uvicorn"),
    *("jupysql", "jupyter_ai_magics", "kagglehub"),
)


def machine() -> dict[str, Any]:
    """What kind of machine this is, without saying which."""
    return {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "processor": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        # Above the number of cores, others were measured along.
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str]:
    """The versions of what takes part."""
    found = {"codika-nb": __version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
