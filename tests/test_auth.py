"""The four ways to authenticate, and the receiving side of signed webhooks."""

from __future__ import annotations

import base64
import copy
import datetime
import json
import pickle
import time
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given, settings
from hypothesis import strategies as st

from codika_nb import (
    ConfigError,
    InstanceKey,
    OrganizationKey,
    QueryKey,
    WebhookSignature,
    WebhookVerificationError,
    verify_webhook,
)
from codika_nb.client.auth import auth_for
from codika_nb.client.http import httpx

# The vector of the Standard Webhooks specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "whsec_" + base64.b64encode(b"another secret, of some length").decode()

secrets = st.binary(min_size=24, max_size=64).map(lambda raw: "whsec_" + base64.b64encode(raw).decode())
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture
def then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time at which the specification's message was signed."""
    monkeypatch.setattr(time, "time", lambda: 1614265330.4)


def signed(body: bytes = BODY, *, secret: str = SECRET, age: float = 0) -> dict[str, str]:
    return WebhookSignature(secret).sign(body, timestamp=int(time.time() - age))


# --- keys ------------------------------------------------------------------------------------------


def sent_with(auth: httpx.Auth, url: str = "https://example.com/a%2Fb?x=1") -> httpx.Request:
    flow = auth.sync_auth_flow(httpx.Request("POST", url, content=BODY))
    return next(flow)


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (OrganizationKey("cko_organization"), "x-process-manager-key"),
        (OrganizationKey("ckp_personal"), "x-process-manager-key"),
        (OrganizationKey(" cka_admin\n"), "x-process-manager-key"),
        (InstanceKey("ck_instance"), "x-api-key"),
    ],
)
def test_keys_travel_in_a_header_of_their_own(auth: Any, header: str) -> None:
    request = sent_with(auth)
    assert request.headers[header] == auth._key
    assert str(request.url) == "https://example.com/a%2Fb?x=1"
    assert "authorization" not in request.headers


def test_a_query_key_travels_in_the_address() -> None:
    request = sent_with(QueryKey("ck_instance"))
    assert str(request.url) == "https://example.com/a%2Fb?x=1&api_key=ck_instance"
    assert not {"x-api-key", "x-process-manager-key"} & set(request.headers)


def test_a_bare_key_finds_its_way() -> None:
    kinds = {key: type(auth_for(key)) for key in ("cko_xxxxxxx", "ckp_xxxxxxx", "cka_xxxxxxx", "ck_xxxxxxx")}
    assert kinds == {
        "cko_xxxxxxx": OrganizationKey,
        "ckp_xxxxxxx": OrganizationKey,
        "cka_xxxxxxx": OrganizationKey,
        "ck_xxxxxxx": InstanceKey,
    }


@pytest.mark.parametrize(
    "key", ["", "secret-without-prefix", "CKO_x", "cko_a b", "cko_a\x00b", "cko_é", "cko_a\nb"]
)
def test_what_is_no_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        auth_for(key)
    assert "without-prefix" not in str(refused.value)
    assert refused.value.next_action


def test_an_instance_key_is_no_organization_key() -> None:
    with pytest.raises(ConfigError, match="begins with ck_"):
        InstanceKey("cko_organization")
    with pytest.raises(ConfigError, match="cko_… or ckp_… or cka_…"):
        OrganizationKey("ck_instance")


@pytest.mark.parametrize(
    "auth",
    [
        OrganizationKey("cko_aB12secret"),
        InstanceKey("ck_aB123secret"),
        QueryKey("ck_aB123secret"),
        WebhookSignature(SECRET),
    ],
)
def test_secrets_are_neither_shown_nor_pickled(auth: Any) -> None:
    assert "secret" not in repr(auth) + str(auth)
    assert "MfKQ" not in repr(auth)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(auth)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(auth)


# --- signing ---------------------------------------------------------------------------------------


