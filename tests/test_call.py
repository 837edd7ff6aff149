"""How answers are read, what errors they become, and when a call is sent again; no network here."""

from __future__ import annotations

import copy
import json
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from codika_nb import errors, models
from codika_nb.client import call
from codika_nb.client.api import API
from codika_nb.client.call import Call, path
from codika_nb.client.refusals import decoded
from codika_nb.client.steps import Pause, Request, Response, Work
from codika_nb.display.text import readable
from codika_nb.errors import APIError, CodikaError, InvalidResponseError, TransportError
from codika_nb.models import Execution, ExecutionSummary, Projects, VerifiedKey
from codika_nb.redaction import cut, redact, secrets_in

KEY = "cko_aB12" + "x" * 60


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, headers or {}, content)


def verify(response: Response) -> VerifiedKey:
    return Call("POST", "/verifyapikey", VerifiedKey.model_validate).parse(response)


def refused(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> APIError:
    with pytest.raises(APIError) as caught:
        verify(answer(body, status, headers))
    return caught.value


# --- answers that are none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html><body>Welcome</body></html>", 200),
        (b"", 200),
        (b"", 204),
        (b'{"success": true, "da', 200),
        (b'{"success": true, "data": {}', 200),
        (b"\xff\xfe\x00garbage", 200),
        (b"[" * 100_000, 200),
        (b'{"a":' * 100_000, 200),
        (b"9" * 5000, 200),
        ([], 200),
        ("ok", 200),
        (None, 200),
        ({}, 200),
        ({"data": {}}, 200),
        ({"success": "true", "data": {}}, 200),
        ({"success": 1, "data": {}}, 200),
        ({"success": None, "data": {}}, 200),
        ({"success": True}, 200),
        ({"success": True, "data": None}, 200),
        ({"success": True, "data": "text"}, 200),
        ({"success": True, "data": []}, 200),
        ({"success": True, "data": {}}, 500),
        ({"success": True, "data": {}}, 404),
        ({"success": True, "data": {}}, 302),
        (b"moved", 301),
    ],
)
def test_an_answer_that_cannot_be_used(body: object, status: int) -> None:
    error = refused(body, status)
    assert type(error) is InvalidResponseError
    assert error.code == "invalid-response"
    assert error.status == status
    assert error.next_action
    assert error.__cause__ is None
    assert error.__context__ is None


def test_members_of_lists_are_checked_too() -> None:
    wrong: list[Any] = [
        None,
        "x",
        {},
        [None],
        ["x"],
        [{}],
        [{"id": [7]}],
        [{"id": True}, None],
    ]
    for projects in wrong:
        with pytest.raises(InvalidResponseError, match="projects"):
            Call("GET", "/p", Projects.read).parse(answer({"success": True, "data": {"projects": projects}}))
    # What only describes may be missing, null or odd: a list with a hole is better than no list.
    rows: list[Any] = [{"id": "1", "name": None, "createdAt": "yesterday", "new": {"member": 1}}]
    rows += [None, {"id": None, "name": "nobody's"}]
    read = Call("GET", "/p", Projects.read).parse(answer({"success": True, "data": {"projects": rows}}))
    assert [(each.id, each.created_at) for each in read] == [("1", None)]
    assert "Project" in repr(read)


@pytest.mark.parametrize("odd", [None, 7, 12.5, "odd", [None], [1, {}], {"odd": 1}, True])
@pytest.mark.parametrize(
    ("kind", "indispensable"),
    [
        (models.Triggered, {"executionId": "e"}),
        (models.Execution, {"executionId": "e", "status": "failed"}),
        (models.ExecutionSummary, {"executionId": "e"}),
        (models.ExecutionDetails, {"codikaExecutionId": "e"}),
        (models.VerifiedKey, {}),
        (models.UpdatedKey, {"keyId": "k"}),
        (models.MintedKey, {"raw": KEY}),
        (models.KeyBundle, {"apiKey": {"raw": KEY}}),
        (models.CodeSent, {}),
        (models.Instance, {"processInstanceId": "i"}),
        (models.Project, {"id": "p"}),
        (models.Integration, {"integrationId": "i"}),
        (models.CredentialSchema, {}),
        (models.Published, {"processDeploymentId": "p"}),
        (models.Redeployment, {}),
        (models.AcceptedDocument, {"documentId": "d"}),
        (models.DataIngestion, {"dataIngestionId": "d"}),
        (models.NoteSaved, {"documentId": "d", "documentTypeId": "t"}),
        (models.Note, {"id": "d", "documentTypeId": "t"}),
    ],
)
def test_what_only_describes_may_be_odd(kind: Any, indispensable: dict[str, Any], odd: Any) -> None:
    first = kind.model_validate(indispensable)
    described = [name for name, field in kind.model_fields.items() if not field.is_required()]
    whole = {to_camel(name): odd for name in described} | indispensable
    whole |= {
        field.alias: odd for field in kind.model_fields.values() if field.alias and not field.is_required()
    }
    before = copy.deepcopy(whole)
    read = kind.model_validate(whole)
    assert whole == before
    for name in set(kind.model_fields) - set(described):
        assert getattr(read, name) == getattr(first, name)
    repr(read)
    for member in indispensable:
        with pytest.raises(ValidationError) as refused:
            kind.model_validate({**whole, member: None})
        assert refused.value.errors(include_input=False)[0]["loc"][0] == member


