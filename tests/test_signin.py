"""What every answer of the platform means for the next step, without any user interface."""

from __future__ import annotations

import asyncio
import builtins
import getpass
import json
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codika_nb import (
    Client,
    ConfigError,
    OrganizationChoiceError,
    OTPError,
    Profile,
    ProfileStore,
    Sandbox,
    SignIn,
    TransportError,
    asign_in,
    sign_in,
)
from codika_nb.client.steps import Pause, Request, Response, Work
from codika_nb.errors import CodikaError, ConflictError, InvalidRequestError
from codika_nb.profiles import ConfigWarning
from codika_nb.signin.reactions import REACTIONS, Organization, Purpose
from codika_nb.signin.typed import looks_like_an_address, six_digits
from tests.conftest import EMAIL

KEY = "cko_" + "k" * 64
SENT = {"success": True, "data": {"email": EMAIL, "expiresInSeconds": 600}}
BUNDLE = {
    "success": True,
    "data": {
        "organizationId": "org_a",
        "organizationName": "Acme",
        "apiKey": {
            "keyId": "k1",
            "raw": KEY,
            "keyPrefix": KEY[:8],
            "name": "CLI default key",
            "scopes": ["projects:read"],
            "createdAt": "2026-01-31T09:15:00.000Z",
        },
    },
}
Answer = tuple[int, dict[str, Any]]


def no(status: int, code: str, **details: Any) -> Answer:
    error = {"code": code, "message": f"Server says {code}.", "details": details}
    return status, {"success": False, "error": error}


def perform(exchange: Generator[Any, Any, Any], *answers: Answer | Exception) -> list[str]:
    """Drive an exchange with these answers; which endpoints were called."""
    steps, left, called = iter(exchange), list(answers), []
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                step = steps.send(None)
                continue
            if isinstance(step, Work):
                try:
                    step = steps.send(step.do())
                except CodikaError as error:
                    step = steps.throw(error)
                continue
            assert isinstance(step, Request)
            called.append(step.path.lstrip("/"))
            answer = left.pop(0)
            if isinstance(answer, Exception):
                step = steps.throw(answer)
            else:
                step = steps.send(Response(answer[0], {}, json.dumps(answer[1]).encode()))
    except StopIteration:
        assert not left, "not every answer was asked for"
        return called


def at_code(purpose: Purpose, store: ProfileStore | None = None) -> SignIn:
    signin = SignIn(purpose, store=store)
    perform(signin.request_code(EMAIL), (200, SENT))
    assert signin.step == "code"
    return signin


# --- every code of the platform's tables, in both directions ---------------------------------------

REQUEST = {"signup": "clirequestsignupotp", "login": "clirequestloginotp"}
COMPLETE = {"signup": "clicompletesignup", "login": "clicompletelogin"}
BOTH: list[Purpose] = ["signup", "login"]


@pytest.mark.parametrize("purpose", BOTH)
@pytest.mark.parametrize(
    ("answer", "step", "says"),
    [
        (no(400, "EMAIL_REQUIRED"), "email", "Type your e-mail"),
        (no(400, "EMAIL_INVALID"), "email", "not an e-mail address"),
        (no(429, "OTP_RESEND_COOLDOWN", retryInSeconds=17), "code", "another in 17 s"),
        (no(429, "EMAIL_RATE_LIMITED"), "email", "Too many codes were sent to this e-mail"),
        (no(429, "IP_RATE_LIMITED"), "email", "from this network"),
        (no(500, "INTERNAL"), "email", "Try again in a few seconds"),
        (no(418, "SOMETHING_NEW"), "email", "Server says SOMETHING_NEW"),
        (TransportError("Down.", code="network-error", next_action="Look."), "email", "Down. Look."),
        ((200, {"nonsense": True}), "email", "cannot be used"),
    ],
    ids=lambda value: value[1].get("error", {}).get("code") if isinstance(value, tuple) else None,
)
def test_answers_to_asking_for_a_code(
    purpose: Purpose, answer: Answer | Exception, step: str, says: str
) -> None:
    signin = SignIn(purpose)
    assert perform(signin.request_code(EMAIL), answer) == [REQUEST[purpose]]
    assert signin.step == step
    assert signin.email == EMAIL
    assert signin.notice is not None
    assert says in signin.notice.text
    assert signin.error is not None


