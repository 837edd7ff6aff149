"""Skills: pages that tell agents how to use a workflow."""

from __future__ import annotations

import re

from .configuration import Skill


def front_matter(text: str) -> dict[str, str]:
    """The lines between the first two ``---``, cut at the colon; nothing of YAML beyond that."""
    block = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    pairs = (line.partition(":") for line in (block[1].split("\n") if block else []))
    return {key.strip(): value.strip() for key, colon, value in pairs if key and colon}


def lost_lines(text: str) -> list[str]:
    """The lines of a front matter that are part of a value in YAML, and of nothing for the platform."""
    block = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    lines = block[1].splitlines() if block else []
    return [line.strip() for line in lines if line.strip() and (":" not in line or line[0] in " \t")]


def read_skill(folder: str, text: str) -> Skill:
    matter = front_matter(text)
    return Skill(
        name=matter.get("name") or folder,
        description=matter.get("description", ""),
        workflow_template_id=matter.get("workflowTemplateId") or folder,
        content_markdown=text,
        relative_path=skill_file(folder),
    )


def skill_page(skill: Skill) -> str:
    if front_matter(skill.content_markdown):
        return skill.content_markdown
    lines = [
        f"name: {skill.name}",
        f"description: {' '.join(skill.description.split())}",
        f"workflowTemplateId: {skill.workflow_template_id}",
    ]
    return "\n".join(["---", *lines, "---", "", skill.content_markdown])


def skill_file(folder: str) -> str:
    return f"skills/{folder}/SKILL.md"