def test_odd_members_deep_inside_cost_nothing_around_them() -> None:
    problem = {"message": None, "type": "t", "failedNodeName": ["n"]}
    rows = [{"executionId": "1", "errorDetails": problem}, {"executionId": "2", "duration": 12.5}]
    read = models.Executions.read({"executions": rows})
    assert [run.execution_id for run in read] == ["1", "2"]
    assert read[0].error_details is not None
    assert (read[0].error_details.type, read[0].error_details.message) == ("t", "")
    workflows = [{"workflowId": "w", "triggers": None, "integrationUids": ["a", None]}, {"cost": 1}, None]
    deployment = {"deploymentInstanceId": "d", "deploymentParameters": 7, "workflows": workflows}
    instance = models.Instance.model_validate({"processInstanceId": "i", "deployment": deployment})
    assert instance.deployment is not None
    [workflow] = instance.deployment.workflows
    assert (workflow.triggers, workflow.integration_uids) == ((), ("a",))


def test_what_says_what_has_happened_is_not_left_out() -> None:
    """Content that nobody can read is no empty file, and an integration that is not gone is not gone."""
    for content in ("%%", 7):
        with pytest.raises(ValidationError):
            models.UseCaseFiles.read({"documents": [{"relativePath": "a", "contentBase64": content}]})
    with pytest.raises(ValidationError):
        models.UseCaseFiles.read({"documents": [{"relativePath": "a"}, {"sizeBytes": 1}]})
    assert models.UseCaseFiles.read({"documents": [{"relativePath": "a", "sizeBytes": "x"}]})
    with pytest.raises(ValidationError):
        models.IntegrationDeleted.model_validate({"pendingDeactivations": True})
    asked = {"pendingDeactivations": {"count": None, "processes": [None, {"processInstanceId": "p"}]}}
    assert not models.IntegrationDeleted.model_validate(asked).deleted


def test_a_flat_answer_may_leave_success_out_but_not_the_rest() -> None:
    api = API()
    api.instance = "i"
    pending = answer({"execution": {"executionId": "e", "status": "pending"}})
    assert outcome(api.get_execution_status("e"), pending).ended is False
    for body in ({}, {"execution": "x"}, {"execution": {"executionId": "e"}}, {"success": False}):
        with pytest.raises(APIError):
            outcome(api.get_execution_status("e"), answer(body))
    with pytest.raises(InvalidResponseError, match="executionId"):
        outcome(api.trigger_workflow("w"), answer({"message": "Execution started"}))