@pytest.mark.parametrize("purpose", BOTH)
@pytest.mark.parametrize(
    ("answer", "step", "says", "code_lives"),
    [
        (no(400, "OTP_INVALID", attemptsRemaining=1), "code", "1 attempt left", True),
        (no(404, "OTP_NOT_FOUND"), "code", "no code waiting", False),
        (no(410, "OTP_EXPIRED"), "code", "too old", False),
        (no(409, "OTP_ALREADY_USED"), "code", "used already", False),
        (no(429, "OTP_LOCKED_OUT"), "code", "Too many wrong codes", False),
        (no(400, "COMPANY_NAME_TOO_LONG"), "code", "at most 100", True),
        (no(400, "INVALID_EXPIRES_IN_DAYS"), "code", "1 to 365", True),
        (no(400, "ORGANIZATION_CREATION_FAILED"), "code", "Server says", True),
        (no(500, "ORGANIZATION_CREATION_FAILED"), "code", "Try again", True),
        (no(429, "MAX_API_KEYS_REACHED"), "code", "Revoke one", True),
        (no(500, "INTERNAL"), "code", "Try again", True),
        (TransportError("Down.", code="network-error"), "code", "Down.", True),
    ],
    ids=lambda value: value[1].get("error", {}).get("code") if isinstance(value, tuple) else None,
)
def test_answers_to_completing(
    purpose: Purpose, answer: Answer | Exception, step: str, says: str, code_lives: bool
) -> None:
    signin = at_code(purpose)
    assert perform(signin.submit_code("123456"), answer) == [COMPLETE[purpose]]
    assert (signin.step, signin.purpose) == (step, purpose)
    assert signin.notice is not None
    assert says in signin.notice.text
    assert (signin.valid_until is not None) == code_lives
    # Whatever happened, the right code afterwards leads to the end.
    perform(signin.submit_code("123456"), (200, BUNDLE))
    assert signin.step == "done"


@pytest.mark.parametrize("purpose", BOTH)
def test_a_code_completes_what_it_was_sent_for(purpose: Purpose) -> None:
    other = "login" if purpose == "signup" else "signup"
    signin = at_code(purpose)
    other_kind = no(409, "OTP_PURPOSE_MISMATCH")
    assert perform(signin.submit_code("123456"), other_kind, (200, BUNDLE)) == [
        COMPLETE[purpose],
        COMPLETE[other],
    ]
    assert signin.step == "done"
    # A platform that says so of both kinds is asked once each way.
    signin = at_code(purpose)
    perform(signin.submit_code("123456"), other_kind, other_kind)
    assert (signin.step, signin.valid_until) == ("code", None)
    assert signin.notice is not None
    assert "something else" in signin.notice.text
    perform(signin.submit_code("123456"), (200, BUNDLE))
    assert signin.step == "done"


SWITCHES: list[tuple[Purpose, Purpose, Answer]] = [
    ("signup", "login", no(409, "USER_ALREADY_HAS_ORGANIZATION")),
    ("login", "signup", no(404, "USER_NOT_FOUND")),
    ("login", "signup", no(409, "USER_HAS_NO_ORGANIZATION")),
]


@pytest.mark.parametrize(("first", "then", "answer"), SWITCHES)
def test_the_account_decides_between_signing_up_and_logging_in(
    first: Purpose, then: Purpose, answer: Answer
) -> None:
    signin = SignIn(first)
    assert perform(signin.request_code(EMAIL), answer, (200, SENT)) == [REQUEST[first], REQUEST[then]]
    assert (signin.purpose, signin.step) == (then, "code")
    assert signin.notice is not None
    assert signin.notice.kind == "info"


