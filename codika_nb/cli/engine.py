"""``codika-nb engine install``: n8n on this machine."""

from __future__ import annotations

import argparse
import time

from ..sandbox.n8n.installing import COST, install


def run(arguments: argparse.Namespace) -> int:
    """Install it, once somebody has agreed to what that costs."""
    if not arguments.yes:
        print(COST)
        print(
            "It is made by others and comes under its own licence (https://docs.n8n.io/sustainable-use-license)."
        )
        try:
            answer = input("Install it? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was installed. Where nobody can answer: codika-nb engine install --yes")
            return 1
    began = time.monotonic()
    install(lambda text: print(f"[{time.monotonic() - began:4.0f} s] {text}", flush=True))
    return 0
