"""The form against a real platform: buttons are clicked, traits are looked at."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from codika_nb import (
    Client,
    ConfigError,
    NotSignedIn,
    Playground,
    Profile,
    ProfileStore,
    Sandbox,
    SignIn,
    SignInForm,
    sign_in,
)
from codika_nb.notebook import background
from codika_nb.notebook.controls import Dropdown
from codika_nb.notebook.signin_view import FIELDS_AND_BUTTONS
from codika_nb.signin.reactions import MOST_LISTED, Organization
from tests.conftest import EMAIL

pytestmark = pytest.mark.kernel  # no kernel runs, but its widgets are those of the environment


@pytest.fixture
def form(sandbox: Sandbox) -> SignInForm:
    return SignInForm("signup", base_url=sandbox.url, store=ProfileStore())


def visible(form: SignInForm) -> set[str]:
    names = ("email", "company", "send_code", "code", "submit", "resend", "filter", "organization", "back")
    there = {*form.children, *form._row.children}
    return {name for name in names if getattr(form, name) in there}


def ask(form: SignInForm, email: str = EMAIL) -> None:
    form.email.value = email
    form.send_code.click()
    form.settle()


def message(form: SignInForm) -> str:
    return str(form.message.value)


def test_signup_from_empty_form_to_saved_profile(form: SignInForm, sandbox: Sandbox) -> None:
    assert visible(form) == {"email", "company", "send_code"}
    form.company.value = "Acme, Inc."
    ask(form)
    assert visible(form) == {"code", "submit", "resend", "back"}
    assert EMAIL in form._header.value
    assert "valid for 10 minutes" in form._header.value
    assert f'<a href="{sandbox.inbox_url}"' in form._header.value

    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    profile = form.wait(10)

    assert (profile.name, profile.organization_name) == ("acme-inc", "Acme, Inc.")
    assert ProfileStore().active() == profile
    with Client() as client:
        assert client.verify_key().organization_name == "Acme, Inc."


def test_a_server_without_encryption_is_a_message_of_the_form() -> None:
    form = SignInForm("signup", base_url="http://codika.example", store=ProfileStore())
    ask(form)
    assert "not encrypted" in message(form)
    assert "unexpected" not in message(form)
    assert form.email.value == EMAIL


def test_login_of_a_known_address_needs_no_retyping(form: SignInForm, sandbox: Sandbox) -> None:
    sandbox.add_organization(EMAIL, "Acme, Inc.")
    ask(form)
    assert form.signin.purpose == "login"
    assert "already has an account" in message(form)
    assert form.submit.description == "Sign in"
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    assert form.wait(10).organization_name == "Acme, Inc."


def test_signup_of_an_unknown_address_at_the_login_form(sandbox: Sandbox) -> None:
    form = SignInForm("login", base_url=sandbox.url, store=ProfileStore())
    ask(form)
    assert form.signin.purpose == "signup"
    assert "no account yet" in message(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    assert form.wait(10).name == "my-organization"


def test_picking_one_of_several_organizations_asks_for_no_second_code(
    form: SignInForm, sandbox: Sandbox
) -> None:
    sandbox.add_organization(EMAIL, "Acme")
    beta = sandbox.add_organization(EMAIL, "Beta Corp")
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    form.settle()
    assert visible(form) == {"organization", "submit", "back"}
    assert "Which organization?" in form._header.value
    assert form.code.value == ""
    assert {label for label, _ in form.organization.options} == {"Acme", "Beta Corp"}
    assert f'content: "{beta}"' in form._header.value
    # Which one it is, is chosen by the person.
    assert form.organization.value is None
    assert form.submit.disabled
    form.submit.click()
    form.settle()
    assert form.signin.step == "organization"
    form.organization.value = beta
    assert not form.submit.disabled
    form.submit.click()
    assert form.wait(10).organization_name == "Beta Corp"
    assert len(sandbox.inbox) == 1


def test_wrong_code_counts_down_and_the_right_one_still_works(form: SignInForm, sandbox: Sandbox) -> None:
    ask(form)
    right = sandbox.code_for(EMAIL)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for left in (4, 3, 2):
        form.code.value = wrong
        form.submit.click()
        form.settle()
        assert f"{left} attempts left" in message(form)
        assert form.code.value == ""
    form.code.value = f"Your code is {right[:3]}-{right[3:]}."
    form.submit.click()
    assert form.wait(10)


def test_lock_out_leads_to_a_new_code(form: SignInForm, sandbox: Sandbox) -> None:
    ask(form)
    wrong = f"{(int(sandbox.code_for(EMAIL)) + 1) % 1_000_000:06}"
    for _ in range(5):
        form.code.value = wrong
        form.submit.click()
        form.settle()
    assert "Too many wrong codes" in message(form)
    sandbox.clock.advance(31)
    form.resend.click()
    form.settle()
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    assert form.wait(10)


def test_an_expired_code_is_replaced(form: SignInForm, sandbox: Sandbox) -> None:
    ask(form)
    sandbox.clock.advance(601)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    form.settle()
    assert "too old" in message(form)
    form.resend.click()
    form.settle()
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    assert form.wait(10)


def test_resend_waits_for_the_cooldown(form: SignInForm) -> None:
    ask(form)
    assert form.resend.disabled
    form.resend.click()  # a click by code goes through all the same, and the platform says no
    form.settle()
    assert "ask for another in" in message(form)
    assert visible(form) >= {"code", "submit"}


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("", "Type your e-mail"),
        ("ada", "not an e-mail"),
        ("ada@example", "not an e-mail"),
        ("a b@c.example", "not an e-mail"),
    ],
)
def test_an_address_that_is_none_stays_where_it_was_typed(
    form: SignInForm, sandbox: Sandbox, email: str, says: str
) -> None:
    ask(form, email)
    assert says in message(form)
    assert form.email.value == email
    assert not form.email.disabled
    assert sandbox.inbox == []


def test_a_code_of_letters_costs_no_attempt(form: SignInForm, sandbox: Sandbox) -> None:
    ask(form)
    form.code.value = "abcdef"
    form.submit.click()
    form.settle()
    assert "six digits" in message(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    assert form.wait(10)


def test_a_company_name_of_101_characters_is_kept_and_explained(form: SignInForm, sandbox: Sandbox) -> None:
    form.company.value = "x" * 101
    ask(form)
    assert "101 characters: at most 100" in message(form)
    assert form.company.value == "x" * 101
    assert form.email.value == EMAIL
    assert sandbox.inbox == []


def test_nothing_typed_is_lost_when_the_network_is_down() -> None:
    with Sandbox() as sandbox:
        form = SignInForm("signup", base_url=sandbox.url, store=ProfileStore())
        ask(form)
        code = sandbox.code_for(EMAIL)
    form.code.value = code
    form.submit.click()
    form.settle()
    assert "cannot be reached" in message(form)
    assert form.code.value == code
    assert not form.done


def test_a_double_click_sends_one_request(form: SignInForm, sandbox: Sandbox) -> None:
    form.email.value = EMAIL
    clicked = threading.Event()

    async def busy() -> None:  # so that no click is answered before the last one
        clicked.wait(60)

    background.submit(busy())
    for _ in range(5):
        form.send_code.click()
    clicked.set()
    form.settle()
    assert len(sandbox.inbox) == 1
    assert form.signin.notice is None


def test_a_submit_clicked_while_the_code_is_still_requested_waits_its_turn(
    form: SignInForm, sandbox: Sandbox
) -> None:
    form.email.value = EMAIL
    form.send_code.click()
    for _ in range(1000):
        if sandbox.inbox:
            break
    form.code.value = sandbox.code_for(EMAIL) if sandbox.inbox else "000000"
    form.submit.click()
    form.settle()
    assert form.done or "attempts left" in message(form)


def test_another_email_goes_back_and_keeps_what_was_typed(form: SignInForm) -> None:
    ask(form)
    form.back.click()
    assert visible(form) == {"email", "company", "send_code"}
    assert form.email.value == EMAIL


def enter(field: ipywidgets.Text) -> None:
    """What a browser sends when Enter is pressed."""
    field._handle_custom_msg({"event": "submit"}, [])


def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def typed(field: ipywidgets.Text, text: str) -> None:
    """What a browser sends for each keystroke."""
    for end in range(1, len(text) + 1):
        field.set_state({"value": text[:end]})


def test_six_typed_digits_are_submitted_by_themselves_and_only_once(
    form: SignInForm, sandbox: Sandbox
) -> None:
    ask(form)
    right = sandbox.code_for(EMAIL)
    typed(form.code, f"{(int(right) + 1) % 1_000_000:06}")
    form.settle()
    assert "4 attempts left" in message(form)
    typed(form.code, right)
    form.settle()
    assert form.done


def test_enter_submits_at_each_step(form: SignInForm, sandbox: Sandbox) -> None:
    form.email.value = EMAIL
    enter(form.email)
    eventually(lambda: form.signin.step == "code")
    form.settle()
    form.code.value = sandbox.code_for(EMAIL)
    enter(form.code)
    assert form.wait(10)


def test_enter_waits_for_keystrokes_that_it_has_overtaken(form: SignInForm, sandbox: Sandbox) -> None:
    typed(form.email, "ada@example.co")
    enter(form.email)
    form.email.set_state({"value": EMAIL})
    eventually(lambda: form.signin.step == "code")
    assert [mail.to for mail in sandbox.inbox] == [EMAIL]


def test_enter_waits_longer_where_keystrokes_take_longer(form: SignInForm, sandbox: Sandbox) -> None:
    for text in ("a", "ada@exam", "ada@example.co"):
        form.email.set_state({"value": text})
        time.sleep(0.4)
    enter(form.email)
    time.sleep(0.5)
    form.email.set_state({"value": EMAIL})
    eventually(lambda: form.signin.step == "code")
    assert [mail.to for mail in sandbox.inbox] == [EMAIL]


def test_hostile_organization_names_are_text(form: SignInForm, sandbox: Sandbox) -> None:
    name = '<img src=x onerror="alert(1)"></script>\u202e\x1b[31m'
    form.company.value = name
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    form.wait(10)
    bundle: Any = form._repr_mimebundle_()
    assert "<img" not in bundle["text/html"]
    assert "&lt;img" in bundle["text/html"]
    assert not set("\u202e\x1b") & set(bundle["text/html"] + bundle["text/plain"])


def test_when_done_one_line_stays_and_every_field_is_empty(form: SignInForm, sandbox: Sandbox) -> None:
    ask(form)
    code = sandbox.code_for(EMAIL)
    form.code.value = code
    form.submit.click()
    profile = form.wait(10)
    bundle: Any = form._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"].startswith(
        f"Signed in: My Organization, profile my-organization, key {profile.masked_key}"
    )
    leaves = (*form._made(*FIELDS_AND_BUTTONS), form.message, form._header)
    state = [(w.description, getattr(w, "value", ""), getattr(w, "options", "")) for w in leaves]
    for secret in (code, profile.api_key, EMAIL):
        assert secret not in str(state)
        assert secret not in repr(form) + repr(form.code) + repr(form.email) + str(bundle)


def test_reprs_tell_nothing_that_was_typed(form: SignInForm) -> None:
    form.email.value = EMAIL
    form.code.value = "123456"
    bundle = form._repr_mimebundle_()
    shown = repr(form) + repr(form.email) + repr(form.code) + bundle["text/plain"]
    assert EMAIL not in shown
    assert "123456" not in shown


def test_keystrokes_are_not_echoed_to_other_clients(form: SignInForm) -> None:
    for field in (form.email, form.company, form.code):
        assert field.traits()["value"].metadata["echo_update"] is False


def test_already_signed_in_offers_another_account(form: SignInForm, sandbox: Sandbox) -> None:
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    profile = form.wait(10)

    again = SignInForm("signup", base_url=sandbox.url, store=ProfileStore(), already=profile)
    assert again.done
    assert again.wait(0) == profile
    assert visible(again) == {"back"}
    assert "Signed in" in again._header.value
    assert "Signed in" not in message(again)  # once is enough
    assert "My Organization, profile my-organization" in message(again)
    assert (again._header.value + message(again)).count(sandbox.url) == 1
    again.back.click()
    assert not again.done
    ask(again, "grace@example.com")
    again.code.value = sandbox.code_for("grace@example.com")
    again.submit.click()
    assert again.wait(10).name == "my-organization-2"


def test_a_wait_that_gives_up_does_not_end_the_form(form: SignInForm, sandbox: Sandbox) -> None:
    with pytest.raises(TimeoutError, match="Nobody has signed in yet"):
        form.wait(0.01)
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    assert form.wait(10)


async def until_signed_in(form: SignInForm) -> Any:
    return await form


def test_await_yields_the_profile(form: SignInForm, sandbox: Sandbox) -> None:
    async def both() -> Any:
        waiting = asyncio.create_task(until_signed_in(form))
        await asyncio.to_thread(ask, form)
        form.code.value = sandbox.code_for(EMAIL)
        form.submit.click()
        return await waiting

    assert asyncio.run(both()).name == "my-organization"


def test_many_organizations_are_found_by_typing(form: SignInForm, sandbox: Sandbox) -> None:
    ids = [sandbox.add_organization(EMAIL, f"Team {number}") for number in range(12)]
    last = sandbox.add_organization(EMAIL, "Team 3")  # the same name twice: the id tells them apart
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    form.settle()
    assert len(form.organization.options) == 13
    typed(form.filter, "team 3")
    assert [each for _, each in form.organization.options] == [ids[3], last]
    assert [each in form._header.value for each in (ids[2], ids[3], last)] == [False, True, True]
    for each in (ids[3], last, ids[3]):
        form.organization.value = each
        assert form.organization.value == each
    form.organization.value = None
    typed(form.filter, last[-6:])
    assert not form.submit.disabled  # the only one that is found
    enter(form.filter)
    assert form.wait(10).organization_id == last


def test_of_very_many_organizations_some_are_listed_and_all_are_found(sandbox: Sandbox) -> None:
    form = SignInForm("login", base_url=sandbox.url, store=ProfileStore())
    form.signin.step = "organization"
    form.signin.organizations = [Organization(f"org_{n}", f"Team {n}") for n in range(100_000)]
    typed(form.filter, "team")
    assert len(form.organization.options) == MOST_LISTED
    assert "100,000" in form.filter.placeholder
    assert len(json.dumps(form.organization.get_state(), default=str)) < 50_000
    typed(form.filter, "ORG_99999")
    assert [each for _, each in form.organization.options] == ["org_99999"]
    assert form.organization.value is None


def test_the_organization_used_last_is_among_the_first(sandbox: Sandbox) -> None:
    ada = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    signin = SignIn("login", base_url=sandbox.url, store=ProfileStore())
    mine = Organization(str(ada.organization_id), "Acme")
    signin.organizations = [*(Organization(f"org_{n}", "Acme") for n in range(500)), mine]
    assert signin.matching("acme")[0] == mine
    assert len(signin.matching("")) == MOST_LISTED
    assert mine not in signin.matching("org_499")


def test_no_organization_is_chosen_by_itself(sandbox: Sandbox) -> None:
    """Not even the one used last: whoever presses Enter has not read which one it is."""
    for name in ("Acme", "Beta"):
        beta = sandbox.add_organization(EMAIL, name)
    for _ in range(2):
        form = SignInForm("login", base_url=sandbox.url, store=ProfileStore())
        ask(form)
        form.code.value = sandbox.code_for(EMAIL)
        form.submit.click()
        form.settle()
        assert form.organization.value is None
        form.organization.value = beta
        form.submit.click()
        form.wait(10)
        sandbox.clock.advance(31)


def test_organizations_are_found_by_typing_from_eight_on(sandbox: Sandbox) -> None:
    for count in (7, 8):
        form = SignInForm("login", base_url=sandbox.url, store=ProfileStore())
        form.signin.organizations = [Organization(f"org_{n}", f"Team {n}") for n in range(count)]
        form.signin.step = "organization"
        form._render()
        assert ("filter" in visible(form)) == (count == 8)


def test_a_field_is_made_when_its_step_comes(form: SignInForm, sandbox: Sandbox) -> None:
    assert not form._made("code", "key", "filter", "organization", "submit", "resend", "back")
    ask(form)
    assert form._made("code", "submit", "resend", "back")
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    form.wait(10)
    assert not form._made("key", "filter", "organization")


def test_a_new_code_is_said_to_be_on_its_way_and_counted_down_to(form: SignInForm, sandbox: Sandbox) -> None:
    ask(form)
    assert form.resend.disabled
    assert "codika-counting" in form.resend._dom_classes
    assert "--codika-seconds: 30" in form._header.value
    sandbox.clock.advance(31)
    form.resend.click()
    form.settle()
    assert "A new code is on its way" in message(form)


def test_the_seconds_pass_on_the_screen_without_messages(form: SignInForm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        form.signin.base_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        form.email.value = EMAIL
        form.send_code.click()
        connection, _ = silent.accept()
        with connection:
            assert "codika-passing" in message(form)
            before = message(form)
            time.sleep(1.2)
            assert message(form) == before
            form.cancel.click()
            form.settle(10)


def test_a_server_that_takes_too_long_is_said_in_the_words_of_a_form(
    form: SignInForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codika_nb.client.client import AsyncClient

    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        form.signin.base_url = server
        monkeypatch.setattr(form, "_connect", lambda key: AsyncClient(base_url=server, timeout=0.2))
        ask(form)
    assert "did not answer in time. Try again." in message(form)
    assert "with_options" not in message(form)


def test_cancel_leaves_one_line_and_nothing_typed(form: SignInForm) -> None:
    ask(form)
    form.cancel.click()
    bundle: Any = form._repr_mimebundle_()
    assert "cancelled" in bundle["text/plain"]
    assert form.email.value == form.code.value == ""
    with pytest.raises(NotSignedIn, match="cancelled"):
        form.wait(0)


def test_cancel_stops_waiting_for_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        form = SignInForm("signup", base_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        form.email.value = EMAIL
        form.send_code.click()
        connection, _ = silent.accept()
        with connection:
            form.cancel.click()
            form.settle(10)
        assert "Stopped waiting" in message(form)
        assert visible(form) >= {"email", "send_code"}
        assert not form.email.disabled
        assert form.email.value == EMAIL


def with_key(sandbox: Sandbox, key: str) -> SignInForm:
    signin = SignIn("login", base_url=sandbox.url, store=ProfileStore())
    signin.step = "key"
    form = SignInForm(signin=signin)
    form.key.value = key
    form.submit.click()
    return form.settle()


def test_a_key_from_the_dashboard_is_verified_and_saved(form: SignInForm, sandbox: Sandbox) -> None:
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    minted = form.wait(10)
    ProfileStore().remove(minted.name or "")

    taken = with_key(sandbox, f"  {minted.api_key}\n")
    profile = taken.wait(10)
    assert (profile.name, profile.scopes) == ("my-organization", minted.scopes)
    assert ProfileStore().get("my-organization").api_key == minted.api_key
    assert taken.key.value == ""


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "begins with cko_"),
        ("ck_" + "x" * 64, "key of one instance"),
        ("AKIA-something-else-entirely", "begins with cko_"),
        ("cko_" + "x" * 64, "unknown, revoked or expired"),
    ],
)
def test_a_key_that_is_none_is_explained_and_not_kept(sandbox: Sandbox, key: str, says: str) -> None:
    form = with_key(sandbox, key)
    assert says in message(form)
    assert form.key.value == ""
    assert not form.done
    assert form.key.get_state()["_view_name"] == "PasswordView"


def test_what_a_secret_field_holds_is_in_no_message(form: SignInForm) -> None:
    for field in (form.code, form.key):
        field.value = "canary"
        assert "canary" not in str(field.get_state())
    form.email.value = "kept@example.com"
    assert form.email.get_state()["value"] == "kept@example.com"


@pytest.mark.parametrize("name", ["x" * 10_000, "<b>" * 200, "line\nbreak\ttab"])
def test_a_very_long_or_odd_organization_name_stays_on_one_line(sandbox: Sandbox, name: str) -> None:
    sandbox.add_organization(EMAIL, name)
    form = SignInForm("login", base_url=sandbox.url, store=ProfileStore())
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    form.wait(10)
    bundle: Any = form._repr_mimebundle_()
    assert len(bundle["text/plain"]) < 10_400
    assert "\n" not in bundle["text/plain"]
    assert "<b>" not in bundle["text/html"]


def test_what_was_picked_for_one_account_is_not_asked_of_another(form: SignInForm, sandbox: Sandbox) -> None:
    for name in ("Acme", "Beta"):
        sandbox.add_organization(EMAIL, name)
    sandbox.add_organization("grace@example.com", "Grace's")
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    form.settle()
    form.signin.organization_id = form.organization.value
    form.back.click()
    ask(form, "grace@example.com")
    form.code.value = sandbox.code_for("grace@example.com")
    form.submit.click()
    assert form.wait(10).organization_name == "Grace's"


def test_a_failure_of_whoever_made_the_form_is_said_and_hangs_nothing(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(profile: object) -> str:
        raise ZeroDivisionError("not mine")

    form = SignInForm("signup", base_url=sandbox.url, on_done=broken)
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    assert form.wait(10)
    bundle: Any = form.settle()._repr_mimebundle_()
    assert "not mine" in bundle["text/plain"]
    assert "ZeroDivisionError" in caplog.text


def test_cancelling_at_the_last_moment_changes_no_outcome(sandbox: Sandbox) -> None:
    form: SignInForm
    form = SignInForm("signup", base_url=sandbox.url, on_done=lambda _: form.cancel.click())
    ask(form)
    form.code.value = sandbox.code_for(EMAIL)
    form.submit.click()
    assert form.wait(10)
    form.settle(5)
    bundle: Any = form._repr_mimebundle_()
    assert "Signed in" in bundle["text/plain"]


# --- what goes on in the background ----------------------------------------------------------------


def signed_in_by(form: SignInForm, sandbox: Sandbox, email: str = EMAIL) -> Profile:
    ask(form, email)
    form.code.value = sandbox.code_for(email)
    form.submit.click()
    return form.wait(20)


def test_what_follows_signing_in_may_be_another_form(sandbox: Sandbox, greeter: Path) -> None:
    organization = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url).organization_id
    with Client(base_url=sandbox.url) as client:
        instance = client.deploy_use_case(greeter).process_instance_id
    sandbox.clock.advance(31)
    made: list[Playground] = []

    def go_on(profile: Profile) -> Playground:
        made.append(
            Playground(Client(auth=profile.api_key, base_url=sandbox.url), "greet", instance=instance)
        )
        return made[0]

    form = SignInForm("login", base_url=sandbox.url, store=ProfileStore(), on_done=go_on)
    assert signed_in_by(form, sandbox).organization_id == organization
    bundle: Any = form._repr_mimebundle_()
    assert "Playground" not in bundle["text/plain"]
    made[0].fill({"name": "Ada"}).submit.click()
    assert made[0].wait(20)["greeting"] == "Hello, Ada!"
    sandbox.clock.advance(31)
    assert signed_in_by(SignInForm("login", base_url=sandbox.url, store=None), sandbox)


def test_what_others_have_written_never_runs_on_the_network_thread(sandbox: Sandbox) -> None:
    threads: set[str] = set()

    def note(_: object) -> None:
        threads.add(threading.current_thread().name)

    form = SignInForm("signup", base_url=sandbox.url, store=ProfileStore(), on_done=note)
    for control in (form.message, form.submit, form.resend, form.code):
        control.observe(note)
    signed_in_by(form, sandbox)
    assert len(threads) > 1
    assert "codika-network" not in threads


def test_a_callback_that_never_ends_keeps_no_other_form_waiting(sandbox: Sandbox) -> None:
    end = threading.Event()
    stuck = SignInForm("signup", base_url=sandbox.url, store=None, on_done=lambda _: end.wait(60))
    ask(stuck)
    stuck.code.value = sandbox.code_for(EMAIL)
    stuck.submit.click()
    try:
        other = SignInForm("signup", base_url=sandbox.url, store=None)
        assert signed_in_by(other, sandbox, "grace@example.com")
        assert not stuck.done
    finally:
        end.set()
    assert stuck.wait(10)


def test_cancelling_right_after_a_click_is_answered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for _ in range(20):
            form = SignInForm("signup", base_url=f"http://127.0.0.1:{silent.getsockname()[1]}", store=None)
            form.email.value = EMAIL
            form.send_code.click()
            form.cancel.click()
            form.settle(10)
            assert "Stopped waiting" in message(form)


def test_nothing_waits_for_the_network_thread_on_it(sandbox: Sandbox) -> None:
    form = SignInForm("signup", base_url=sandbox.url, store=ProfileStore())

    async def wait_there() -> None:
        form.wait(30)

    with pytest.raises(ConfigError, match="cannot be waited for here"):
        background.submit(wait_there()).result(10)


def test_what_blocks_leaves_the_network_thread_free() -> None:
    def blocks() -> str:
        time.sleep(0.3)
        return "slow"

    async def both() -> list[str]:
        slow = asyncio.ensure_future(background.in_worker(blocks))
        quick = await background.in_worker(lambda: threading.current_thread().name)
        assert not slow.done()
        return [quick, await slow]

    assert background.submit(both()).result(10) == ["codika-worker", "slow"]


def test_what_is_done_later_can_be_called_off(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    never = background.call_later(0.2, lambda: heard.append("never"))
    background.call_later(0.05, lambda: heard.append("later"))
    background.call_later(0.0, lambda: heard.append("soon"))
    never.cancel()
    background.call_later(0.0, lambda: 1 / 0)
    eventually(lambda: len(heard) == 2)
    time.sleep(0.3)
    assert heard == ["soon", "later"]
    assert "ZeroDivisionError" in caplog.text


def run_python(program: str, **variables: str) -> str:
    """What a program prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SIGN_UP = """
import asyncio, os, sys, threading
from codika_nb import Client, Playground, SignInForm

def ask(email):
    form = SignInForm("signup", base_url=os.environ["URL"], store=None)
    form.email.value = email
    form.send_code.click()
    return form
"""