@pytest.mark.parametrize(("first", "then", "answer"), SWITCHES)
def test_it_may_also_decide_late(first: Purpose, then: Purpose, answer: Answer) -> None:
    signin = at_code(first)
    assert perform(signin.submit_code("123456"), answer, (200, SENT)) == [COMPLETE[first], REQUEST[then]]
    assert (signin.purpose, signin.step) == (then, "code")
    perform(signin.submit_code("654321"), (200, BUNDLE))
    assert signin.step == "done"


@pytest.mark.parametrize(("first", "then", "answer"), SWITCHES)
def test_deciding_late_within_the_cooldown_says_what_to_wait_for(
    first: Purpose, then: Purpose, answer: Answer
) -> None:
    signin = at_code(first)
    perform(signin.submit_code("123456"), answer, no(429, "OTP_RESEND_COOLDOWN", retryInSeconds=20))
    assert (signin.purpose, signin.step) == (then, "code")
    assert signin.notice is not None
    assert "new code" in signin.notice.text
    assert "type that one" not in signin.notice.text
    assert signin.resend_at is not None


def test_a_platform_that_contradicts_itself_is_asked_once_each_way() -> None:
    signin = SignIn("signup")
    has, has_not = no(409, "USER_ALREADY_HAS_ORGANIZATION"), no(409, "USER_HAS_NO_ORGANIZATION")
    called = perform(signin.request_code(EMAIL), has, has_not, has)
    assert called == [REQUEST["signup"], REQUEST["login"], REQUEST["signup"]]
    assert signin.step == "email"
    assert signin.notice is not None
    assert "contradicts itself" in signin.notice.text


def test_choosing_an_organization_uses_the_same_code() -> None:
    choice = [{"id": "org_a", "name": "Acme"}, {"id": "org_b", "name": "Acme"}]
    signin = at_code("login")
    perform(signin.submit_code("012345"), no(409, "MULTIPLE_ORGANIZATIONS", organizations=choice))
    assert signin.step == "organization"
    assert signin.organizations == [Organization("org_a", "Acme"), Organization("org_b", "Acme")]
    fresh = [{"id": "org_c", "name": "New"}]
    perform(signin.choose_organization("org_b"), no(403, "ORGANIZATION_NOT_MEMBER", organizations=fresh))
    assert (signin.step, signin.organizations) == ("organization", [Organization("org_c", "New")])
    steps = iter(signin.choose_organization("org_c"))
    request = next(steps)
    assert isinstance(request, Request)
    assert json.loads(request.content or b"") == {"email": EMAIL, "code": "012345", "organizationId": "org_c"}


def test_organizations_gone_in_between_lead_to_a_signup() -> None:
    signin = at_code("login")
    perform(signin.submit_code("123456"), no(409, "USER_HAS_NO_ORGANIZATION"), (200, SENT))
    assert (signin.purpose, signin.step) == ("signup", "code")


def test_every_code_of_the_table_is_walked_here() -> None:
    text = Path(__file__).read_text()
    assert [code for code in REACTIONS if f'"{code}"' not in text and code != "invalid-response"] == []


# --- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("123456", "123456"),
        (" 012 345\n", "012345"),
        ("012-345", "012345"),
        ("Your code is 012 345. It works for 10 minutes.", "012345"),
        ("1 2 3 4 5 6", "123456"),
        ("12345", None),
        ("1234567", None),
        ("abcdef", None),
        ("", None),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", "123456"),
        ("123456 or 654321", None),
        ("123\u200b456\u2060", "123456"),
        ("\u200f\u0660\u0661\u0662\u202c-\u0663\u0664\u0665", "012345"),
    ],
)
def test_six_digits(typed: str, digits: str | None) -> None:
    assert six_digits(typed) == digits


@pytest.mark.parametrize("text", ["ada@example.com", "a+b@x.co.uk", "ü@münchen.example"])
def test_addresses(text: str) -> None:
    assert looks_like_an_address(text)


