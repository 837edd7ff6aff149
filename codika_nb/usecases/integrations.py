"""Which integrations the platform has, whom each is connected for, and the secrets that it takes.

(codika 3.6.0, ``integration set``.)
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Literal

Context = Literal["organization", "member", "process_instance"]

_WITH_A_KEY_ALONE = (
    *("openai", "anthropic", "google_gemini", "mistral", "deep_seek", "cohere"),
    *("x_ai", "open_router", "tavily", "pinecone", "folk"),
)

_ORGANIZATION = {
    **{name: (f"{name.upper()}_API_KEY",) for name in _WITH_A_KEY_ALONE},
    "pipedrive": ("PIPEDRIVE_API_TOKEN",),
    "odoo": ("ODOO_URL", "ODOO_DATABASE", "ODOO_USERNAME", "ODOO_PASSWORD"),
    "twilio": ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
    "whatsapp": ("WHATSAPP_ACCESS_TOKEN", "WHATSAPP_BUSINESS_ACCOUNT_ID"),
    "whatsapp_trigger": ("WHATSAPP_CLIENT_ID", "WHATSAPP_CLIENT_SECRET"),
}

_PROCESS_INSTANCE = {
    "supabase": ("SUPABASE_HOST", "SUPABASE_SERVICE_ROLE_KEY"),
    "postgres": (
        "POSTGRES_HOST",
        "POSTGRES_PORT",
        "POSTGRES_DATABASE",
        "POSTGRES_USER",
        "POSTGRES_PASSWORD",
        "POSTGRES_SSL",
    ),
    "telegram": ("TELEGRAM_ACCESS_TOKEN",),
}

OPTIONAL = {"POSTGRES_SSL"}

SECRET_NAMES = {**_ORGANIZATION, **_PROCESS_INSTANCE}

_GOOGLE = ("gmail", "calendar", "drive", "sheets", "docs", "slides", "tasks", "contacts")

_MICROSOFT = ("teams", "teams_advanced", "sharepoint", "outlook", "to_do", "excel", "onedrive")

_OAUTH_ORGANIZATION = {"slack", "shopify"}

_OAUTH_MEMBER = {
    *(f"google_{app}" for app in _GOOGLE),
    *(f"microsoft_{app}" for app in _MICROSOFT),
    "notion",
    "calendly",
}

#: Those that are connected by signing in to them.
SIGNED_IN = _OAUTH_MEMBER | _OAUTH_ORGANIZATION


def context_of(integration_id: str) -> Context:
    """Whom an integration is connected for, unless said otherwise."""
    if integration_id in _OAUTH_MEMBER:
        return "member"
    if integration_id in _PROCESS_INSTANCE or integration_id.startswith("cstm_"):
        return "process_instance"
    return "organization"


def is_known(integration_id: str) -> bool:
    """Whether the platform has it, as far as is known here, or it is one of one's own."""
    return integration_id in SECRET_NAMES or integration_id in SIGNED_IN or integration_id.startswith("cstm_")


def of_service(name: str) -> str:
    """The integration that a service of n8n may be, by its node or credential; empty if it is like none.

    Example:
        >>> of_service("googleSheets"), of_service("openAiApi"), of_service("gmailOAuth2")
        ('google_sheets', 'openai', 'google_gmail')
    """
    short = re.sub(r"(oauth2)?(api)?$", "", name.lower())
    named = {each: each.replace("_", "") for each in (*SECRET_NAMES, *sorted(SIGNED_IN))}
    return next((each for each, name in named.items() if short in (name, name.removeprefix("google"))), "")


def meant(integration_id: str) -> str:
    """The integration that a misspelt one may be; empty if it is like none."""
    near = get_close_matches(integration_id.lower(), [*SECRET_NAMES, *SIGNED_IN], n=1, cutoff=0.75)
    return near[0] if near else ""
