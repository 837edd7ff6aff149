"""The sandbox's codes, limits, organizations and keys: every rule, also when many come at once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from codika_nb import SignIn
from codika_nb.sandbox import Sandbox

from .test_sandbox import Account, Platform, StillClock, error_of, new_email

DEFAULT_SCOPES = [
    "deploy:use-case",
    "projects:create",
    "workflows:trigger",
    "executions:read",
    "instances:read",
    "instances:manage",
    "skills:read",
    "integrations:manage",
    "api-keys:manage",
    "projects:read",
]
DAY = 24 * 60 * 60


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Sandbox(clock=StillClock(), ip_limit=10**6) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            yield platform


@pytest.fixture
def account(platform: Platform) -> Account:
    return platform.sign_up()


def request(platform: Platform, purpose: str, email: str) -> httpx.Response:
    return platform.post(f"/clirequest{purpose}otp", {"email": email})


def complete(platform: Platform, purpose: str, email: str, code: str, **more: Any) -> httpx.Response:
    return platform.post(f"/clicomplete{purpose}", {"email": email, "code": code, **more})


def pending(platform: Platform, purpose: str = "signup") -> tuple[str, str]:
    """An address with a pending code, and the code."""
    email = new_email() if purpose == "signup" else platform.sign_up().email
    assert request(platform, purpose, email).status_code == 200
    return email, platform.sandbox.code_for(email)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def at_once(times: int, action: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(max_workers=50) as pool:
        return list(pool.map(action, range(times)))


# --- requests -----------------------------------------------------------------------------


def test_an_address_with_something_unseen_in_it_is_the_same_account(platform: Platform) -> None:
    account = platform.sign_up()
    refused = platform.post("/clirequestsignupotp", {"email": f"{account.email}\u200b"})
    assert error_of(refused) == (409, "USER_ALREADY_HAS_ORGANIZATION")
    assert SignIn("login", email=f"\u2060{account.email}\u200b", base_url="http://x").email == account.email


def test_a_code_has_six_digits_and_lives_ten_minutes(platform: Platform) -> None:
    email = new_email()
    answer = request(platform, "signup", f"  {email.upper()} ")
    assert answer.json() == {"success": True, "data": {"email": email, "expiresInSeconds": 600}}
    mail = platform.sandbox.inbox[0]
    assert mail.to == email
    assert len(mail.code) == 6
    assert mail.code.isdigit()


@pytest.mark.parametrize("purpose", ["signup", "login"])
@pytest.mark.parametrize(
    ("email", "code"),
    [
        (None, "EMAIL_REQUIRED"),
        ("", "EMAIL_REQUIRED"),
        ("  \t", "EMAIL_REQUIRED"),
        ("ada", "EMAIL_INVALID"),
        ("ada@example", "EMAIL_INVALID"),
        ("ada@@example.com", "EMAIL_INVALID"),
        ("ada @example.com", "EMAIL_INVALID"),
        ("ada@example.com\nBcc: grace@example.com", "EMAIL_INVALID"),
        ("ada,grace@example.com", "EMAIL_INVALID"),
        ("<ada@example.com>", "EMAIL_INVALID"),
        ("ada@example.com\ud800", "EMAIL_INVALID"),
        ("a" * 65 + "@example.com", "EMAIL_INVALID"),
        ("ada@" + "example." * 40 + "com", "EMAIL_INVALID"),
        (42, "EMAIL_INVALID"),
        (["ada@example.com"], "EMAIL_INVALID"),
    ],
)
def test_addresses_are_checked(platform: Platform, purpose: str, email: Any, code: str) -> None:
    for path in (f"/clirequest{purpose}otp", f"/clicomplete{purpose}"):
        answer = platform.post(path, {"email": email, "code": "123456"})
        assert error_of(answer) == (400, code)
        assert answer.json()["error"]["nextAction"]


def test_the_next_code_takes_thirty_seconds(platform: Platform) -> None:
    email, first = pending(platform)
    for elapsed, wait in ((0, 30), (0.5, 30), (28.5, 1), (0.999, 1)):
        platform.sandbox.clock.advance(elapsed)
        for purpose in ("signup", "login"):
            answer = request(platform, purpose, f" {email.upper()}")
            assert error_of(answer) == (429, "OTP_RESEND_COOLDOWN")
            assert answer.json()["error"]["details"] == {"retryInSeconds": wait}
            assert answer.headers["retry-after"] == str(wait)
    assert len([mail for mail in platform.sandbox.inbox if mail.to == email]) == 1
    platform.sandbox.clock.advance(0.001)
    assert request(platform, "signup", email).status_code == 200
    second = platform.sandbox.code_for(email)
    if first != second:
        assert error_of(complete(platform, "signup", email, first)) == (400, "OTP_INVALID")
    assert complete(platform, "signup", email, second).status_code == 200


def test_twenty_codes_an_hour_for_an_address_however_it_is_spelled(platform: Platform) -> None:
    email = platform.sign_up().email  # the first of the twenty
    for number in range(1, 20):
        platform.sandbox.clock.advance(30)
        spelled = email.upper() if number % 2 else f" {email} "
        # A refused purpose counts as well: asking whether an account exists has its price.
        purpose, status = ("signup", 409) if number % 3 == 0 else ("login", 200)
        assert request(platform, purpose, spelled).status_code == status
    platform.sandbox.clock.advance(30)
    for purpose in ("signup", "login"):
        answer = request(platform, purpose, email)
        assert error_of(answer) == (429, "EMAIL_RATE_LIMITED")
        assert "details" not in answer.json()["error"]
    assert request(platform, "signup", new_email()).status_code == 200


def test_the_hour_slides(platform: Platform) -> None:
    email = new_email()
    for _ in range(20):
        assert request(platform, "signup", email).status_code == 200
        platform.sandbox.clock.advance(30)
    platform.sandbox.clock.advance(3600 - 20 * 30 - 1)
    refused = request(platform, "signup", email)
    assert error_of(refused) == (429, "EMAIL_RATE_LIMITED")
    assert refused.headers["retry-after"] == "1"
    platform.sandbox.clock.advance(1)
    assert request(platform, "signup", email).status_code == 200
    platform.sandbox.clock.advance(29.9)
    assert error_of(request(platform, "signup", email)) == (429, "OTP_RESEND_COOLDOWN")


def test_requests_in_the_cooldown_do_not_count(platform: Platform) -> None:
    email = new_email()
    for _ in range(20):
        assert request(platform, "signup", email).status_code == 200
        for _ in range(3):
            assert error_of(request(platform, "signup", email)) == (429, "OTP_RESEND_COOLDOWN")
        platform.sandbox.clock.advance(30)
    assert error_of(request(platform, "signup", email)) == (429, "EMAIL_RATE_LIMITED")


def test_sixty_codes_an_hour_for_an_ip_also_at_once() -> None:
    with Sandbox(clock=StillClock()) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            answers = at_once(80, lambda _: request(platform, "signup", new_email()))
            assert Counter(answer.status_code for answer in answers) == {200: 60, 429: 20}
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert error_of(refused) == (429, "IP_RATE_LIMITED")
            assert len(sandbox.inbox) == 60
            sandbox.clock.advance(3600)
            assert request(platform, "signup", new_email()).status_code == 200


@pytest.mark.parametrize(("proxy", "separate"), [("127.0.0.1", True), ("192.0.2.1", False), (None, False)])
def test_addresses_behind_a_proxy_count_apart_if_it_is_trusted(proxy: str | None, separate: bool) -> None:
    with Sandbox(clock=StillClock(), ip_limit=1, trusted_proxy=proxy) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            for number, status in ((1, 200), (2, 200 if separate else 429)):
                forwarded = {"X-Forwarded-For": f"198.51.100.9, 203.0.113.{number}"}
                body = {"email": new_email()}
                assert platform.post("/clirequestsignupotp", body, **forwarded).status_code == status


@pytest.mark.parametrize(
    ("domain", "spellings"),
    [
        ("b\u00fccher.example", ["bu\u0308cher.example", "xn--bcher-kva.example", "B\u00dcCHER.example"]),
        ("b\u00fccher.example", ["XN--BCHER-KVA.example", "\uff42\u00fccher\u3002example"]),
        ("a.stra\u00dfe.example", ["a.xn--strae-oqa.example", "A.STRA\u1e9eE.example"]),
        ("\u03b2\u03cc\u03bb\u03bf\u03c2.example", ["xn--nxasmm1c.example"]),
        ("i\u2764.example", ["xn--i-7iq.example", "i\u2764\ufe0f.example"]),
    ],
)
def test_spellings_of_a_domain_are_one_address(platform: Platform, domain: str, spellings: list[str]) -> None:
    person = new_email().partition("@")[0]
    assert request(platform, "signup", f"{person}@{domain}").status_code == 200
    for spelling in spellings:
        refused = request(platform, "signup", f"{person}@{spelling}")
        assert error_of(refused) == (429, "OTP_RESEND_COOLDOWN")
        assert platform.sandbox.code_for(f"{person}@{spelling}")


def test_no_organization_is_not_every_key_without_one(platform: Platform) -> None:
    key = platform.sandbox.personal_key(new_email())
    missing: Any = None
    platform.sandbox.remove_organization(missing)
    assert platform.post("/verifyapikey", key=key).status_code == 200


def test_two_domains_are_two_addresses(platform: Platform) -> None:
    person = new_email().partition("@")[0]
    for domain in ("stra\u00dfe.example", "strasse.example"):
        assert request(platform, "signup", f"{person}@{domain}").status_code == 200


@pytest.mark.parametrize(
    "lines",
    [
        [("198.51.100.{n}", "2.2.2.2")],
        [("198.51.100.{n}",), ("2.2.2.2",)],
        [("2.2.2.2:500{n}",)],
        [("::ffff:2.2.2.2",)],
        [("unknown, 2.2.2.2:50{n}",)],
    ],
)
def test_nobody_counts_apart_by_what_they_send_along(lines: list[tuple[str, ...]]) -> None:
    with (
        Sandbox(clock=StillClock(), ip_limit=2, trusted_proxy="127.0.0.1") as sandbox,
        httpx.Client(trust_env=False) as http,
    ):
        found = []
        for n in range(5):
            headers = [("X-Forwarded-For", ", ".join(line).format(n=n)) for line in lines]
            body = {"email": new_email()}
            asked = http.post(f"{sandbox.url}/clirequestsignupotp", json=body, headers=headers)
            found.append(asked.status_code)
        assert found == [200, 200, 429, 429, 429]


def test_the_other_purpose_is_named_and_can_follow_at_once(platform: Platform, account: Account) -> None:
    refused = request(platform, "signup", account.email)
    assert error_of(refused) == (409, "USER_ALREADY_HAS_ORGANIZATION")
    assert refused.json()["error"]["nextAction"] == "Run login-request instead."
    assert request(platform, "login", account.email).status_code == 200

    stranger = new_email()
    refused = request(platform, "login", stranger)
    assert error_of(refused) == (404, "USER_NOT_FOUND")
    assert refused.json()["error"]["nextAction"] == "Run signup-request instead."
    assert request(platform, "signup", stranger).status_code == 200


def test_an_account_without_organization_is_sent_to_signup(platform: Platform, account: Account) -> None:
    platform.sandbox.remove_organization(account.organization_id)
    assert error_of(request(platform, "login", account.email)) == (409, "USER_HAS_NO_ORGANIZATION")
    assert request(platform, "signup", account.email).status_code == 200
    code = platform.sandbox.code_for(account.email)
    data = complete(platform, "signup", account.email, code).json()["data"]
    assert data["isNewUser"] is False
    assert error_of(platform.post("/verifyapikey", key=account.key)) == (401, "UNAUTHORIZED")


def test_only_one_of_many_requests_at_once_sends_a_code(platform: Platform) -> None:
    email = new_email()
    answers = at_once(40, lambda _: request(platform, "signup", email))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 429: 39}
    assert len([mail for mail in platform.sandbox.inbox if mail.to == email]) == 1


# --- codes --------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["signup", "login"])
def test_five_wrong_guesses_delete_the_code(platform: Platform, purpose: str) -> None:
    email, code = pending(platform, purpose)
    for left in (4, 3, 2, 1):
        answer = complete(platform, purpose, email, wrong(code))
        assert error_of(answer) == (400, "OTP_INVALID")
        assert answer.json()["error"]["details"] == {"attemptsRemaining": left}
    assert error_of(complete(platform, purpose, email, wrong(code))) == (429, "OTP_LOCKED_OUT")
    assert error_of(complete(platform, purpose, email, code)) == (429, "OTP_LOCKED_OUT")
    # A lockout is no way around the pause between two mails, and does not end with the code's life.
    assert error_of(request(platform, purpose, email)) == (429, "OTP_RESEND_COOLDOWN")
    platform.sandbox.clock.advance(3600)
    assert error_of(complete(platform, purpose, email, code)) == (429, "OTP_LOCKED_OUT")
    assert request(platform, purpose, email).status_code == 200
    fresh = platform.sandbox.code_for(email)
    answer = complete(platform, purpose, email, wrong(fresh))
    assert answer.json()["error"]["details"] == {"attemptsRemaining": 4}
    assert complete(platform, purpose, email, fresh).status_code == 200


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "１２３４５６", "\ud800", None, 123456, [], {}]
)
def test_what_is_no_code_is_a_wrong_code(platform: Platform, code: Any) -> None:
    email, right = pending(platform)
    answer = complete(platform, "signup", email, code)
    if str(code) != right:
        assert error_of(answer) == (400, "OTP_INVALID")
        assert answer.json()["error"]["details"] == {"attemptsRemaining": 4}


def test_two_hundred_guesses_at_once_are_compared_five_times_at_most(platform: Platform) -> None:
    email, code = pending(platform)
    answers = at_once(200, lambda _: complete(platform, "signup", email, wrong(code)))
    left = [
        answer.json()["error"]["details"]["attemptsRemaining"]
        for answer in answers
        if error_of(answer) == (400, "OTP_INVALID")
    ]
    assert sorted(left) == [1, 2, 3, 4]
    assert Counter(error_of(answer)[1] for answer in answers)["OTP_LOCKED_OUT"] == 196


def test_of_fifty_right_codes_at_once_exactly_one_wins(platform: Platform) -> None:
    email, code = pending(platform)
    answers = at_once(50, lambda _: complete(platform, "signup", email, code))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
    assert {error_of(a)[1] for a in answers if a.status_code == 409} == {"OTP_ALREADY_USED"}


def test_a_code_expires_after_ten_minutes(platform: Platform) -> None:
    email, code = pending(platform)
    platform.sandbox.clock.advance(599.999)
    assert error_of(complete(platform, "signup", email, wrong(code))) == (400, "OTP_INVALID")
    platform.sandbox.clock.advance(0.001)
    answer = complete(platform, "signup", email, code)
    assert error_of(answer) == (410, "OTP_EXPIRED")
    assert answer.json()["error"]["nextAction"] == "Run signup-request again."


@pytest.mark.parametrize("back", [1, 3600, 10**8])
def test_a_clock_that_is_set_back_lengthens_neither_waits_nor_lives(back: int) -> None:
    with Sandbox(clock=StillClock(), ip_limit=2) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            email, code = pending(platform)
            pending(platform)
            sandbox.clock.advance(-back)
            assert error_of(complete(platform, "signup", email, code)) == (410, "OTP_EXPIRED")
            # Neither the cooldown nor the hour of the limit has to pass again.
            answer = platform.post("/clirequestsignupotp", {"email": email})
            assert answer.status_code == 200
            assert complete(platform, "signup", email, sandbox.code_for(email)).status_code == 200


def test_a_code_is_good_to_its_last_moment(platform: Platform) -> None:
    email, code = pending(platform)
    platform.sandbox.clock.advance(599.999)
    assert complete(platform, "signup", email, code).status_code == 200


@pytest.mark.parametrize("purpose", ["signup", "login"])
def test_a_used_code_stays_used(platform: Platform, purpose: str) -> None:
    email, code = pending(platform, purpose)
    assert complete(platform, purpose, email, code).status_code == 200
    platform.sandbox.clock.advance(700)
    for other in ("signup", "login"):
        assert error_of(complete(platform, other, email, code)) == (409, "OTP_ALREADY_USED")


def test_without_a_request_there_is_no_code(platform: Platform) -> None:
    for purpose in ("signup", "login"):
        answer = complete(platform, purpose, new_email(), "123456")
        assert error_of(answer) == (404, "OTP_NOT_FOUND")
        assert answer.json()["error"]["nextAction"] == f"Run {purpose}-request again."


@pytest.mark.parametrize(("purpose", "other"), [("signup", "login"), ("login", "signup")])
def test_a_code_serves_its_purpose_only(platform: Platform, purpose: str, other: str) -> None:
    email, code = pending(platform, purpose)
    for guess in (code, wrong(code)):  # the answer says nothing about the code
        assert error_of(complete(platform, other, email, guess)) == (409, "OTP_PURPOSE_MISMATCH")
    assert complete(platform, purpose, email, code).status_code == 200


def test_a_code_of_one_address_is_no_good_for_another(platform: Platform) -> None:
    first, _ = pending(platform)
    _, code = pending(platform)
    if code != platform.sandbox.code_for(first):
        assert error_of(complete(platform, "signup", first, code)) == (400, "OTP_INVALID")


def test_a_code_is_accepted_with_space_around_and_any_spelling_of_the_address(platform: Platform) -> None:
    email, code = pending(platform)
    assert complete(platform, "signup", f" {email.upper()}", f" {code}\n").status_code == 200


# --- signing up ---------------------------------------------------------------------------


def test_signing_up_makes_user_organization_and_key(platform: Platform) -> None:
    email, code = pending(platform)
    data = complete(platform, "signup", email, code).json()["data"]
    assert set(data) == {"organizationId", "organizationName", "isNewUser", "apiKey"}
    assert data["organizationId"].startswith("org_")
    assert data["organizationName"] == "My Organization"
    assert data["isNewUser"] is True
    key = data["apiKey"]
    assert set(key) == {"keyId", "raw", "keyPrefix", "name", "scopes", "createdAt"}
    assert key["name"] == "CLI default key"
    assert key["scopes"] == DEFAULT_SCOPES
    assert key["createdAt"] == "2026-01-31T09:15:00.000Z" or key["createdAt"].endswith("Z")
    assert key["raw"].startswith("cko_")
    assert len(key["raw"]) == 68
    assert key["keyPrefix"] == key["raw"][:8]


def test_names_and_expiry_can_be_chosen(platform: Platform) -> None:
    email, code = pending(platform)
    wishes = {
        "company": {"name": "Société Générale", "description": "Banks"},
        "apiKey": {"name": "CI", "expiresInDays": 365},
    }
    now = platform.sandbox.clock.now().timestamp()
    data = complete(platform, "signup", email, code, **wishes).json()["data"]
    assert data["organizationName"] == "Société Générale"
    assert data["apiKey"]["name"] == "CI"
    verified = platform.data("/verifyapikey", key=data["apiKey"]["raw"])
    assert verified["expiresAt"] == data["apiKey"]["expiresAt"]
    platform.sandbox.clock.advance(365 * DAY - 1)
    assert platform.post("/verifyapikey", key=data["apiKey"]["raw"]).status_code == 200
    platform.sandbox.clock.advance(1)
    assert platform.sandbox.clock.now().timestamp() == now + 365 * DAY
    assert error_of(platform.post("/verifyapikey", key=data["apiKey"]["raw"])) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("wishes", "status", "error"),
    [
        ({"company": {"name": "x" * 101}}, 400, "COMPANY_NAME_TOO_LONG"),
        ({"company": {"name": "x"}}, 400, "ORGANIZATION_CREATION_FAILED"),
        ({"company": {"name": 7}}, 400, "INVALID_REQUEST"),
        ({"company": "Acme"}, 400, "INVALID_REQUEST"),
        ({"apiKey": {"expiresInDays": 0}}, 400, "INVALID_EXPIRES_IN_DAYS"),
        ({"apiKey": {"expiresInDays": 366}}, 400, "INVALID_EXPIRES_IN_DAYS"),
        ({"apiKey": {"expiresInDays": -1}}, 400, "INVALID_EXPIRES_IN_DAYS"),
        ({"apiKey": {"expiresInDays": 1.5}}, 400, "INVALID_EXPIRES_IN_DAYS"),
        ({"apiKey": {"expiresInDays": "30"}}, 400, "INVALID_EXPIRES_IN_DAYS"),
        ({"apiKey": {"expiresInDays": True}}, 400, "INVALID_EXPIRES_IN_DAYS"),
        ({"apiKey": {"expiresInDays": None}}, 400, "INVALID_EXPIRES_IN_DAYS"),
        ({"apiKey": {"name": "x" * 101}}, 400, "INVALID_REQUEST"),
    ],
)
def test_input_errors_leave_the_code_as_it_is(
    platform: Platform, wishes: dict[str, Any], status: int, error: str
) -> None:
    for purpose in ("signup", "login") if "apiKey" in wishes else ("signup",):
        email, code = pending(platform, purpose)
        assert error_of(complete(platform, purpose, email, code, **wishes)) == (status, error)
        better = {"company": {"name": "x" * 100}, "apiKey": {"name": "x" * 100, "expiresInDays": 1}}
        assert complete(platform, purpose, email, code, **better).status_code == 200


def test_whoever_raced_to_an_organization_is_sent_to_login_at_once(platform: Platform) -> None:
    email, code = pending(platform)
    platform.sandbox.add_organization(email, "Faster")
    answer = complete(platform, "signup", email, code)
    assert error_of(answer) == (409, "USER_ALREADY_HAS_ORGANIZATION")
    assert request(platform, "login", email).status_code == 200


# --- logging in ---------------------------------------------------------------------------


def test_every_login_makes_one_more_key(platform: Platform, account: Account) -> None:
    assert request(platform, "login", account.email).status_code == 200  # right after the signup
    data = complete(platform, "login", account.email, platform.sandbox.code_for(account.email)).json()["data"]
    assert set(data) == {"organizationId", "organizationName", "apiKey"}
    assert data["organizationId"] == account.organization_id
    for key in (account.key, data["apiKey"]["raw"]):
        assert platform.data("/verifyapikey", key=key)["organizationId"] == account.organization_id


def test_one_of_several_organizations_has_to_be_chosen(platform: Platform, account: Account) -> None:
    second = platform.sandbox.add_organization(account.email.upper(), "Beta Corp")
    foreign = platform.sign_up().organization_id
    request(platform, "login", account.email)
    code = platform.sandbox.code_for(account.email)
    organizations = [
        {"id": account.organization_id, "name": "Acme, Inc."},
        {"id": second, "name": "Beta Corp"},
    ]
    for _ in range(6):  # more often than there are attempts
        answer = complete(platform, "login", account.email, code)
        assert error_of(answer) == (409, "MULTIPLE_ORGANIZATIONS")
        assert answer.json()["error"]["details"] == {"organizations": organizations}
        answer = complete(platform, "login", account.email, code, organizationId=foreign)
        assert error_of(answer) == (403, "ORGANIZATION_NOT_MEMBER")
        assert answer.json()["error"]["details"] == {"organizations": organizations}
    data = complete(platform, "login", account.email, code, organizationId=second).json()["data"]
    assert (data["organizationId"], data["organizationName"]) == (second, "Beta Corp")
    assert error_of(complete(platform, "login", account.email, code, organizationId=second)) == (
        409,
        "OTP_ALREADY_USED",
    )


def test_organizations_can_vanish_between_request_and_complete(platform: Platform, account: Account) -> None:
    request(platform, "login", account.email)
    code = platform.sandbox.code_for(account.email)
    platform.sandbox.remove_organization(account.organization_id)
    answer = complete(platform, "login", account.email, code)
    assert error_of(answer) == (409, "USER_HAS_NO_ORGANIZATION")
    assert answer.json()["error"]["nextAction"] == "Run signup-request instead."
    assert request(platform, "signup", account.email).status_code == 200


def test_an_organization_has_twenty_active_keys_at_most(platform: Platform, account: Account) -> None:
    wishes = {"organizationId": account.organization_id, "name": "CI", "scopes": ["projects:read"]}
    answers = at_once(30, lambda _: platform.post("/createorganizationapikeypublic", wishes, account.key))
    assert Counter(answer.status_code for answer in answers) == {200: 19, 429: 11}
    made = [answer.json()["data"] for answer in answers if answer.status_code == 200]
    request(platform, "login", account.email)
    code = platform.sandbox.code_for(account.email)
    for _ in range(6):
        assert error_of(complete(platform, "login", account.email, code)) == (429, "MAX_API_KEYS_REACHED")
    platform.sandbox.revoke_key(made[0]["keyId"])
    assert error_of(platform.post("/verifyapikey", key=made[0]["apiKey"])) == (401, "UNAUTHORIZED")
    assert complete(platform, "login", account.email, code).status_code == 200


def test_expired_keys_make_room(platform: Platform, account: Account) -> None:
    wishes = {"organizationId": account.organization_id, "name": "CI", "scopes": ["projects:read"]}
    for _ in range(19):
        platform.data("/createorganizationapikeypublic", {**wishes, "expiresInDays": 1}, account.key)
    full = platform.post("/createorganizationapikeypublic", wishes, account.key)
    assert error_of(full) == (429, "MAX_API_KEYS_REACHED")
    platform.sandbox.clock.advance(DAY)
    platform.data("/createorganizationapikeypublic", wishes, account.key)


# --- keys ---------------------------------------------------------------------------------


def test_a_key_verifies_with_an_empty_body(platform: Platform, account: Account) -> None:
    platform.sandbox.clock.advance(60)
    data = platform.data("/verifyapikey", key=account.key)
    assert data == {
        "type": "org-api-key",
        "organizationId": account.organization_id,
        "organizationName": "Acme, Inc.",
        "keyName": "CLI default key",
        "keyPrefix": account.key[:8],
        "scopes": DEFAULT_SCOPES,
        "createdAt": data["createdAt"],
        "lastUsedAt": data["lastUsedAt"],
    }
    assert data["lastUsedAt"] > data["createdAt"]


@pytest.mark.parametrize("key", [None, "", "cko_", "cko_" + "a" * 64, "ck_" + "a" * 64, "x", "\xff"])
def test_without_a_good_key_there_is_a_401(platform: Platform, key: str | None) -> None:
    headers = {} if key is None else {b"X-Process-Manager-Key": key.encode("latin-1")}
    answer = platform.http.post("/verifyapikey", headers=headers)
    assert error_of(answer) == (401, "UNAUTHORIZED")
    assert answer.json()["error"]["message"]


def test_a_missing_scope_is_named(platform: Platform, account: Account) -> None:
    wishes = {"organizationId": account.organization_id, "name": "Reader", "scopes": ["skills:read"]}
    key = platform.data("/createorganizationapikeypublic", wishes, account.key)["apiKey"]
    for path, scope in (
        ("/createprojectviaapikey", "projects:create"),
        ("/deployprocessusecase", "deploy:use-case"),
        ("/createorganizationapikeypublic", "api-keys:manage"),
        ("/deactivateprocessinstancepublic", "instances:manage"),
        ("/webhook/a/b", "workflows:trigger"),
        ("/sandbox/instances/a/key", "instances:manage"),
    ):
        answer = platform.post(path, {}, key)
        assert answer.status_code == 403
        assert scope in answer.text
    assert error_of(platform.get("/getprocessskillspublic/a", key)) == (404, "INSTANCE_NOT_FOUND")


def test_a_new_key_has_what_was_asked_for(platform: Platform, account: Account) -> None:
    wishes = {
        "organizationId": account.organization_id,
        "name": "CI",
        "scopes": ["projects:read", "projects:create", "projects:read"],
        "description": "for the nightly run",
        "expiresInDays": 30,
    }
    data = platform.data("/createorganizationapikeypublic", wishes, account.key)
    assert set(data) == {"keyId", "apiKey", "keyPrefix", "name", "scopes", "createdAt", "expiresAt"}
    assert data["scopes"] == ["projects:read", "projects:create"]
    project = platform.data("/createprojectviaapikey", {"name": "One"}, data["apiKey"])
    assert project["projectId"]


@pytest.mark.parametrize(
    ("wishes", "status", "message"),
    [
        ({"scopes": ["no:such"]}, 400, "Invalid scope: no:such"),
        ({"scopes": []}, 400, "at least one"),
        ({"scopes": "projects:read"}, 400, "array"),
        ({"scopes": [1]}, 400, "strings"),
        ({"scopes": ["organizations:create"]}, 403, "Cannot grant scopes you don't have"),
        ({"name": ""}, 400, "name"),
        ({"name": "x" * 101}, 400, "100"),
        ({"expiresInDays": None}, 400, "365"),
        ({"organizationId": "org_other"}, 403, "organization"),
        ({"organizationId": None}, 400, "organizationId"),
    ],
)
def test_new_keys_are_checked(
    platform: Platform, account: Account, wishes: dict[str, Any], status: int, message: str
) -> None:
    full = {"organizationId": account.organization_id, "name": "CI", "scopes": ["projects:read"], **wishes}
    answer = platform.post("/createorganizationapikeypublic", full, account.key)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_a_key_can_be_changed(platform: Platform, account: Account) -> None:
    wishes = {"organizationId": account.organization_id, "name": "CI", "scopes": ["projects:read"]}
    made = platform.data("/createorganizationapikeypublic", wishes, account.key)
    changes = {"keyId": made["keyId"], "name": "Nightly", "description": "d", "scopes": ["projects:create"]}
    data = platform.data("/updateorganizationapikeypublic", changes, account.key)
    assert set(data) == {"keyId", "name", "description", "scopes", "updatedAt"}
    assert (data["name"], data["description"], data["scopes"]) == ("Nightly", "d", ["projects:create"])
    platform.data("/createprojectviaapikey", {"name": "One"}, made["apiKey"])
    assert platform.get("/listprojectspublic", made["apiKey"]).status_code == 403
    cleared = platform.data(
        "/updateorganizationapikeypublic", {"keyId": made["keyId"], "description": ""}, account.key
    )
    assert (cleared["name"], cleared["description"]) == ("Nightly", "")


def test_changes_of_keys_are_checked(platform: Platform, account: Account) -> None:
    def change(**changes: Any) -> tuple[int, str]:
        answer = platform.post(
            "/updateorganizationapikeypublic", {"keyId": account.key_id, **changes}, account.key
        )
        return answer.status_code, answer.json()["error"]["message"]

    assert change()[0] == 400
    assert change(scopes=[])[0] == 400
    assert change(keyId="nothing", name="x")[0] == 404
    assert change(scopes=["organizations:create"])[0] == 403
    foreign = platform.sign_up().key_id
    assert change(keyId=foreign, name="x") == (403, "API key does not belong to your organization.")
    wishes = {"organizationId": account.organization_id, "name": "CI", "scopes": ["projects:read"]}
    made = platform.data("/createorganizationapikeypublic", wishes, account.key)
    platform.sandbox.revoke_key(made["keyId"])
    assert change(keyId=made["keyId"], name="x")[0] == 400


def test_members_see_their_own_and_manage_no_keys(platform: Platform, account: Account) -> None:
    email = new_email()
    platform.sandbox.add_member(account.organization_id, email)
    request(platform, "login", email)
    code = platform.sandbox.code_for(email)
    key = complete(platform, "login", email, code).json()["data"]["apiKey"]["raw"]
    wishes = {"organizationId": account.organization_id, "name": "CI", "scopes": ["projects:read"]}
    answer = platform.post("/createorganizationapikeypublic", wishes, key)
    assert answer.status_code == 403
    assert "Only admins and owners" in answer.json()["error"]["message"]

    theirs = platform.data("/createprojectviaapikey", {"name": "Owner's"}, account.key)["projectId"]
    own = platform.data("/createprojectviaapikey", {"name": "Member's"}, key)["projectId"]
    assert [p["id"] for p in platform.get("/listprojectspublic", key).json()["data"]["projects"]] == [own]
    assert platform.post("/getprojectpublic", {"projectId": theirs}, key).status_code == 403
    listed = platform.get("/listprojectspublic", account.key).json()["data"]["projects"]
    assert [p["id"] for p in listed] == [own, theirs]


def test_personal_keys_create_organizations(platform: Platform, account: Account) -> None:
    key = platform.sandbox.personal_key(account.email)
    assert key.startswith("ckp_")
    assert platform.data("/verifyapikey", key=key)["type"] == "personal-api-key"
    wishes = {"name": "Beta Corp", "description": "second", "size": "2-10"}
    made = platform.data("/createorganizationviaapikey", wishes, key)["organizationId"]
    project = {"name": "One", "organizationId": made}
    assert platform.data("/createprojectviaapikey", project, key)["projectId"]
    assert platform.post("/createprojectviaapikey", {"name": "One"}, key).status_code == 400
    for wrong_wishes in ({"name": "x"}, {"name": "x" * 101}, {}, {"name": "Beta", "size": "3"}):
        assert platform.post("/createorganizationviaapikey", wrong_wishes, key).status_code == 400
    refused = platform.post("/createorganizationviaapikey", wishes, account.key)
    assert refused.status_code == 403
    assert "organizations:create" in refused.json()["error"]["message"]


# --- what is kept -------------------------------------------------------------------------


def test_neither_key_nor_code_is_kept(tmp_path: Any) -> None:
    with Sandbox(data=tmp_path / "data", clock=StillClock()) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            account = platform.sign_up()
            request(platform, "login", account.email)
            code = sandbox.code_for(account.email)
            complete(platform, "login", account.email, wrong(code))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert account.email.encode() in kept
    assert account.key.encode() not in kept
    assert account.key[8:].encode() not in kept
    assert account.key[:8].encode() in kept
    with sqlite3.connect(tmp_path / "data" / "sandbox.sqlite3") as database:
        rows = [value for row in database.execute("SELECT * FROM codes") for value in row]
    database.close()
    assert code not in map(str, rows)