@pytest.mark.parametrize("given", [{}, {"executionId": None}, {"executionId": 7}, {"executionId": "other"}])
def test_a_run_that_is_asked_for_by_its_id_need_not_repeat_it(given: dict[str, Any]) -> None:
    api = API()
    api.instance = "i"
    run = {**given, "status": "success", "resultData": 1}
    ended = outcome(api.get_execution_status("e"), answer({"success": None, "execution": run}))
    assert (ended.execution_id, ended.result) == ("e", 1)
    assert outcome(api.get_execution("e"), answer({"execution": run})).codika_execution_id == "e"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("id", ": did you mean execution_id or workflow_id or trigger_id?"),
        ("executionId", ": did you mean execution_id?"),
        ("workflow", ": did you mean workflow_id?"),
        ("stats", ": did you mean status?"),
        ("zzz", "."),
    ],
)
def test_a_member_that_there_is_not_names_the_one_that_may_be_meant(name: str, meant: str) -> None:
    answer = {"executionId": "x", "workflowId": "greet", "status": "failed", "new": 3, "odd\x1b[1m": 4}
    run = ExecutionSummary.model_validate(answer)
    assert run.new == 3  # type: ignore[attr-defined]  # a newer platform's
    assert copy.deepcopy(run) == run
    offered = [each for each in dir(run) if each[0] != "_"]
    assert {"execution_id", "error", "model_dump"} <= set(offered)
    assert not {"json", "construct", "model_fields"} & set(offered)
    with pytest.raises(AttributeError) as missing:
        getattr(run, name)
    assert str(missing.value) == f"ExecutionSummary has no {name}{meant}"
    assert "Did you mean" not in "".join(traceback.format_exception(missing.value))


def test_an_answer_shows_itself_as_a_card() -> None:
    answer = {
        "processInstanceId": "i-1",
        "title": f"A <b>title</b> {KEY}",
        "isActive": True,
        "installedAt": "2026-01-02T03:04:05Z",
        "deployment": {"deploymentParameters": {"token": KEY}, "workflows": [{"workflowId": "greet"}]},
        "new": KEY,
    }
    shown = models.Instance.model_validate(answer)._repr_html_()
    assert "Instance</div>" in shown
    assert "Process instance id</dt><dd><code" in shown
    assert "A &lt;b&gt;title&lt;/b&gt; cko_aB12..." in shown
    assert "Is active</dt><dd>yes" in shown
    assert 'datetime="2026-01-02T03:04:05+00:00"' in shown
    assert "<summary>Deployment</summary>" in shown
    assert "greet" in shown
    assert "New</dt>" not in shown
    assert KEY[9:20] not in shown
    minted = models.MintedKey.model_validate({"raw": KEY, "name": "ci", "scopes": ["a", "b"]})
    assert "Scopes</dt><dd>a, b<" in minted._repr_html_()
    assert KEY[9:20] not in minted._repr_html_()
    bundle = models.KeyBundle.model_validate({"apiKey": {"raw": KEY}})
    assert KEY[9:20] not in bundle._repr_html_()


def test_an_id_once_received_survives() -> None:
    api = API()
    api.instance = "i"
    started = outcome(api.trigger_workflow("w"), answer({"success": None, "executionId": 4711}))
    assert started.execution_id == "4711"
    made = {"success": True, "data": {"projectId": 5}}
    assert outcome(api.create_project("P"), answer(made)).project_id == "5"
    deployed = models.Deployment.model_validate({"templateId": 1, "processInstanceId": 2, "version": "1.0"})
    assert (deployed.template_id, deployed.process_instance_id) == ("1", "2")


def test_text_that_is_not_in_its_encoding_keeps_nobody_from_the_rest() -> None:
    latin = b'{"success": true, "executionId": "e", "message": "d\xe9marr\xe9"}'
    api = API()
    api.instance = "i"
    assert outcome(api.trigger_workflow("w"), answer(latin)).execution_id == "e"