def test_the_vector_of_the_specification(then: None) -> None:
    signature = WebhookSignature(SECRET).sign(
        BODY, message_id=HEADERS["webhook-id"], timestamp=int(HEADERS["webhook-timestamp"])
    )
    assert signature == HEADERS
    assert verify_webhook(SECRET, HEADERS, BODY) == {"test": 2432232314}


@pytest.mark.parametrize(
    "written",
    [
        SECRET.removeprefix("whsec_"),
        f" {SECRET}\n",
        "whsec_" + base64.b64encode(b"x" * 25).decode().rstrip("="),
    ],
)
def test_secrets_may_be_written_in_several_ways(written: str) -> None:
    assert verify_webhook(written, signed(secret=written), BODY)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_A", "whsec_é", "whsec_a-b_"])
def test_what_is_no_secret_is_refused_without_being_shown(secret: str) -> None:
    for use in (lambda: WebhookSignature(secret), lambda: verify_webhook(secret, signed(), BODY)):
        with pytest.raises(ConfigError, match="whsec_") as refused:
            use()
        assert "base64!" not in str(refused.value)


def test_a_request_is_signed_as_it_is_sent() -> None:
    auth = WebhookSignature(SECRET)
    first, second = sent_with(auth), sent_with(auth)
    assert verify_webhook(SECRET, first.headers, first.content) == json.loads(BODY)
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert first.headers["webhook-id"].startswith("msg_")
    assert SECRET.removeprefix("whsec_") not in str(first.headers)


@settings(deadline=None)
@given(secret=secrets, value=values, indent=st.sampled_from([None, 2]))
def test_the_library_of_the_specification_verifies_what_we_sign(
    secret: str, value: Any, indent: int | None
) -> None:
    body = json.dumps(value, ensure_ascii=False, indent=indent).encode()
    headers = WebhookSignature(secret).sign(body)
    assert standardwebhooks.Webhook(secret).verify(body, headers) == value


@settings(deadline=None)
@given(secret=secrets, value=values, padded=st.booleans())
def test_we_verify_what_the_library_of_the_specification_signs(secret: str, value: Any, padded: bool) -> None:
    body = json.dumps(value, ensure_ascii=False)
    now = datetime.datetime.now(datetime.UTC)
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "WEBHOOK-SIGNATURE": standardwebhooks.Webhook(secret).sign("msg_1", now, body),
    }
    written = secret if padded else secret.rstrip("=")
    assert verify_webhook(written, headers, body) == value
    assert verify_webhook([OTHER, written], headers, body.encode()) == value


# --- verifying -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(body=st.binary(), position=st.integers(0), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(body: bytes, position: int, bit: int) -> None:
    headers = signed(body + b" ")
    changed = bytearray(body + b" ")
    changed[position % len(changed)] ^= 1 << bit
    with pytest.raises(WebhookVerificationError) as refused:
        verify_webhook(SECRET, headers, bytes(changed))
    assert refused.value.code == "no-match"


@settings(deadline=None)
@given(
    headers=st.dictionaries(st.sampled_from([*HEADERS, "x"]), st.text(max_size=60)),
    body=st.binary(max_size=30),
)
def test_nothing_but_a_signature_passes(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookVerificationError):
        verify_webhook(SECRET, headers, body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in HEADERS for value in (None, "", " ")),
        *(("webhook-timestamp", value) for value in ("1614265330.5", "+1614265330", "٣", "nan", "1" * 16)),
        *(("webhook-id", value) for value in ("msg 1", "m\nsg", "msgé", "\udcff")),
    ],
)
def test_headers_that_are_missing_or_broken(name: str, value: str | None) -> None:
    headers = signed()
    del headers[name]
    if value is not None:
        headers[name] = value
    with pytest.raises(WebhookVerificationError) as refused:
        verify_webhook(SECRET, headers, BODY)
    assert refused.value.code == "missing-header"
    assert refused.value.next_action


@pytest.mark.parametrize("age", [-299, 0, 299])
def test_five_minutes_are_tolerated_either_way(age: float) -> None:
    assert verify_webhook(SECRET, signed(age=age), BODY)


