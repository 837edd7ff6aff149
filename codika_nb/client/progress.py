"""How far a batch is, as a bar that suits the place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..display.design import form_style
from ..display.front_end import somebody_sees_widgets
from ..loops import IN_BROWSER
from .batch import Batch


@contextmanager
def shown(batch: Batch, wanted: bool) -> Iterator[Callable[[], None]]:
    """Show how far a batch is while this is entered; what it gives is called often, and moves the bar."""
    if not wanted or not batch.workers:
        yield lambda: None
        return
    total = None if batch.runs.total is None else batch.runs.total - batch.before
    bar, freeze = _bar(
        desc=batch.runs.workflow,
        total=total,
        initial=batch.done - batch.before,
        unit=" run",
        bar_format=_KNOWN if total else None,
    )

    def move() -> None:
        bar.set_postfix(batch.notes(), refresh=False)
        bar.update(batch.done - batch.before - bar.n)

    try:
        yield move
    finally:
        if total:
            bar.bar_format = _ENDED
        move()
        bar.close()
        freeze()


#: What stands beside the bar: how many of how many, and how long it still takes, or took.
_KNOWN = "{l_bar}{bar}| {n_fmt}/{total_fmt}, about {remaining} left{postfix}"
_ENDED = "{l_bar}{bar}| {n_fmt}/{total_fmt} in {elapsed}{postfix}"


# While a cell runs, kernels hear no clicks. In JupyterLab and Notebook this button does what the one in their
# toolbar does: it interrupts the kernel (of a notebook that is not trusted, some ask first). There is no such
# command elsewhere, and then it is not shown.
_STOP = (
    '<button type="button" class="jupyter-button codika-stop" title="What was started goes on by itself" '
    'data-commandlinker-command="notebook:interrupt-kernel" data-commandlinker-args="{}">Stop</button>'
)
_STOP_STYLE = (
    ".codika-progress { border: 0; padding: 0; max-width: none; background: none } "
    ".codika-progress .codika-stop { display: none; margin-left: 1rem } "
    ".jp-Notebook .codika-progress .codika-stop { display: inline }"
)


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
    import ipywidgets as widgets  # noqa: PLC0415 - as above

    bar: Any = tqdm(**options, display=False)
    stop = widgets.HTML(form_style("codika-progress", _STOP_STYLE, shows="") + _STOP)
    box = widgets.HBox([bar.container, stop], _dom_classes=("codika", "codika-progress"))
    shown = display(box, display_id=True)

    def freeze() -> None:
        shown.update({"text/plain": str(bar)}, raw=True)
        for widget in (*bar.container.children, bar.container, stop, box):
            for part in (widget, widget.layout, getattr(widget, "style", None)):
                if part is not None:
                    part.close()

    return bar, freeze
