"""The table of rules, and the check that goes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..configuration import Configuration
from ..source import Source
from . import inputs, integrations, skills, triggers, wiring, workflows
from .findings import Finding, Findings, Severity
from .view import Note, View

_Rules = tuple[tuple[str, Severity, Callable[[View], Iterator[Note]]], ...]


def verify(source: Source, configuration: Configuration) -> Findings:
    """Check a use case by all rules."""
    return _found(View(source, configuration), (*_WORKFLOW_RULES, *_RULES))


def verify_files(files: Mapping[str, bytes], config: str = "") -> Findings:
    """Check workflows without their configuration, by the rules that are about them alone.

    Args:
        files: their contents by path, ``workflows/…``.
        config: what complaints call the configuration.
    """
    return _found(View(Source(config, dict(files)), None), _WORKFLOW_RULES)


def _found(view: View, rules: _Rules) -> Findings:
    return Findings(
        Finding(rule, note.severity or severity, note.message, note.path, note.node)
        for rule, severity, check in rules
        for note in check(view)
    )


_WORKFLOW_RULES: _Rules = (
    ("JSON-001", "must", workflows.is_workflow),
    ("JSON-001", "must", wiring.nodes_are_whole),
    ("JSON-001", "must", wiring.wires_have_a_form),
    ("JSON-001", "must", wiring.wires_have_ends),
    ("NODE-NAMES", "should", wiring.names_are_distinct),
    ("CODIKA-INIT", "must", workflows.begins_with_init),
    ("RUN-WIRING", "should", wiring.runs_begin_and_end),
    ("CODIKA-SUBMIT", "must", workflows.ends_with_result),
    ("MERGE-BEFORE-TERMINAL", "must", workflows.merges_before_end),
    ("SCHEDULE-WEBHOOK-CONVERGENCE", "must", workflows.schedule_joins_webhook),
    ("SUBWKFL-MIN-PARAMS", "must", workflows.subworkflow_takes_input),
    ("WEBHOOK-AUTH", "must", workflows.webhook_is_locked),
    ("WEBHOOK-ID", "must", workflows.webhook_has_id),
    ("R13", "must", wiring.webhooks_answer_in_time),
    ("WORKFLOW-SETTINGS", "must", workflows.settings_are_set),
    ("WORKFLOW-SANITIZATION", "must", workflows.is_sanitized),
    ("PLACEHOLDER-SYNTAX", "must", workflows.placeholders_close),
    ("INSTPARM-QUOTE", "must", workflows.parameters_are_bare),
    ("CRED-PLACEHOLDER", "should", integrations.credentials_are_placeholders),
    ("CRED-MISSING", "should", integrations.credentials_are_there),
    ("LLM-MODEL-ID", "must", integrations.models_are_known),
    ("LLM-OUTPUT-ACCESS", "must", integrations.model_output_is_unwrapped),
)

_RULES: _Rules = (
    ("CONFIGURATION", "must", triggers.configuration_is_valid),
    ("CONFIG-SINGLE", "should", triggers.one_configuration_is_there),
    ("CONFIG-WORKFLOWS", "must", triggers.workflows_have_files),
    ("CONFIG-WORKFLOWS", "should", triggers.no_workflow_is_left_aside),
    ("CONFIG-VALUES", "should", triggers.values_are_of_their_kind),
    ("TRIGGERS-REQUIRED", "must", triggers.has_triggers),
    ("TRIGGER-TYPES", "must", triggers.trigger_types_are_known),
    ("SCHEDULE-TRIGGER-FIELDS", "must", triggers.schedule_is_complete),
    ("TRIGGER-TYPE-CONSISTENCY", "must", triggers.trigger_fits_nodes),
    ("WEBHOOK-PATH-CONSISTENCY", "must", triggers.webhook_paths_agree),
    ("INSTPARM-REFERENCES", "should", triggers.parameters_are_asked_for),
    ("WEBHOOK-METHOD", "should", wiring.methods_agree),
    ("INIT-WORKFLOW", "should", wiring.init_names_its_workflow),
    ("SCHEMA-TYPES", "must", triggers.schema_types_are_known),
    ("INPUT-SCHEMA-FORMAT", "should", inputs.inputs_are_as_documented),
    ("INPUT-SCHEMA-FORMAT", "should", inputs.keys_are_distinct),
    ("INPUT-SCHEMA-FORMAT", "should", inputs.fields_can_be_filled_in),
    ("CONFIG-VALUES", "should", inputs.members_are_spelt_rightly),
    ("INPUTS-READ", "should", inputs.inputs_are_read),
    ("SUBWKFL-REFERENCES", "must", triggers.subworkflows_exist),
    ("CALLEDBY-CONSISTENCY", "should", triggers.callers_are_named),
    ("INTEGRATION-KNOWN", "should", integrations.integrations_are_known),
    ("INTEGRATION-INHERITANCE", "should", integrations.integrations_are_declared),
    ("CUSTOM-INTEGRATION", "must", integrations.custom_integrations_are_complete),
    ("SKILL-STRUCTURE", "must", skills.skill_is_there),
    ("SKILL-FRONTMATTER", "must", skills.skill_has_front_matter),
    ("SKILL-FRONTMATTER", "should", skills.skill_is_read_as_written),
    ("SKILL-NAME-FORMAT", "must", skills.skill_name_is_valid),
    ("SKILL-DUPLICATE", "must", skills.skills_are_distinct),
    ("SKILL-WORKFLOW-REF", "must", skills.skill_refers_to_workflow),
    ("SKILL-DESCRIPTION", "must", skills.skill_is_described),
)