def test_a_deletion_that_waits_is_a_result_with_any_status() -> None:
    def delete(response: Response) -> Any:
        return outcome(API().delete_integration("openai"), response)

    pending = {"count": 1, "processes": [{"processInstanceId": "i", "title": "T"}]}
    body = {"success": False, "data": {"message": "m", "pendingDeactivations": pending}, "requestId": "r"}
    for status in (200, 409):
        asked = delete(answer(body, status))
        assert not asked.deleted
        assert asked.pending_deactivations is not None
        assert asked.pending_deactivations.processes[0].title == "T"
    with pytest.raises(errors.PermissionDeniedError):
        delete(answer({"success": False, "error": {"code": "FORBIDDEN", "message": "no"}}, 403))
    with pytest.raises(InvalidResponseError):
        delete(answer({"success": False, "data": "text"}, 409))
    assert delete(answer({"success": True, "data": {"message": "gone", "deactivatedCount": 2}})).deleted


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.InvalidRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (405, errors.InvalidRequestError),
        (409, errors.ConflictError),
        (410, errors.InvalidRequestError),
        (412, errors.ConflictError),
        (422, errors.InvalidRequestError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (599, errors.ServerError),
        (200, APIError),
    ],
)
def test_an_unknown_code_goes_by_the_status(status: int, expected: type[APIError]) -> None:
    error = refused({"success": False, "error": {"code": "NEVER_HEARD_OF", "message": "No."}}, status)
    assert type(error) is expected
    assert (error.code, error.status, error.message) == ("NEVER_HEARD_OF", status, "No.")


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("OTP_INVALID", 400, errors.OTPError),
        ("OTP_LOCKED_OUT", 429, errors.OTPError),
        ("OTP_EXPIRED", 410, errors.OTPError),
        ("MULTIPLE_ORGANIZATIONS", 409, errors.OrganizationChoiceError),
        ("ORGANIZATION_NOT_MEMBER", 403, errors.OrganizationChoiceError),
        ("MAX_API_KEYS_REACHED", 429, errors.ConflictError),
        ("ORGANIZATION_CREATION_FAILED", 400, errors.InvalidRequestError),
        ("ORGANIZATION_CREATION_FAILED", 500, errors.ServerError),
        # The tool ignores the status of a deployment's answer: the code has to do.
        ("DEPLOYMENT_IN_PROGRESS", 200, errors.ConflictError),
        ("PROJECT_NOT_FOUND", 200, errors.NotFoundError),
        ("INVALID_CONFIGURATION", 200, errors.InvalidRequestError),
        ("INTERNAL_ERROR", 200, errors.ServerError),
    ],
)
def test_documented_codes_have_their_class(code: str, status: int, expected: type[APIError]) -> None:
    assert type(refused({"success": False, "error": {"code": code, "message": "m"}}, status)) is expected


def test_everything_a_refusal_says_is_kept() -> None:
    error = refused(
        {
            "success": False,
            "error": {
                "code": "INVALID_CONFIGURATION",
                "message": "Wrong.",
                "nextAction": "Do it right.",
                "details": {"field": "title"},
            },
            "requestId": "r-1",
        },
        400,
    )
    assert str(error) == "Wrong.\nDo it right."
    assert (error.next_action, error.details, error.request_id) == ("Do it right.", {"field": "title"}, "r-1")


@pytest.mark.parametrize(
    "body",
    [
        {"success": False},
        {"success": False, "error": None},
        {"success": False, "error": 7},
        {"success": False, "error": []},
        {"success": False, "error": ""},
        {"success": False, "error": {}},
        {"success": False, "error": {"code": 7, "message": ["x"], "nextAction": {}, "details": "text"}},
        {"success": False, "error": {"code": "", "message": "", "details": None}, "requestId": 7},
        {"success": False, "data": {"message": "no error member"}},
    ],
)
def test_a_refusal_of_any_shape_is_an_error_with_words(body: object) -> None:
    for status in (200, 400, 500):
        error = refused(body, status)
        assert error.code == f"HTTP_{status}"
        assert str(status) in error.message
        assert error.details == {}
        assert error.request_id is None


def test_a_text_for_an_error() -> None:
    error = refused({"success": False, "error": "The instance is off.", "code": "INSTANCE_INACTIVE"}, 412)
    assert type(error) is errors.ConflictError
    assert (error.message, error.code) == ("The instance is off.", "INSTANCE_INACTIVE")


def test_an_error_page() -> None:
    gateway = refused(b"<html>502 Bad Gateway</html>", 502)
    missing = refused(b"<html>Not here</html>", 404)
    assert type(gateway) is errors.ServerError
    assert gateway.message == "The server answered 502 (Bad Gateway)."
    assert "Try again" in (gateway.next_action or "")
    assert "Codika server" in (missing.next_action or "")
    assert "<html>" not in str(gateway) + str(missing)
    assert "no reason" in refused(b"", 599).message


def test_a_hostile_message_is_shown_as_text() -> None:
    error = refused(
        {"success": False, "error": {"message": "\x1b[2J\x07bad\u202e\nthing" + "x" * 10_000}}, 400
    )
    assert not {"\x1b", "\x07", "\u202e"} & set(error.message)
    assert error.message.startswith("[2J bad \nthing")
    assert len(error.message) < 2100