@pytest.mark.parametrize("text", ["", "ada", "@x.y", "a@b", "a b@c.de", "a@b..c", "a@b.c d"])
def test_no_addresses(text: str) -> None:
    assert not looks_like_an_address(text)


@pytest.mark.parametrize("days", [0, -1, 366])
def test_days_out_of_range_are_refused_before_anything_is_sent(days: int) -> None:
    with pytest.raises(ConfigError, match="1 to 365"):
        SignIn(key_expires_in=days)


@pytest.mark.parametrize("email", [None, 5, ""])
def test_no_address_at_all(email: Any) -> None:
    signin = SignIn("signup", email=email)
    assert perform(signin.request_code(email)) == []
    assert signin.notice
    assert signin.notice.code == "EMAIL_REQUIRED"


def test_nothing_secret_shows() -> None:
    signin = at_code("signup")
    perform(signin.submit_code("123456"), (500, {}))
    perform(signin.submit_code("123456"), (200, BUNDLE))
    assert "123456" not in repr(vars(signin))
    assert KEY not in repr(vars(signin)) + repr(signin)


# --- keeping the profile ----------------------------------------------------------------------------


def test_a_file_that_cannot_be_written_is_found_out_before_the_code_is_used(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    signin = at_code("signup", ProfileStore(blocked / "codika" / "config.json"))
    assert perform(signin.submit_code("123456")) == []
    assert isinstance(signin.error, ConfigError)
    assert signin.step == "code"


@pytest.mark.parametrize("name", ["a/b", "", " ", "-x", "constructor", "x" * 101, "a\nb"])
def test_what_cannot_name_a_profile_is_refused_before_anything_is_sent(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a profile"):
        SignIn("signup", name=name)


def test_a_name_that_is_another_accounts_does_not_cost_the_key(tmp_path: Path, own_settings: Path) -> None:
    store = ProfileStore(tmp_path / "config.json")
    store.save(Profile("cko_other", organization_id="org_b", organization_name="Beta"), name="mine")
    signin = SignIn("signup", store=store, name="mine")
    perform(signin.request_code(EMAIL), (200, SENT))
    perform(signin.submit_code("123456"), (200, BUNDLE))
    assert signin.profile == store.get("acme")
    assert store.get("acme").api_key == KEY
    assert store.get("mine").api_key == "cko_other"
    assert signin.notice
    assert "another organization, 'Beta'" in signin.notice.text
    assert "'acme'" in signin.notice.text
    assert signin.document()["data"]["profileName"] == "acme"


def test_without_a_store_the_key_stays_in_memory(own_settings: Path) -> None:
    signin = at_code("signup")
    perform(signin.submit_code("123456"), (200, BUNDLE))
    assert signin.profile is not None
    assert signin.profile.api_key == KEY
    assert not list(own_settings.rglob("config.json"))


# --- the recipe for scripts ---------------------------------------------------------------------------

Script = Callable[..., Profile]


@pytest.fixture(params=["sync", "async"])
def script(request: pytest.FixtureRequest) -> Script:
    if request.param == "sync":
        return sign_in
    return lambda *args, **options: asyncio.run(asign_in(*args, **options))


def test_recipe_signs_up_then_logs_in(script: Script, sandbox: Sandbox) -> None:
    first = script(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme")
    assert first.name == "acme"
    sandbox.clock.advance(31)
    again = script(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    assert (again.name, again.organization_id) == ("acme", first.organization_id)
    assert again.api_key != first.api_key
    with Client() as client:
        assert client.verify_key().organization_name == "Acme"


def test_recipe_asks_again_after_a_wrong_code(script: Script, sandbox: Sandbox) -> None:
    asked: list[str] = []

    def ask(email: str) -> str:
        asked.append(email)
        right = sandbox.code_for(email)
        return right if len(asked) > 2 else f"{(int(right) + 1) % 1_000_000:06}"

    assert script(EMAIL, ask_code=ask, base_url=sandbox.url)
    assert asked == [EMAIL] * 3


@pytest.mark.parametrize("prompt", [(builtins, "input"), (getpass, "getpass")])
def test_a_prompt_of_pythons_is_told_what_is_asked(
    script: Script, sandbox: Sandbox, prompt: tuple[ModuleType, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        right = sandbox.code_for(EMAIL)
        return right if len(asked) > 1 else f"{(int(right) + 1) % 1_000_000:06}"

    monkeypatch.setattr(*prompt, ask)
    assert script(EMAIL, ask_code=getattr(*prompt), base_url=sandbox.url)
    question = f"Six-digit code sent to {EMAIL}: "
    assert asked[0] == question
    assert "4 attempts left" in asked[1]
    assert asked[1].endswith(question)


def test_recipe_gives_up_on_no_code_at_all(script: Script, sandbox: Sandbox) -> None:
    with pytest.raises((OTPError, InvalidRequestError)):
        script(EMAIL, ask_code=lambda email: "none", base_url=sandbox.url)


def test_recipe_says_what_a_script_does_next(script: Script, sandbox: Sandbox) -> None:
    def wrong(email: str) -> str:
        return f"{(int(sandbox.code_for(email)) + 1) % 1_000_000:06}"

    with pytest.raises(OTPError) as refused:
        script(EMAIL, ask_code=wrong, base_url=sandbox.url)
    assert "sign_in" in (refused.value.next_action or "")
    assert "signup-request" not in str(refused.value)


def test_recipe_lets_the_caller_choose_the_organization(script: Script, sandbox: Sandbox) -> None:
    for name in ("Acme", "Beta"):
        sandbox.add_organization(EMAIL, name)
    with pytest.raises(OrganizationChoiceError) as refused:
        script(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    assert {o["name"] for o in refused.value.organizations} == {"Acme", "Beta"}
    assert "Give organization_id, one of: org_" in (refused.value.next_action or "")
    sandbox.clock.advance(31)
    with pytest.raises(OrganizationChoiceError) as refused:
        script(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, organization_id="org_other")
    assert "(Acme)" in (refused.value.next_action or "")
    assert "login-complete" not in str(refused.value)
    sandbox.clock.advance(31)
    chosen = script(
        EMAIL,
        ask_code=sandbox.code_for,
        ask_organization=lambda choices: next(o.id for o in choices if o.name == "Beta"),
        base_url=sandbox.url,
    )
    assert chosen.organization_name == "Beta"


def test_recipe_says_under_which_name_a_profile_is_saved(script: Script, sandbox: Sandbox) -> None:
    options = {"ask_code": sandbox.code_for, "base_url": sandbox.url}
    script(EMAIL, company="Acme", **options)
    with pytest.warns(ConfigWarning, match="another organization, 'Acme'.*called 'beta'"):
        profile = script("bob@example.com", company="Beta", name="acme", **options)
    assert profile == ProfileStore().get("beta")


def test_recipe_stops_at_what_cannot_be_helped(script: Script, sandbox: Sandbox) -> None:
    with pytest.raises(InvalidRequestError, match="not an e-mail"):
        script("nobody", ask_code=sandbox.code_for, base_url=sandbox.url)
    with pytest.raises(TransportError):
        script(EMAIL, ask_code=sandbox.code_for, base_url="http://127.0.0.1:9")
    organization = sandbox.add_organization(EMAIL, "Full")
    for _ in range(20):
        sandbox.clock.advance(400)
        script(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, organization_id=organization)
    sandbox.clock.advance(400)
    with pytest.raises(ConflictError) as refused:
        script(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    assert refused.value.code == "MAX_API_KEYS_REACHED"


async def code_from_elsewhere(sandbox: Sandbox, email: str) -> str:
    await asyncio.sleep(0)
    return sandbox.code_for(email)


def test_questions_of_the_async_recipe_may_be_awaited(sandbox: Sandbox) -> None:
    ask = lambda email: code_from_elsewhere(sandbox, email)  # noqa: E731
    assert asyncio.run(asign_in(EMAIL, ask_code=ask, base_url=sandbox.url)).name == "my-organization"
