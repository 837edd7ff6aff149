"""When a schedule runs: n8n's ways of saying it, as one cron expression and a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..rules.view import as_list, as_object, objects_in
from ..starters import CRON, INTERVAL
from ..triggers import webhook_url
from .graph import Node
from .report import Notes

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

#: What n8n calls the time zone of the engine, whatever that is.
DEFAULT_ZONE = "DEFAULT"


def cron_of(node: Node) -> tuple[str, bool]:
    """The cron expression of a trigger, and whether it says all of it."""
    rules = _rules(node)
    if not rules:
        return "0 0 * * *", True  # what n8n does where nothing is said: every day at midnight
    cron, is_whole = _cron(rules[0])
    return (cron, is_whole and len(rules) == 1) if _is_possible(cron) else ("0 0 * * *", False)


#: The least and the most in each part of a cron expression.
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_VALUE = r"(?:\d+|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)"
_TIMES = rf"(?:[*?]|{_VALUE}(?:-{_VALUE})?|\d*[LW]+)(?:[/#]\d+)?"
_PART = re.compile(rf"{_TIMES}(?:,{_TIMES})*", re.ASCII | re.IGNORECASE)


def _is_possible(cron: str) -> bool:
    """Whether five parts are a cron expression, with numbers that there are and no steps of 0."""

    def is_one(part: str, least: int, most: int) -> bool:
        numbers = [(step, int(number)) for step, number in re.findall(r"(/?)(\d+)", part)]
        return all(number > 0 if step else least <= number <= most for step, number in numbers)

    parts = list(zip(cron.split(), _RANGES, strict=True))
    return all(_PART.fullmatch(part) and is_one(part, *limits) for part, limits in parts)


def zone_of(settings: Mapping[str, Any]) -> str:
    """The time zone of a workflow; empty if it has none of its own."""
    zone = settings.get("timezone")
    return zone if isinstance(zone, str) and zone != DEFAULT_ZONE else ""


def schedule(node: Node, settings: Mapping[str, Any], template_id: str, notes: Notes) -> dict[str, Any]:
    """The configuration's trigger for a workflow that runs at certain times."""
    cron, whole = cron_of(node)
    if not whole:
        notes.decide(
            f"Its times have no one cron expression; {cron} is shown. Check the trigger.", node["name"]
        )
    return {
        "type": "schedule",
        "cronExpression": cron,
        "timezone": zone_of(settings) or "UTC",
        "humanReadable": sentence(cron),
        "manualTriggerUrl": webhook_url(template_id),
    }


def rule_of(node: Node) -> dict[str, Any]:
    """The rule of a schedule trigger that runs when an old cron or interval node did."""
    return {"interval": _rules(node)}


def _rules(node: Node) -> list[dict[str, Any]]:
    parameters = node["parameters"]
    if node["type"] == INTERVAL:
        unit = parameters.get("unit") or "seconds"
        return [{"field": unit, f"{unit}Interval": parameters.get("interval") or 1}]
    if node["type"] == CRON:
        return [_old_rule(item) for item in objects_in(as_object(parameters.get("triggerTimes")).get("item"))]
    return objects_in(as_object(parameters.get("rule")).get("interval"))


def _old_rule(item: dict[str, Any]) -> dict[str, Any]:
    """One time of an old cron node, as one of a schedule trigger."""
    hour, minute = _whole(item.get("hour"), 14), _whole(item.get("minute"), 0)
    at = {
        "everyMinute": "* * * * *",
        "everyHour": f"{minute} * * * *",
        "everyWeek": f"{minute} {hour} * * {_text(item.get('weekday'), '1')}",
        "everyMonth": f"{minute} {hour} {_whole(item.get('dayOfMonth'), 1)} * *",
        "custom": _text(item.get("cronExpression"), "* * * * *"),
    }
    mode = item.get("mode")
    if mode == "everyX":
        unit = "minutes" if item.get("unit", "hours") == "minutes" else "hours"
        return {"field": unit, f"{unit}Interval": _whole(item.get("value"), 2)}
    return {"field": "cronExpression", "expression": at.get(str(mode), f"{minute} {hour} * * *")}


