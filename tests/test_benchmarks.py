"""The benchmarks run, and every figure is there; how quick anything is decides no test."""

from __future__ import annotations

import json
import math
import os
import platform
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import MEASUREMENTS, main
from tests.benchmarks.figures import QUICK, Aim, Figure, compared, interleaved, percentile, spread, table

FIGURES = {
    "import": 1,
    "load-ext": 3,
    "first-form": 1,
    "form-messages": 2,
    "call": 2,
    "gather": 1,
    "run-many": 1,
    "function": 1,
    "loop-gap": 1,
    "click": 1,
    "whoami": 1,
    "profile": 1,
    "packing": 2,
    "n8n-import": 1,
    "sandbox-status": 1,
    "sandbox-strangers": 1,
    "sandbox-lists": 4,
    "sandbox-workshop": 1,
    "engine": 3,
}
PEERS = ("jupysql", "jupyter_ai_magics", "kagglehub", "n8n")


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_figure_is_there_and_makes_sense(name: str) -> None:
    figures = list(MEASUREMENTS[name](QUICK))
    assert len(figures) == FIGURES[name]
    for figure in figures:
        assert figure.name == name
        if figure.value is None:
            assert figure.note, "nobody says why it was not measured"
            assert figure.note.startswith(PEERS) or not os.environ.get("CI"), figure.note
            continue
        assert math.isfinite(figure.value)
        # What is added to something can come out below nothing in so few rounds; a ratio cannot.
        assert figure.value > 0 or "more" in figure.aim.unit
        assert figure.each
        assert set(figure.sides) >= {"ours"}
        assert all(value > 0 for side in figure.sides.values() for value in side)


def test_the_command_prints_a_table_and_writes_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    main(["--quick", "--only", "import", "sandbox-workshop", "--json", str(file)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| Figure ")
    assert [line.split("|")[1].strip() for line in lines[2:4]] == [
        "`import codika_nb`",
        "sandbox: 5 sign-ups from 5 addresses",
    ]
    written = json.loads(file.read_text())
    assert written["scale"]["people"] == QUICK.people
    assert [figure["met"] for figure in written["figures"]] == [
        "yes" in line.split("|")[-2] for line in lines[2:4]
    ]
    assert len(written["figures"][0]["sides"]["theirs"]) == QUICK.rounds
    # Where it was measured is told in words: neither this machine's name nor its folders.
    assert platform.node() not in file.read_text()
    assert str(Path.cwd()) not in file.read_text()


def test_a_command_that_does_not_exist_is_refused_with_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "everything"])
    assert "sandbox-lists" in capsys.readouterr().err


FIGURE = Figure("name", "what", "against", Aim(1.5))


def test_a_ratio_is_the_median_of_the_rounds_or_comes_from_the_quickest() -> None:
    sides = {"ours": [2.0, 3.0, 9.0], "theirs": [2.0, 2.0, 3.0]}
    assert compared(FIGURE, sides, unit="s").value == 1.5
    assert compared(FIGURE, sides, unit="s", estimate="minima").value == 1.0
    assert compared(FIGURE, sides, unit="s", upside_down=True).each == [1.0, 2 / 3, 1 / 3]
    assert compared(FIGURE, sides, unit="s", how="difference").each == [0.0, 1.0, 6.0]


def test_an_aim_is_met_at_its_bound() -> None:
    assert Aim(1.5).met_by(1.5)
    assert not Aim(1.5).met_by(1.51)
    assert Aim(20, at_least=True).met_by(20)
    assert not Aim(20, at_least=True).met_by(19.9)
    assert [str(Aim(15, "ms more")), str(Aim(0.9, at_least=True))] == ["≤ 15 ms more", "≥ 0.9 ×"]


def test_sides_take_turns_and_the_warm_up_does_not_count() -> None:
    turns: list[str] = []

    def side(name: str, value: float) -> float:
        turns.append(name)
        return value

    found = interleaved({"ours": lambda: side("a", 1.0), "theirs": lambda: side("b", 2.0)}, 2)
    assert found == {"ours": [1.0, 1.0], "theirs": [2.0, 2.0]}
    assert turns in (["a", "b", "b", "a", "a", "b"], ["b", "a", "a", "b", "b", "a"])


def test_spread_and_percentile() -> None:
    assert spread([]) is None
    assert spread([3.0, 1.0]) == (1.0, 3.0)
    low, high = spread([float(n) for n in range(101)]) or (0, 0)
    assert (round(low), round(high)) == (25, 75)
    assert percentile([float(n) for n in range(100)], 0.99) == 99.0
    assert percentile([1.0], 0.99) == 1.0


def test_what_could_not_be_measured_says_why() -> None:
    missing = Figure("whoami", "what", "against", Aim(20, at_least=True), note="npm is not installed here")
    lines = list(table([missing, compared(FIGURE, {"ours": [4.0], "theirs": [2.0]}, unit="s")]))
    assert "not measured here" in lines[2]
    assert "**no**" in lines[3]
    assert lines[-1] == "* whoami: npm is not installed here"
