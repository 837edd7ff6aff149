"""All fields of a workflow's form together: what is sent of them, and what keeps them from being sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ...client.offers import Offer
from ...errors import ConfigError
from ...usecases.schema import Problem, payload, problems
from .input import Around, Input
from .nested import Group


class Whole(Group):
    """The fields of a workflow. What is said at one of them is taken back when it is no longer so.

    Args:
        offer: what the workflow takes.
        around: as of every field.
        mended: called when there is nothing left of what was said.
    """

    def __init__(self, offer: Offer, around: Around, mended: Callable[[], None]) -> None:
        self.offer = offer
        self._changed, self._mended = around.changed, mended
        self._marked: list[Input] = []
        super().__init__(None, offer.inputs, offer.title, replace(around, changed=self._look_again))

    @property
    def sent(self) -> dict[str, Any]:
        """What is sent of them, whether it fits or not."""
        return payload(self.offer.inputs, self.value)

    def checked(self) -> dict[str, Any]:
        """What is sent of them.

        Raises:
            ConfigError: something does not fit; names every field and what is wrong with it.
        """
        values = self.value
        if found := problems(self.offer.inputs, values):
            raise self.unfit(found)
        return payload(self.offer.inputs, values)

    def mark(self, found: Iterable[Problem]) -> None:
        """Say at each field what is wrong with it, and of the others nothing."""
        self._say(self._texts(found))

    @property
    def marked(self) -> str:
        """Which fields have something said at them, in a sentence."""
        need = "One field needs" if len(self._marked) == 1 else f"{len(self._marked)} fields need"
        return f"{need} another look: {', '.join(each.full_label for each in self._marked)}."

    def unfit(self, found: list[Problem]) -> ConfigError:
        """Why nothing is sent."""
        # A problem's place in the words of the form, and in those of the schema.
        listed = "".join(f"\n  {self.at(each.path).label} ({each.place}): {each.text}" for each in found)
        count = f"{len(found)} field{'' if len(found) == 1 else 's'}"
        return ConfigError(
            f"{count} of the form for {self.offer.workflow} cannot be sent like this:{listed}",
            next_action="Correct them and try again.",
            code="invalid-input",
            details={problem.place: problem.text for problem in found},
        )

    def _look_again(self) -> None:
        if self._marked:
            wrong = self._texts(problems(self.offer.inputs, self.value))
            self._say({each: wrong[each] for each in self._marked if each in wrong})
            if not self._marked:
                self._mended()
        self._changed()

    def _texts(self, found: Iterable[Problem]) -> dict[Input, str]:
        """What is said at each field; one that has several problems says the first."""
        texts: dict[Input, str] = {}
        for problem in found:
            texts.setdefault(self.at(problem.path), problem.text)
        return texts

    def _say(self, texts: dict[Input, str]) -> None:
        for each in (*self._marked, *texts):
            each.problem = texts.get(each, "")
        self._marked = list(texts)