def test_a_server_that_repeats_the_key_does_not_get_it_shown() -> None:
    error = refused(
        {
            "success": False,
            "error": {
                "code": f"BAD_{KEY}",
                "message": f"The API key {KEY} is unknown (https://x/?api_key=ck_secret&b=c).",
                "nextAction": f"Replace {KEY}.",
                "details": {"key": KEY, KEY: 1, "secret": "whsec_" + "A" * 32},
            },
        },
        401,
    )
    shown = f"{error} {error.code} {error.details}"
    assert "cko_aB12..." in shown
    assert "xxxx" not in shown
    assert "ck_secret" not in shown
    assert "AAAA" not in shown
    assert "b=c" in shown


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    if not {"c", "w"} & set(text) and "api_key" not in text:
        assert redact(text) == text


@settings(deadline=None)
@given(
    st.from_regex(r"c(k|ko|kp|ka)_[A-Za-z0-9_-]{64,80}", fullmatch=True),
    st.sampled_from([" ", '"', "(", "=", "\\n", "%3D", "\x1b[31m", "密钥", "/"]),
)
def test_keys_in_text_are_masked(key: str, before: str) -> None:
    shown = redact(f"see{before}{key}{before}!")
    assert key not in shown
    assert key[:7] in shown
    assert len(shown) <= len("see!") + 8 + 3 + 2 * len(before)


@pytest.mark.parametrize(
    "name",
    [
        "slack_message_summarizer_for_the_weekly_meeting_of_everybody_who_can_come",
        "track_customer_journey_v1",
        "rollback_deployment_to_previous",
        "feedback_form_ck_v1",
        "ck_editor_plugin_for_feedback_of_customers",
        "cko_short-name",
        "my_cko_" + "x" * 64,
        "whsec_rotation_schedule_for_everything_that_is_signed_by_us",
        "ck_" + "x" * 63,
    ],
)
def test_what_is_no_key_is_not_treated_as_one(name: str) -> None:
    assert redact(f"a {name}, {name}") == f"a {name}, {name}"
    assert secrets_in(name) == []


def test_a_text_that_is_cut_shows_no_part_of_a_key() -> None:
    for length in range(100):
        shown = readable(f"{KEY} " * 40 + "." * length + KEY + " and so on" * 1000)
        assert "xxxx" not in shown
        assert "xxxx" not in readable("." * (1950 + length) + KEY + " and so on" * 1000)
        assert "xxxx" not in redact(cut("." * length + KEY, 100))


def test_a_key_in_json_is_found_whatever_its_escapes() -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
    for written in (escaped, f"line\\n{KEY}"):
        body = '{"success": false, "error": {"message": "%s", "details": {"%s": ["%s"]}}}'
        error = refused((body % (written, written, written)).encode(), 400)
        assert "xxxx" not in f"{error} {error.details}"


def test_organizations_that_are_none() -> None:
    for listed in (None, "x", [1, None, {"id": "a", "name": "A"}]):
        error = refused(
            {
                "success": False,
                "error": {"code": "MULTIPLE_ORGANIZATIONS", "details": {"organizations": listed}},
            },
            409,
        )
        assert isinstance(error, errors.OrganizationChoiceError)
        assert error.organizations == ([{"id": "a", "name": "A"}] if isinstance(listed, list) else [])


