"""Python stand-ins: they answer the workflows of this use case in the sandbox, where no n8n runs."""

from __future__ import annotations

from typing import Any

from codika_nb.sandbox import stand_in

GREETINGS = {"en": "Hello, {}!", "fr": "Bonjour, {} !", "de": "Hallo, {}!", "es": "¡Hola, {}!"}


@stand_in("greet")
def greet(payload: dict[str, Any]) -> dict[str, str]:
    """Greet a person by name; the workflow's two code nodes, in Python."""
    name = str(payload.get("name") or "").strip()
    if not name:
        raise ValueError("A name is required.")
    language = payload.get("language")
    if language not in GREETINGS:
        language = "en"
    return {"greeting": GREETINGS[language].format(name), "language": language}
