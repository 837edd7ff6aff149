"""Python stand-ins: they answer the workflows of this use case in the sandbox, where no n8n runs."""

from __future__ import annotations

from typing import Any

from codika_nb.sandbox import stand_in


@stand_in("main-workflow")
def count_words(payload: dict[str, Any]) -> dict[str, Any]:
    """Count the words of a text; the workflow's two code nodes, in Python."""
    text = str(payload.get("text") or "").strip()
    if not text:
        raise ValueError("A text is required.")
    return {"text": text, "words": len(text.split())}
