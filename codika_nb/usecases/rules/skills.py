"""Rules about skills."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..configuration import Skill
from ..skills import front_matter, lost_lines, skill_file
from .view import Note, View


def skill_is_there(view: View) -> Iterator[Note]:
    present = {skill.relative_path for skill in view.source.skills}
    for folder in view.source.skill_folders:
        if skill_file(folder) not in present:
            yield Note("A folder in skills/ has a SKILL.md.", f"skills/{folder}")


def _front_matters(view: View) -> Iterator[tuple[Skill, dict[str, str]]]:
    """The skills that have a front matter, with it."""
    for skill in view.source.skills:
        matter = front_matter(skill.content_markdown)
        if any(matter.get(key) for key in ("name", "description", "workflowTemplateId")):
            yield skill, matter


def skill_has_front_matter(view: View) -> Iterator[Note]:
    with_matter = {skill.relative_path for skill, _ in _front_matters(view)}
    for skill in view.source.skills:
        if skill.relative_path not in with_matter:
            yield Note(
                "Begin the file with ---, name, description, workflowTemplateId, ---.", skill.relative_path
            )


def skill_is_read_as_written(view: View) -> Iterator[Note]:
    """The platform reads line by line, whatever YAML makes of quotes and of several lines."""
    for skill, matter in _front_matters(view):
        said = False
        for key in ("name", "description", "workflowTemplateId"):
            value = matter.get(key, "")
            if re.fullmatch(r"[>|][+-]?\d?[+-]?|\".*\"|'.*'", value):
                said = True
                message = f"{key}: read line by line, this is {value}: write it on one line, without quotes."
                yield Note(message, skill.relative_path)
        if not said and (lost := lost_lines(skill.content_markdown)):
            yield Note(f'"{lost[0]}" is not read: write each value on one line.', skill.relative_path)


def skill_name_is_valid(view: View) -> Iterator[Note]:
    for skill, matter in _front_matters(view):
        name = matter.get("name", "")
        if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
            yield Note(
                f'name: "{name}" is not 1 to 64 small letters, digits and hyphens.', skill.relative_path
            )
        for word in ("anthropic", "claude"):
            if word in name:
                yield Note(f'name: "{word}" is reserved.', skill.relative_path)


def skills_are_distinct(view: View) -> Iterator[Note]:
    seen: set[tuple[str, str]] = set()
    for skill, matter in _front_matters(view):
        for key in ("name", "workflowTemplateId"):
            value = matter.get(key, "")
            if value and (key, value) in seen:
                yield Note(f'{key}: "{value}" is that of an earlier skill as well.', skill.relative_path)
            seen.add((key, value))


def skill_refers_to_workflow(view: View) -> Iterator[Note]:
    known = {flow.template_id for flow in view.flows}
    for skill, matter in _front_matters(view):
        called = matter.get("workflowTemplateId", "")
        if called not in known:
            yield Note(
                f'workflowTemplateId: "{called}" is no workflow of this use case.', skill.relative_path
            )


def skill_is_described(view: View) -> Iterator[Note]:
    for skill, matter in _front_matters(view):
        description = matter.get("description", "")
        if not description:
            yield Note("description: say what the skill does.", skill.relative_path, severity="should")
        elif len(description) > 1024:
            yield Note(f"description: {len(description)} of at most 1024 characters.", skill.relative_path)