@pytest.mark.parametrize(("age", "word"), [(302, "ago"), (-302, "ahead"), (10**9, "ago")])
def test_messages_of_another_time_are_refused(age: float, word: str) -> None:
    with pytest.raises(WebhookVerificationError, match=word) as refused:
        verify_webhook(SECRET, signed(age=age), BODY)
    assert refused.value.code == "stale"
    assert verify_webhook(SECRET, signed(age=age), BODY, tolerance=2 * 10**9)
    for tolerance in (1, float("nan"), -1):
        with pytest.raises(WebhookVerificationError):
            verify_webhook(SECRET, signed(age=2), BODY, tolerance=tolerance)


def test_several_signatures_and_several_secrets() -> None:
    headers = signed()
    old = signed(secret=OTHER) | {name: headers[name] for name in ("webhook-id", "webhook-timestamp")}
    good = headers["webhook-signature"]
    also = ("v1a,abc", "v2," + good[3:], "v1,", "v1", "nonsense", "v1,!!!", "v1,é", old["webhook-signature"])
    assert verify_webhook(SECRET, headers | {"webhook-signature": " ".join([*also, good])}, BODY)
    assert verify_webhook((OTHER, SECRET), headers, BODY)
    assert verify_webhook(iter([SECRET, OTHER]), headers, BODY)
    for signatures in also:
        with pytest.raises(WebhookVerificationError) as refused:
            verify_webhook(SECRET, headers | {"webhook-signature": signatures}, BODY)
        assert refused.value.code == "no-match"


def test_both_families_of_headers_are_taken() -> None:
    headers = signed()
    good = headers["webhook-signature"]
    svix = {name.replace("webhook", "Svix"): value for name, value in headers.items()}
    assert verify_webhook(SECRET, svix, BODY)
    for joined in (f"{good}, v1,AAAA", f"v1,AAAA,{good}", f"v1,AAAA\n{good}"):
        assert verify_webhook(SECRET, headers | {"webhook-signature": joined}, BODY)
    mixed = {**svix, "webhook-id": "another"}
    assert verify_webhook(SECRET, mixed, BODY)
    del svix["Svix-timestamp"]
    with pytest.raises(WebhookVerificationError) as refused:
        verify_webhook(SECRET, svix, BODY)
    assert refused.value.code == "missing-header"


def test_without_a_secret_nothing_is_genuine() -> None:
    with pytest.raises(ConfigError, match="No webhook secret"):
        verify_webhook([], signed(), BODY)


def test_a_parsed_body_is_not_what_was_signed() -> None:
    body: Any = json.loads(BODY)
    with pytest.raises(TypeError, match="as it arrived"):
        verify_webhook(SECRET, signed(), body)
    with pytest.raises(WebhookVerificationError):
        verify_webhook(SECRET, signed(), json.dumps(body, separators=(",", ":")).encode())


@pytest.mark.parametrize("body", [b"", b"a=b", b"\xff", b"{", b"[" * 100_000])
def test_a_genuine_message_that_is_no_json(body: bytes) -> None:
    with pytest.raises(WebhookVerificationError, match="genuine") as refused:
        verify_webhook(SECRET, signed(body), body)
    assert refused.value.code == "not-json"
    assert refused.value.__context__ is None


def test_bodies_of_every_kind(then: None) -> None:
    for body in (BODY, BODY.decode(), bytearray(BODY), memoryview(BODY)):
        assert verify_webhook(SECRET, HEADERS, body) == {"test": 2432232314}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [OrganizationKey, InstanceKey, QueryKey, WebhookSignature])
@pytest.mark.parametrize("secret", [None, 5, b"cko_0123456789abcdef"])
def test_what_is_no_text_is_no_key(kind: Any, secret: Any) -> None:
    with pytest.raises(ConfigError):
        kind(secret)


@pytest.mark.parametrize("secret", [None, "", [], [None], b"whsec_"])
def test_a_webhook_without_a_secret(secret: Any) -> None:
    with pytest.raises(ConfigError, match="webhook secret"):
        verify_webhook(secret, {}, b"{}")
