"""What an answer that says no means: the error, and the next step."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import responses
from typing import Any

from ..display.place import Step, next_step
from ..display.text import readable
from ..errors import (
    APIError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    OrganizationChoiceError,
    OTPError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from ..redaction import redact
from .steps import Response

# Codes of the platform's documentation and of codika 3.6.0 that say more than the HTTP status, or
# stay true when the status says nothing. All others go by their status.
_CODES: dict[type[APIError], str] = {
    OTPError: "OTP_INVALID OTP_NOT_FOUND OTP_EXPIRED OTP_ALREADY_USED OTP_PURPOSE_MISMATCH OTP_LOCKED_OUT",
    OrganizationChoiceError: "MULTIPLE_ORGANIZATIONS ORGANIZATION_NOT_MEMBER",
    # The last is answered with 429, but no wait helps: a key has to be revoked.
    ConflictError: "USER_ALREADY_HAS_ORGANIZATION USER_HAS_NO_ORGANIZATION DEPLOYMENT_IN_PROGRESS "
    "MAX_API_KEYS_REACHED",
    RateLimitError: "OTP_RESEND_COOLDOWN EMAIL_RATE_LIMITED IP_RATE_LIMITED",
    NotFoundError: "USER_NOT_FOUND PROJECT_NOT_FOUND ORGANIZATION_NOT_FOUND",
    InvalidRequestError: "EMAIL_REQUIRED EMAIL_INVALID COMPANY_NAME_TOO_LONG INVALID_EXPIRES_IN_DAYS "
    "INVALID_REQUEST INVALID_PROJECT_ID INVALID_CONFIGURATION INVALID_WORKFLOW_JSON INVALID_VERSION",
    ServerError: "INTERNAL INTERNAL_ERROR N8N_DEPLOYMENT_FAILED",
}
_BY_CODE = {code: kind for kind, codes in _CODES.items() for code in codes.split()}

_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    429: RateLimitError,
}

# What to do about refusals for which the platform names no next step.
_NEXT_STEPS = {
    "INVALID_VERSION": "Give one that is not in use yet, or none: the platform raises it by itself.",
    "DEPLOYMENT_IN_PROGRESS": "Wait until that one has ended, and deploy again.",
}


# The same, where the words depend on the place in which they are read.
_STEPS: dict[str, Step] = {
    "INSTANCE_INACTIVE": "switch-on",
    "INSTANCE_NOT_FOUND": "list-instances",
    "EXECUTION_NOT_FOUND": "list-runs",
    "PROJECT_NOT_FOUND": "list-projects",
    "INVALID_PAYLOAD": "look-at-the-fields",
}


def _next_step(code: str, said: str = "") -> str | None:
    if code == "INSTANCE_INACTIVE" and "failed" in said:
        return next_step("deploy-again")
    if code == "FORBIDDEN" and "scope" in said:
        return next_step("more-scopes")
    return next_step(_STEPS[code]) if code in _STEPS else _NEXT_STEPS.get(code)


def _class_of(code: str, status: int) -> type[APIError]:
    by_range = ServerError if status >= 500 else InvalidRequestError if status >= 400 else APIError
    return _BY_CODE.get(code) or _BY_STATUS.get(status) or by_range


def refusal(response: Response) -> APIError:
    """The error in an answer that says no, whichever of the platform's shapes it has."""
    # A server that repeats what it was sent must not bring the key into a message.
    try:
        answer = _redacted(decoded(response.content.decode("utf-8", "replace")))
    except RecursionError:
        answer = None
    body: dict[str, Any] = answer if isinstance(answer, dict) else {}
    if body.get("success") is True:
        return invalid(response, "it claims success with an error status")
    error = body.get("error")
    inner: dict[str, Any] = error if isinstance(error, dict) else {}
    code = _text(inner.get("code")) or _text(body.get("code")) or f"HTTP_{response.status}"
    details = inner.get("details")
    said = _text(error) or _text(inner.get("message")) or _message(response)
    refused = _class_of(code, response.status)(
        said,
        code=code,
        status=response.status,
        next_action=_text(inner.get("nextAction")) or (_next_step(code, said) if body else _hint(response)),
        details=details if isinstance(details, dict) else None,
    )
    refused.request_id = _text(body.get("requestId"))
    # A failure without a name of the platform's comes from something in between.
    refused.may_have_acted = isinstance(refused, ServerError) and code == f"HTTP_{response.status}"
    asked = _seconds(refused.details.get("retryInSeconds"))
    refused.retry_in = _retry_after(response) if asked is None else asked
    return refused


def _redacted(value: Any) -> Any:
    """A decoded answer without secrets; in its JSON they may be written with escapes."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(name): _redacted(member) for name, member in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, list) else value


def _message(response: Response) -> str:
    if response.status < 400:
        return f"The server refused, and did not say why (HTTP {response.status})."
    return f"The server answered {response.status} ({responses.get(response.status, 'no reason given')})."


def _hint(response: Response) -> str:
    """What an error page without JSON is most likely to mean."""
    return "Try again in a few seconds." if response.status >= 500 else next_step("which-server")


def _text(value: object) -> str | None:
    """A text from the server, fit to be shown."""
    return (readable(value).strip() or None) if isinstance(value, str) else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _retry_after(response: Response) -> float | None:
    """Seconds until the time in ``Retry-After``, which is a number of them, or a date."""
    value = response.headers.get("retry-after")
    seconds = _seconds(value)
    if seconds is not None or not value:
        return seconds
    if (date := _moment(value)) is None:
        return None
    try:
        # By the server's own clock where it tells the time: this machine's may be wrong.
        now = _moment(response.headers.get("date")) or datetime.now(UTC)
        return max(0.0, (date - now).total_seconds())
    except OverflowError:
        return None


def _moment(value: str | None) -> datetime | None:
    """A header's moment; none of what is no date, or has no zone."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else None


def invalid(response: Response, why: str) -> InvalidResponseError:
    error = InvalidResponseError(
        f"The server's answer cannot be used: {why} (HTTP {response.status}).",
        code="invalid-response",
        status=response.status,
        next_action=next_step("which-server"),
    )
    is_json = decoded(response.content) is not None or response.content.strip() == b"null"
    error.may_pass = response.status >= 500 or not is_json
    return error


def decoded(content: bytes | str) -> Any:
    try:
        try:
            return json.loads(content)
        except ValueError:
            # Bytes that are no text, and whole numbers longer than Python reads (which become text), keep
            # nobody from what is around them.
            if isinstance(content, bytes):
                content = content.decode(json.detect_encoding(content), "replace")
            return json.loads(content, parse_int=lambda digits: int(digits) if len(digits) < 4000 else digits)
    except (ValueError, RecursionError):
        return None
