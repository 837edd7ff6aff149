"""Rules about credentials and integrations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ...display.text import plain
from ..configuration import CustomIntegration
from ..integrations import is_known, meant, of_service
from ..starters import WEBHOOK
from .view import CHAIN, CREDENTIAL, CREDENTIAL_KINDS, PLACEHOLDER_SUFFIXES, Note, View, as_object

#: The models that codika 3.6.0 takes, by the type of the node; it looks at these nodes only.
MODELS = {
    "@n8n/n8n-nodes-langchain.lmChatAnthropic": (
        "claude-sonnet-4-20250514",
        "claude-opus-4-20250514",
        "claude-haiku-4-5-20251001",
        "claude-sonnet-4-6",
        "claude-opus-4-6",
        "claude-haiku-4-5",
    )
}


def integrations_are_declared(view: View) -> Iterator[Note]:
    used = {flow.template_id: flow.integrations for flow in view.flows}
    for place, workflow, flow in view.workflows:
        needed = [*flow.integrations, *(uid for called in flow.calls for uid in used.get(called, []))]
        declared = workflow.integration_uids or []
        if missing := [uid for uid in dict.fromkeys(needed) if uid not in declared]:
            said = f"{place}.integrationUids: {_listed(missing)} used, but not declared."
            near = [meant(uid) for uid in missing if not is_known(uid) and meant(uid)]
            yield view.note(said + (f" Did you mean {', '.join(near)}?" if near else ""))


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} are" if others else f"{last} is"


def integrations_are_known(view: View) -> Iterator[Note]:
    """What is declared is an integration of the platform, or one of one's own."""
    given = [("integrationUids", view.configuration.integration_uids)]
    given += [(f"{place}.integrationUids", flow.integration_uids or []) for place, flow, _ in view.workflows]
    of_n8n = {
        n8n_name(str(service)).lower()
        for _, node in view.nodes
        for service in as_object(node.data.get("credentials"))
    }
    for place, uids in given:
        for uid in uids:
            if not is_known(uid) and uid not in of_n8n:  # of a name of n8n's its credential tells
                near = f": did you mean {meant(uid)}?" if meant(uid) else "."
                yield view.note(f'{place}: "{plain(uid)}" is no integration that is known{near}')


def credentials_are_placeholders(view: View) -> Iterator[Note]:
    others = tuple(f"{{{{{kind}_" for kind in PLACEHOLDER_SUFFIXES if kind not in CREDENTIAL_KINDS)
    for flow, node in view.nodes:
        for service, credential in as_object(node.data.get("credentials")).items():
            written = [str(as_object(credential).get(name)) for name in ("id", "name")]
            pair = [CREDENTIAL.fullmatch(value) for value in written]
            kinds = {value.partition("_")[0] for value in written if value.startswith("{{")}
            if len(kinds) > 1 or (all(pair) and len({match[2] for match in pair if match}) > 1):
                text = f"credentials.{service}: id and name are placeholders of two different credentials."
                yield flow.note(text, node)
            for member in ("id", "name"):
                value = str(as_object(credential).get(member))
                match = CREDENTIAL.fullmatch(value)
                if not (value.startswith(others) or (match and match[3] == member.upper())):
                    example = f"{{{{FLEXCRED_NAME_{member.upper()}_DERCXELF}}}}"
                    yield flow.note(
                        f"credentials.{service}.{member} is not a placeholder, as in {example}.", node
                    )
            if pair[0] and pair[0][2] == n8n_name(service):
                near = f" ({like}?)" if (like := of_service(service)) else ""
                yield flow.note(
                    f"credentials.{service}: {pair[0][2]} is what n8n calls it. Write the platform's "
                    f"name of the integration there{near}, or declare a custom one.",
                    node,
                )


#: Nodes of language models, which are somebody's account, whatever their parameters say.
_MODELS = re.compile(r"langchain\.(lm|embeddings)[A-Z]")
#: The service in the type of a node: googleSheets in n8n-nodes-base.googleSheetsTrigger.
_SERVICE = re.compile(r"(?:n8n-nodes-base|@n8n/n8n-nodes-langchain)\.(\w+?)(?:Trigger|Tool)?")