def _cron(rule: dict[str, Any]) -> tuple[str, bool]:  # noqa: PLR0911 - one for each way of saying it
    """One rule of a schedule trigger; False where cron has no words for it."""
    field = rule.get("field") or "days"
    hour, minute = _whole(rule.get("triggerAtHour"), 0), _whole(rule.get("triggerAtMinute"), 0)
    every = _whole(rule.get(f"{field}Interval"), 5 if field == "minutes" else 30 if field == "seconds" else 1)
    fixed = every > 0 and not any(str(value).startswith("=") for value in rule.values())
    if field == "minutes" and every > 0 and every % 60 == 0:
        field, every, minute = "hours", every // 60, 0
    match field:
        case "cronExpression":
            expression = _text(rule.get("expression"), "").removeprefix("=").strip() or "0 0 * * *"
            parts = _WORDS.get(expression.lower(), expression).split()
            if len(parts) not in (5, 6):
                return "0 0 * * *", False
            # The platform's have five parts, as the first of six is for seconds.
            return " ".join(parts[-5:]), len(parts) == 5 or parts[0] == "0"
        case "seconds":
            return "* * * * *", every == 60 and fixed
        case "minutes":
            at = "*" if every == 1 else f"*/{every}" if 0 < every < 60 else "0"
            return f"{at} * * * *", 60 % max(every, 1) == 0 and fixed
        case "hours":
            at = "*" if every == 1 else f"*/{every}" if 0 < every < 24 else "0"
            return f"{minute} {at} * * *", 24 % max(every, 1) == 0 and fixed
        case "weeks":
            days = rule.get("triggerAtDay") or [0]
            chosen = [str(day) for day in as_list(days) if str(day).isdecimal()]
            fixed = fixed and len(chosen) == len(as_list(days)) > 0
            return f"{minute} {hour} * * {','.join(chosen) or '0'}", every == 1 and fixed
        case "months":
            day = _whole(rule.get("triggerAtDayOfMonth"), 1)
            at = "*" if every == 1 else f"*/{every}" if 0 < every <= 12 else "1"
            return f"{minute} {hour} {day} {at} *", 12 % max(every, 1) == 0 and fixed
    return f"{minute} {hour} * * *", field == "days" and every == 1 and fixed


#: The names that cron has for some times.
_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def _whole(value: object, otherwise: int) -> int:
    try:
        return int(value) if isinstance(value, int | float | str) else otherwise
    except (ValueError, OverflowError):
        return otherwise


def _text(value: object, otherwise: str) -> str:
    return value if isinstance(value, str) and value.strip() else otherwise


def sentence(cron: str) -> str:  # noqa: PLR0911 - one for each simple kind
    """A cron expression for people, where it is a simple one."""
    parts = cron.split()
    if len(parts) != 5:
        return f"At the times of {cron}"
    parts = ["*" if re.fullmatch(r"\*/0*1", part) else part for part in parts]  # which is the same
    minute, hour, day, month, weekday = parts
    if parts == ["*"] * 5:
        return "Every minute"
    if (step := _step(minute, 60)) and parts[1:] == ["*"] * 4:
        return f"Every {step} minutes"
    if minute.isdigit() and day == month == weekday == "*" and not hour.isdigit():
        every = "hour" if hour == "*" else f"{step} hours" if (step := _step(hour, 24)) else ""
        return f"Every {every}, at minute {minute}" if every else f"At the times of {cron}"
    if not (minute.isdigit() and hour.isdigit() and month == "*"):
        return f"At the times of {cron}"
    at = f"at {int(hour)}:{int(minute):02d}"
    if day == weekday == "*":
        return f"Every day {at}"
    if day == "*" and all(each.isdigit() and int(each) <= 7 for each in weekday.split(",")):
        return f"Every {' and '.join(_DAYS[int(each) % 7] for each in weekday.split(','))} {at}"
    if weekday == "*" and day.isdigit():
        return f"On day {day} of every month {at}"
    return f"At the times of {cron}"


def _step(part: str, of: int) -> int:
    """n of a ``*/n`` that is the same all the time, which divides the whole; 0 for anything else."""
    step = int(found[1]) if (found := re.fullmatch(r"\*/(\d+)", part)) else 0
    return step if step and of % step == 0 else 0