# --- how long to wait ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("details", "header", "expected"),
    [
        ({"retryInSeconds": 12}, None, 12),
        ({"retryInSeconds": 0}, "9", 0),
        ({"retryInSeconds": "7"}, None, 7),
        ({"retryInSeconds": -1}, "9", 9),
        ({"retryInSeconds": True}, None, None),
        ({"retryInSeconds": "soon"}, None, None),
        ({"retryInSeconds": [1]}, None, None),
        ({"retryInSeconds": 10**400}, None, None),
        ({}, "1.5", 1.5),
        ({}, "Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ({}, "Sun, 06 Nov 1994 08:49:37 -0000", None),
        ({}, "nan", None),
        ({}, "inf", None),
        ({}, "tomorrow", None),
        ({}, None, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_when_to_try_again(details: object, header: str | None, expected: Any, status: int) -> None:
    headers = {} if header is None else {"retry-after": header}
    error = refused({"success": False, "error": {"message": "Later.", "details": details}}, status, headers)
    assert error.retry_in == expected


def test_the_server_names_a_time() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert refused(LATER, 503, {"retry-after": later}).retry_in == pytest.approx(60, abs=5)


@pytest.mark.parametrize("hours", [-2, 0, 2])
def test_a_time_is_read_by_the_clock_of_the_server_that_names_it(hours: int) -> None:
    now = datetime.now(UTC) + timedelta(hours=hours)
    said = {
        "date": format_datetime(now, usegmt=True),
        "retry-after": format_datetime(now + timedelta(seconds=4), usegmt=True),
    }
    assert refused(LATER, 503, said).retry_in == 4


@pytest.mark.parametrize("date", ["garbage", "", "Wed, 21 Oct 2099 07:28:00"])
def test_a_server_whose_date_is_none_may_still_name_a_time(date: str) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert refused(LATER, 503, {"retry-after": later, "date": date}).retry_in == pytest.approx(60, abs=5)


# --- trying again ----------------------------------------------------------------------------------

OK = {"success": True, "data": {"organizationId": "org"}}
LATER = {"success": False, "error": {"message": "Later."}}


def outcome(exchange: Any, *answers: Any) -> Any:
    """What an exchange gives when it is answered like this, or the error it ends with."""
    _, _, result = carry_out(exchange, *answers)
    if isinstance(result, CodikaError):
        raise result
    return result


def carry_out(exchange: Any, *outcomes: Response | CodikaError) -> tuple[list[Request], list[float], Any]:
    """Play the server; returns the requests, the pauses, and what came of it."""
    requests: list[Request] = []
    pauses: list[float] = []
    left = list(outcomes)
    steps = iter(exchange)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                pauses.append(step.seconds)
                step = steps.send(None)
                continue
            if isinstance(step, Work):
                step = steps.send(step.do())
                continue
            requests.append(step)
            given = left.pop(0)
            step = steps.throw(given) if isinstance(given, CodikaError) else steps.send(given)
    except StopIteration as done:
        assert not left
        return requests, pauses, done.value
    except CodikaError as error:
        assert not left
        return requests, pauses, error


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_passing_failures_of_repeatable_calls_are_waited_out(status: int) -> None:
    requests, pauses, known = carry_out(
        API().verify_key(), answer(LATER, status), TransportError("away"), answer(OK)
    )
    assert known.organization_id == "org"
    assert requests == [requests[0]] * 3
    assert 0.375 <= pauses[0] <= 0.5
    assert 0.75 <= pauses[1] <= 1.0


def test_pauses_differ_and_have_a_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "ATTEMPTS", 12)
    gone = [TransportError("away") for _ in range(12)]
    _, pauses, error = carry_out(API().verify_key(), *gone)
    assert error is gone[-1]
    assert len(pauses) == 11
    assert max(pauses) <= 8.0
    assert len(set(pauses)) > 5
    assert error.__context__ is None


def test_the_server_says_how_long_to_wait() -> None:
    _, pauses, known = carry_out(
        API().verify_key(),
        answer(LATER, 503, {"retry-after": "3"}),
        answer(LATER, 429, {"retry-after": "0"}),
        answer(OK),
    )
    assert pauses == [3.0, 0.0]
    assert known.organization_id == "org"


def test_a_long_wait_is_left_to_the_caller() -> None:
    requests, pauses, error = carry_out(API().verify_key(), answer(LATER, 429, {"retry-after": "60"}))
    assert (len(requests), pauses, error.retry_in) == (1, [], 60.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 500, 501])
def test_lasting_failures_are_not_repeated(status: int) -> None:
    requests, _, error = carry_out(API().verify_key(), answer(LATER, status))
    assert len(requests) == 1
    assert error.status == status


def test_what_no_wait_helps_is_not_repeated() -> None:
    full = {"success": False, "error": {"code": "MAX_API_KEYS_REACHED", "message": "Full."}}
    for outcome in (
        answer(full, 429),
        answer({"success": True}, 503),
        errors.RequestTimeoutError("slow"),
    ):
        requests, _, error = carry_out(API().verify_key(), outcome)
        assert len(requests) == 1
        assert isinstance(error, CodikaError)


# Made anew for each test: a generator is used up by one.
NEVER_TWICE: dict[str, Callable[[], Any]] = {
    "request_signup_code": lambda: API().request_signup_code("a@example.com"),
    "request_login_code": lambda: API().request_login_code("a@example.com"),
    "complete_signup": lambda: API().complete_signup("a@example.com", code="123456"),
    "complete_login": lambda: API().complete_login("a@example.com", code="123456"),
    "create_organization": lambda: API().create_organization("A"),
    "create_organization_key": lambda: API().create_organization_key("A", scopes=["x"], organization_id="o"),
    "create_project": lambda: API().create_project("A"),
    "deploy_documents": lambda: API().deploy_documents([], project_id="p"),
    "deploy_data_ingestion": lambda: API().deploy_data_ingestion({}, project_id="p"),
    "publish_use_case": lambda: API().publish_use_case("t", project_id="p"),
    "rerun_deployment": lambda: API().rerun_deployment("i"),
    "trigger_workflow": lambda: API().trigger_workflow("w", instance="i"),
    "run_workflow": lambda: API().run_workflow("w", instance="i"),
    "upsert_note": lambda: API().upsert_note("p", document_type="brief", content="c", summary="s"),
}


@pytest.mark.parametrize("name", NEVER_TWICE)
def test_what_may_have_arrived_is_not_sent_again(name: str) -> None:
    for outcome in (answer(LATER, 503), answer(LATER, 429, {"retry-after": "0"}), TransportError("away")):
        requests, pauses, error = carry_out(NEVER_TWICE[name](), outcome)
        assert (len(requests), pauses) == (1, [])
        assert isinstance(error, CodikaError)


def test_a_deployment_is_not_sent_again(greeter: Path) -> None:
    requests, pauses, error = carry_out(
        API().deploy_use_case(greeter, project_id="p"), answer(OK), TransportError("away")
    )
    assert [request.path for request in requests] == ["/verifyapikey", "/deployprocessusecase"]
    assert (pauses, type(error)) == ([], TransportError)


def test_a_request_without_an_answer_is_a_mistake_of_the_performer() -> None:
    steps = iter(API().verify_key())
    next(steps)
    with pytest.raises(TypeError, match="answered with nothing"):
        steps.send(None)


# --- waiting for a run -----------------------------------------------------------------------------


def running() -> Response:
    return answer({"success": True, "execution": {"executionId": "e", "status": "pending"}})


def ended() -> Response:
    return answer({"success": True, "execution": {"executionId": "e", "status": "success", "resultData": 1}})


def test_waiting_survives_what_passes() -> None:
    outcomes: list[Response | CodikaError] = [
        answer({"success": False, "error": "not yet", "code": "EXECUTION_NOT_FOUND"}, 404),
        TransportError("away"),
        running(),
        answer(b"<html>", 502),
        answer(b"<html>", 200),
        answer({"success": True}, 500),
        answer(LATER, 429, {"retry-after": "2"}),
        errors.RequestTimeoutError("slow"),
        running(),
        ended(),
    ]
    requests, pauses, run = carry_out(API().wait_for("e", instance="i"), *outcomes)
    assert run.result == 1
    assert len(requests) == 10
    assert pauses[0] == 0.05
    assert pauses[6] == 2.0
    assert pauses[:6] + pauses[7:] == sorted(pauses[:6] + pauses[7:])


def test_waiting_backs_off_to_three_seconds() -> None:
    exchange = API().wait_for(ExecutionSummary(execution_id="e"), instance="i", timeout=1000)
    _, pauses, _ = carry_out(exchange, *[running() for _ in range(20)], ended())
    assert pauses[-1] == 3.0
    assert pauses[10] == pytest.approx(0.05 * 1.3**10)


@pytest.mark.parametrize(
    "body",
    [
        {"execution": {"executionId": "e-1", "status": None}},
        {"execution": None},
        {"success": True},
        {"success": "yes", "execution": {"executionId": "e-1", "status": "success"}},
        [],
        "x",
        b"null",
    ],
)
def test_an_answer_in_json_that_does_not_fit_ends_the_waiting(body: object) -> None:
    started = answer({"success": True, "executionId": "e-1", "message": None})
    _, _, error = carry_out(API().run_workflow("w", instance="i"), started, answer(body))
    assert type(error) is InvalidResponseError
    assert error.execution_id == "e-1"


@pytest.mark.parametrize("odd", [{"duration": 12.5}, {"createdAt": 7}, {"errorDetails": {"message": None}}])
def test_a_run_that_has_ended_is_not_waited_for_whatever_describes_it(odd: dict[str, Any]) -> None:
    run = {"executionId": "e-1", "status": "success", "resultData": {"a": 1}, **odd}
    _, pauses, ended = carry_out(API().wait_for("e-1", instance="i"), answer({"execution": run}))
    assert ended.result == {"a": 1}
    assert not pauses


@pytest.mark.parametrize("status", [400, 401, 403, 412])
def test_what_ends_the_waiting_names_the_run(status: int) -> None:
    started = answer({"success": True, "executionId": "e-1", "message": "Execution started"})
    _, _, error = carry_out(API().run_workflow("w", instance="i"), started, answer(LATER, status))
    assert (error.status, error.execution_id) == (status, "e-1")


def test_out_of_time() -> None:
    requests, _, error = carry_out(API().wait_for("e", instance="i", timeout=0), answer(b"<html>", 502))
    assert isinstance(error, errors.WaitTimeoutError)
    assert "502 (Bad Gateway)" in error.message
    assert error.execution_id == "e"
    assert requests[0].timeout == 1.0  # a server that hangs must not make the waiting any longer
    api = API()
    api.instance = "i"
    _, _, error = carry_out(api.wait_for("e", timeout=0), running())
    assert "client.wait_for('e', instance='i')" in str(error)


@pytest.mark.parametrize(
    ("members", "words", "code"),
    [
        ({"status": "error"}, "Run e ended as error.", "error"),
        ({"status": "pending"}, "Run e has not ended yet.", "pending"),
        (
            {
                "status": "failed",
                "errorDetails": {"type": "node_failure", "message": "m", "failedNodeName": "N"},
            },
            "The workflow failed at node “N”: m",
            "node_failure",
        ),
        (
            {"status": "failed", "errorDetails": {"message": "m", "code": "E7"}},
            "The workflow failed: m",
            "E7",
        ),
    ],
)
def test_a_run_without_a_result_says_why(members: dict[str, Any], words: str, code: str) -> None:
    run = Execution.model_validate({"executionId": "e", **members})
    with pytest.raises(errors.ExecutionFailedError) as failure:
        _ = run.result
    assert (failure.value.message, failure.value.code, failure.value.execution) == (words, code, run)
    assert members["status"] in repr(run)
    assert "e" in repr(run)


def test_errors_of_listed_runs_name_the_node() -> None:
    listed = {"executionId": "e", "errorDetails": {"message": "m", "failedNodeName": "N"}}
    assert ExecutionSummary.model_validate(listed).error == "N: m"
    assert ExecutionSummary(execution_id="e").error is None


# --- what is sent ----------------------------------------------------------------------------------


def test_paths_cannot_be_changed_by_ids() -> None:
    assert path("status", "a/../b?x=1#h", "%2e", "..", ".", "é") == (
        "/status/a%2F..%2Fb%3Fx%3D1%23h/%252e/%2E%2E/%2E/%C3%A9"
    )


@settings(deadline=None)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), min_size=1), min_size=1))
def test_every_id_stays_one_segment(ids: list[str]) -> None:
    assert path(*ids).count("/") == len(ids)
    assert not {"?", "#", "\\", " "} & set(path(*ids))
    assert not {".", ".."} & set(path(*ids).split("/"))


