"""Python stand-ins: they answer the workflows of this use case in the sandbox, where no n8n runs."""

from __future__ import annotations

import base64
import math
from datetime import date, timedelta
from typing import Any

from codika_nb.sandbox import stand_in


@stand_in("claim")
def claim(payload: dict[str, Any]) -> dict[str, Any]:
    """Add up an expense claim; the workflow's two code nodes, in Python."""
    currency = payload.get("currency")

    def money(amount: int) -> str:
        return f"{amount / 100:.2f} {currency}"

    items = payload.get("items") or []
    if not items:
        raise ValueError("A claim has at least one expense.")
    amounts = [cents(item.get("amount")) for item in items]
    total, advance, largest = sum(amounts), cents(payload.get("advance")), max(amounts)
    if advance > total:
        raise ValueError(f"The advance of {money(advance)} is larger than the claim of {money(total)}.")
    people = payload.get("people") or 1

    lines = [
        {
            "what": item["what"],
            "amount": amount / 100,
            "share": (200 * amount + total) // (2 * total),
            "billable": bool(item.get("billable")),
        }
        for item, amount in zip(items, amounts, strict=True)
    ]
    bars = []
    for n, (line, amount) in enumerate(zip(lines, amounts, strict=True)):
        y, width = n * 28, (600 * amount + largest) // (2 * largest)
        bars += [
            f'<text x="0" y="{y + 18}">{escaped(line["what"][:22])}</text>',
            f'<rect x="160" y="{y + 4}" width="{width}" height="20" rx="3" fill="#1976d2"/>',
            f'<text x="{168 + width}" y="{y + 18}">{amount / 100:.2f}</text>',
        ]
    height = len(lines) * 28
    chart = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 540 {height}" width="540" height="{height}"'
        f' font-family="sans-serif" font-size="13" fill="#888">{"".join(bars)}</svg>'
    )
    rows = ["what,amount,billable"]
    for line, amount in zip(lines, amounts, strict=True):
        what = line["what"].replace('"', '""')
        rows.append(f'"{what}",{amount / 100:.2f},{"yes" if line["billable"] else "no"}')

    pay_by = date.fromisoformat(payload["date"]) + timedelta(days=7 if payload.get("urgent") else 30)
    summary = [
        f"{payload['name']} claims {money(total)} for {people} {'person' if people == 1 else 'people'}: "
        f"{payload['purpose']}"
    ]
    if advance:
        summary.append(f"An advance of {money(advance)} was paid, so {money(total - advance)} are due.")
    receipt = payload.get("receipt")
    summary.append(f"The receipt is {receipt['fileName']}." if receipt else "There is no receipt.")
    return {
        "total": total / 100,
        "due": (total - advance) / 100,
        "approved": total - advance <= 25000 * people,
        "payBy": pay_by.isoformat(),
        "summary": "\n\n".join(summary),
        "lines": lines,
        "chart": file("claim.svg", "image/svg+xml", chart),
        "table": file("claim.csv", "text/csv", "\n".join(rows) + "\n"),
        "tags": payload.get("tags") or [],
    }


def cents(amount: float | None) -> int:
    return math.floor((amount or 0) * 100 + 0.5)


def file(name: str, kind: str, text: str) -> dict[str, Any]:
    content = text.encode()
    return {
        "fileName": name,
        "mimeType": kind,
        "fileSize": len(content),
        "contentBase64": base64.b64encode(content).decode(),
    }


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
