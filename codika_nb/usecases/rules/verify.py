"""The table of rules, and the check that goes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..configuration import Configuration
from ..source import Source
from .findings import Finding, Findings, Severity
from .integrations import (
    _credentials_are_placeholders,
    _custom_integrations_are_complete,
    _integrations_are_declared,
    _model_output_is_unwrapped,
)
from .skills import (
    _skill_has_front_matter,
    _skill_is_described,
    _skill_is_there,
    _skill_name_is_valid,
    _skill_refers_to_workflow,
    _skills_are_distinct,
)
from .triggers import (
    _callers_are_named,
    _configuration_is_valid,
    _has_triggers,
    _schedule_is_complete,
    _schema_types_are_known,
    _subworkflows_exist,
    _trigger_fits_nodes,
    _trigger_types_are_known,
    _webhook_paths_agree,
    _workflows_have_files,
)
from .view import Note, View
from .workflows import (
    _begins_with_init,
    _ends_with_result,
    _is_sanitized,
    _is_workflow,
    _merges_before_end,
    _parameters_are_bare,
    _placeholders_close,
    _schedule_joins_webhook,
    _settings_are_set,
    _subworkflow_takes_input,
    _webhook_has_id,
    _webhook_is_locked,
)


def verify(source: Source, configuration: Configuration) -> Findings:
    """Check a use case by all rules."""
    view = View(source, configuration)
    return Findings(
        Finding(rule, note.severity or severity, note.message, note.path, note.node)
        for rule, severity, check in _RULES
        for note in check(view)
    )


_RULES: tuple[tuple[str, Severity, Callable[[View], Iterator[Note]]], ...] = (
    ("JSON-001", "must", _is_workflow),
    ("CODIKA-INIT", "must", _begins_with_init),
    ("CODIKA-SUBMIT", "must", _ends_with_result),
    ("MERGE-BEFORE-TERMINAL", "must", _merges_before_end),
    ("SCHEDULE-WEBHOOK-CONVERGENCE", "must", _schedule_joins_webhook),
    ("SUBWKFL-MIN-PARAMS", "must", _subworkflow_takes_input),
    ("WEBHOOK-AUTH", "must", _webhook_is_locked),
    ("WEBHOOK-ID", "must", _webhook_has_id),
    ("WORKFLOW-SETTINGS", "must", _settings_are_set),
    ("WORKFLOW-SANITIZATION", "must", _is_sanitized),
    ("PLACEHOLDER-SYNTAX", "must", _placeholders_close),
    ("INSTPARM-QUOTE", "must", _parameters_are_bare),
    ("CRED-PLACEHOLDER", "should", _credentials_are_placeholders),
    ("LLM-OUTPUT-ACCESS", "must", _model_output_is_unwrapped),
    ("CONFIGURATION", "must", _configuration_is_valid),
    ("CONFIG-WORKFLOWS", "must", _workflows_have_files),
    ("TRIGGERS-REQUIRED", "must", _has_triggers),
    ("TRIGGER-TYPES", "must", _trigger_types_are_known),
    ("SCHEDULE-TRIGGER-FIELDS", "must", _schedule_is_complete),
    ("TRIGGER-TYPE-CONSISTENCY", "must", _trigger_fits_nodes),
    ("WEBHOOK-PATH-CONSISTENCY", "must", _webhook_paths_agree),
    ("SCHEMA-TYPES", "must", _schema_types_are_known),
    ("SUBWKFL-REFERENCES", "must", _subworkflows_exist),
    ("CALLEDBY-CONSISTENCY", "should", _callers_are_named),
    ("INTEGRATION-INHERITANCE", "should", _integrations_are_declared),
    ("CUSTOM-INTEGRATION", "must", _custom_integrations_are_complete),
    ("SKILL-STRUCTURE", "must", _skill_is_there),
    ("SKILL-FRONTMATTER", "must", _skill_has_front_matter),
    ("SKILL-NAME-FORMAT", "must", _skill_name_is_valid),
    ("SKILL-DUPLICATE", "must", _skills_are_distinct),
    ("SKILL-WORKFLOW-REF", "must", _skill_refers_to_workflow),
    ("SKILL-DESCRIPTION", "must", _skill_is_described),
)