def credentials_are_there(view: View) -> Iterator[Note]:
    """Where a node signs in, it has something to sign in with."""
    for flow, node in view.nodes:
        wanted = node.parameters.get("authentication")
        is_asked = isinstance(wanted, str) and wanted != "none" and not wanted.startswith("=")
        if node.is_disabled or node.type == WEBHOOK or as_object(node.data.get("credentials")):
            continue
        service = _SERVICE.fullmatch(node.type)
        if is_asked or _MODELS.search(node.type) or (service and wanted is None and of_service(service[1])):
            kind = node.parameters.get("genericAuthType") or node.parameters.get("nodeCredentialType")
            of = f" of the type {kind}" if isinstance(kind, str) and kind else ""
            yield flow.note(f"Signs in, and has no credentials{of}: the run fails there.", node)


def n8n_name(service: str) -> str:
    """What an import writes in a placeholder, as only a person knows the platform's name of a service."""
    return re.sub(r"[^A-Z0-9_]", "_", service.upper())


def models_are_known(view: View) -> Iterator[Note]:
    for flow, node in view.nodes:
        known = MODELS.get(node.type)
        given = node.parameters.get("model")
        model = given.get("value") if isinstance(given, dict) else given
        if known and isinstance(model, str) and model and model not in known:
            yield flow.note(f'"{model}" is none of the models that are there: {", ".join(known)}.', node)


def model_output_is_unwrapped(view: View) -> Iterator[Note]:
    for flow, chain in view.nodes:
        if chain.type != CHAIN or chain.parameters.get("hasOutputParser") is not True:
            continue
        after = {node.name for node in flow.after(chain)}
        named = rf"""\$\(\\?['"]{re.escape(chain.name)}\\?['"]\)\.(?:first\(\)|item|all\(\)\[\d+\])\.json"""
        for node in flow.nodes:
            if node.type == CHAIN or "outputParser" in node.type or "lmChat" in node.type:
                continue  # a part of a chain, not what follows it
            text = json.dumps(node.data, ensure_ascii=False)
            start = rf"(?:{named}|\$json)" if node.name in after else named
            for field in dict.fromkeys(re.findall(rf"{start}\.(?!output\b)([A-Za-z_]\w*)", text)):
                if "output?." not in text:  # which reads both forms
                    yield flow.note(
                        f'"{chain.name}" gives its parsed answer as output: write output.{field}.', node
                    )


def custom_integrations_are_complete(view: View) -> Iterator[Note]:
    yield from view.broken("CUSTOM-INTEGRATION")
    if view.problems:
        return
    defined: set[str] = set()
    for n, integration in enumerate(view.configuration.custom_integrations or []):
        place = f"customIntegrations[{n}]"
        if integration.id in defined:
            yield view.note(f'{place}.id: "{integration.id}" is that of an earlier one as well.')
        defined.add(integration.id)
        for message in _custom_integration(integration):
            yield view.note(f"{place}.{message}")
    wanted = [("integrationUids", view.configuration.integration_uids)]
    wanted += [(f"{place}.integrationUids", w.integration_uids or []) for place, w, _ in view.workflows]
    for place, uids in wanted:
        for uid in uids:
            if uid.startswith("cstm_") and uid not in defined:
                yield view.note(f'{place}: "{uid}" is not defined in customIntegrations.')


def _custom_integration(integration: CustomIntegration) -> Iterator[str]:
    """What is wrong inside one definition."""
    keys: list[str] = []
    given = {"secretFields": integration.secret_fields, "metadataFields": integration.metadata_fields or []}
    for member, fields in given.items():
        for n, field in enumerate(fields):
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", field.key):
                yield f'{member}[{n}].key: "{field.key}" is not UPPER_SNAKE_CASE.'
            if field.key in keys:
                yield f'{member}[{n}].key: "{field.key}" is that of an earlier field as well.'
            keys.append(field.key)
    mapping = integration.n8n_credential_mapping or {}
    if not mapping and integration.n8n_credential_type != "none":
        yield "n8nCredentialMapping says which field fills which part of the credential, and is empty."
    for key in mapping:
        if key not in keys:
            yield f'n8nCredentialMapping: "{key}" is the key of no field.'