IN_A_CHILD = """
assert ask("ada@example.com").settle(30).signin.step == "code"
child = os.fork()
if child == 0:
    step = ask("grace@example.com").settle(30).signin.step
    os._exit(0 if step == "code" else 1)
assert os.waitpid(child, 0)[1] == 0
assert ask("eve@example.com").settle(30).signin.step == "code"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_form_in_a_forked_child_is_answered(sandbox: Sandbox) -> None:
    run_python(SIGN_UP + IN_A_CHILD, URL=sandbox.url)
    assert {mail.to for mail in sandbox.inbox} == {EMAIL, "grace@example.com", "eve@example.com"}


WITHOUT_THREADS = """
import codika_nb.notebook.signin_form

def start(thread):
    raise RuntimeError("can't start new thread")

threading.Thread.start = start

async def main():
    form = ask("ada@example.com")
    try:
        form.settle()
    except Exception as error:
        print(type(error).__name__)
    while form.signin.step != "code":
        await asyncio.sleep(0.01)
    form.cancel.click()
    await asyncio.sleep(0.1)
    form = Playground(Client(auth="cko_" + "x" * 64, base_url=os.environ["URL"]), "greet", instance="i")
    print(form)
    try:
        await form
    except Exception as error:
        print(type(error).__name__)
    print(form.message.value)

asyncio.run(main())
print(ask("grace@example.com").settle().message.value)
"""


def test_without_threads_the_running_loop_takes_their_place(sandbox: Sandbox) -> None:
    printed = run_python(SIGN_UP + WITHOUT_THREADS, URL=sandbox.url).splitlines()
    assert printed[:3] == ["ConfigError", "Playground('greet', instance='i')", "AuthenticationError"]
    assert 'role="alert"' in printed[3]
    assert "needs an event loop" in printed[4]
    assert [mail.to for mail in sandbox.inbox] == [EMAIL]


def test_a_choice_begins_with_its_first_option_in_every_kernel() -> None:
    options = [("Choose…", None), ("Basic", "a")]
    assert (Dropdown(description="P", options=options).index, Dropdown(description="P").index) == (0, None)
    program = f"""
from codika_nb.notebook.controls import Dropdown
from codika_nb.notebook.signin_view import FIELDS_AND_BUTTONS
from codika_nb.signin.reactions import MOST_LISTED, Organization
print(Dropdown(description="P", options={options!r}).index)
"""
    assert {run_python(program, PYTHONHASHSEED=str(seed)) for seed in range(6)} == {"0\n"}
