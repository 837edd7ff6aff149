"""How far a batch is, as a bar that suits the place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..display.front_end import somebody_sees_widgets
from ..loops import IN_BROWSER
from .batch import Batch


@contextmanager
def shown(batch: Batch, wanted: bool) -> Iterator[Callable[[], None]]:
    """Show how far a batch is while this is entered; what it gives is called often, and moves the bar."""
    if not wanted:
        yield lambda: None
        return
    bar, freeze = _bar(desc=batch.runs.workflow, total=batch.runs.total, initial=batch.done, unit=" run")

    def move() -> None:
        bar.set_postfix(batch.notes(), refresh=False)
        bar.update(batch.done - bar.n)

    try:
        yield move
    finally:
        move()
        bar.close()
        freeze()


def _bar(**options: Any) -> tuple[Any, Callable[[], None]]:
    """A bar that suits the place, and what makes of it a text that a saved notebook can keep."""
    options["miniters"] = 0
    if IN_BROWSER:
        import tqdm as library  # noqa: PLC0415 - only where it is shown

        library.tqdm.monitor_interval = 0  # which would be a thread's
    if not somebody_sees_widgets():
        from tqdm import tqdm as in_text  # noqa: PLC0415 - only where it is shown

        if sys.stderr is None or not sys.stderr.isatty():
            # In a log, and in a notebook that nobody watches, a sign of life now and then.
            options |= {"delay": 5, "mininterval": 10}
        return in_text(**options), lambda: None
    from IPython.display import display  # noqa: PLC0415 - as above
    from tqdm.auto import tqdm  # noqa: PLC0415 - as above

    drawn = sys.modules.get("tqdm.notebook")
    if drawn is None or not issubclass(tqdm, drawn.tqdm):
        return tqdm(**options), lambda: None  # a console that is a kernel, too
    bar: Any = tqdm(**options, display=False)
    shown = display(bar.container, display_id=True)

    def freeze() -> None:
        shown.update({"text/plain": str(bar)}, raw=True)
        for widget in (*bar.container.children, bar.container):
            for part in (widget, widget.layout, getattr(widget, "style", None)):
                if part is not None:
                    part.close()

    return bar, freeze