def test_bodies_and_secrets_have_no_repr() -> None:
    request = next(iter(API().complete_login("a@example.com", code="482913")))
    assert isinstance(request, Request)
    assert b"482913" in (request.content or b"")
    assert "482913" not in repr(request)
    assert "482913" not in repr(API().complete_login("a@example.com", code="482913"))
    assert KEY not in repr(Response(302, {"location": f"https://x/?api_key={KEY}"}, KEY.encode()))


def test_members_that_were_not_given_are_not_sent() -> None:
    api: Any = API()
    assert api.create_project("P").body == {"name": "P"}
    assert api.complete_signup("a@example.com", code="1").body == {"email": "a@example.com", "code": "1"}
    note = api.upsert_note("p", document_type="brief", content="c", summary="s").body
    assert note["agentId"] is None  # the one null that the platform is sent
    [sent] = islice(
        api.publish_use_case("t", project_id="p", visibility_team_ids=["a"], skip_prod_instance=True), 1
    )
    assert json.loads(sent.content) == {
        "projectId": "p",
        "processDeploymentId": "t",
        "visibilityTeamIds": ["a"],
        "skipAutoCreateProdInstance": True,
    }
    assert api.list_projects(archived=True, limit=5).query == {"archived": "true", "limit": "5"}


def test_a_number_longer_than_python_reads_is_text_and_hides_nothing_else() -> None:
    answer = decoded(b'{"number": ' + b"1" * 5000 + b', "other": 12}')
    assert answer == {"number": "1" * 5000, "other": 12}
    assert decoded(b'{"number": ') is None
