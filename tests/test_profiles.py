"""The config file, case by case: names, damage, modes, and never a key where it can be seen."""

from __future__ import annotations

import copy
import dataclasses
import errno
import json
import os
import pickle
import pprint
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from codika_nb.errors import ConfigError
from codika_nb.profiles import (
    PRODUCTION,
    ConfigWarning,
    Profile,
    ProfileStore,
    expiry_notice,
    is_loopback,
    mask,
    normalize_base_url,
    same_host,
)
from codika_nb.profiles import document as profiles

unix_modes = pytest.mark.skipif(os.name != "posix", reason="needs Unix file modes")

KEY = "cko_aB12" + "x" * 60
SECRET = "x" * 60
ACME = Profile(KEY, organization_id="org_acme", organization_name="Acme, Inc.")
BETA = Profile("cko_bB34" + "y" * 60, organization_id="org_beta", organization_name="Beta Corp")
STAGING = "https://staging.example"


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "codika" / "config.json")


def written(store: ProfileStore) -> Any:
    return json.loads(store.path.read_bytes())


def put(store: ProfileStore, content: object) -> None:
    """Write the file as somebody else has, some time ago."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    store.path.parent.mkdir(mode=0o700, exist_ok=True)
    store.path.touch(mode=0o600)
    store.path.write_bytes(raw)
    os.utime(store.path, (1_700_000_000, 1_700_000_000))


def names(store: ProfileStore) -> list[str | None]:
    return [profile.name for profile in store.list()]


# --- Where the file is --------------------------------------------------------------------------


def test_the_file_is_where_the_tool_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ProfileStore()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv("XDG_CONFIG_HOME")
        else:
            monkeypatch.setenv("XDG_CONFIG_HOME", unset)
        assert store.path == tmp_path / ".config" / "codika" / "config.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert store.path == tmp_path / "elsewhere" / "codika" / "config.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.chdir(tmp_path)
    store.save(ACME)
    assert (tmp_path / "relative" / "codika" / "config.json").is_file()


def test_looking_makes_nothing(store: ProfileStore) -> None:
    assert store.active() is None
    assert store.list() == []
    assert repr(store) == f"ProfileStore({str(store.path)!r})"
    assert not store.path.parent.exists()


def test_no_folder_can_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # What people do to switch a program's configuration off.
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(blocked))
    assert ProfileStore().list() == []
    with pytest.raises(ConfigError, match="cannot be written"):
        ProfileStore().check_writable()


@pytest.fixture
def old_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration home that only the tool's predecessor has used."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    old = tmp_path / "codika-helper"
    (old / "sub").mkdir(parents=True)
    (old / "sub" / "more.txt").write_text("kept")
    put(ProfileStore(old / "config.json"), {"activeProfile": "a", "profiles": {"a": {"apiKey": KEY}}})
    return old


def test_the_old_folder_is_moved_in(old_home: Path, tmp_path: Path) -> None:
    with pytest.warns(ConfigWarning, match="still holds working keys") as told:
        assert ProfileStore().get("a").api_key == KEY
    assert len(told) == 1
    assert told[0].filename == __file__
    new = tmp_path / "codika"
    assert (new / "sub" / "more.txt").read_text() == "kept"
    assert (new / "config.json").read_bytes() == (old_home / "config.json").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["codika", "codika-helper"]
    assert ProfileStore().list()  # and says nothing more


@unix_modes
def test_the_old_folder_is_moved_in_privately(old_home: Path, tmp_path: Path) -> None:
    for path in (old_home, old_home / "sub"):
        path.chmod(0o755)
    for path in (old_home / "config.json", old_home / "sub" / "more.txt"):
        path.chmod(0o644)
    with pytest.warns(ConfigWarning):
        ProfileStore().list()
    new = tmp_path / "codika"
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (new / "config.json", new / "sub" / "more.txt")}
    assert modes == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in (new, new / "sub")} == {0o700}


def test_the_old_folder_stays_out_once_there_is_a_new_one(old_home: Path, tmp_path: Path) -> None:
    (tmp_path / "codika").mkdir()
    assert ProfileStore().list() == []


def test_kernels_that_move_in_at_once(old_home: Path, tmp_path: Path) -> None:
    def look() -> None:
        barrier.wait()
        found.append(ProfileStore().get("a").api_key)

    barrier, found = threading.Barrier(8), list[str]()
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [KEY] * 8
    assert sorted(p.name for p in tmp_path.iterdir()) == ["codika", "codika-helper"]


@unix_modes
def test_the_old_folder_serves_where_it_cannot_be_copied(ordinary_user: Path) -> None:
    base = ordinary_user / "home"
    store = ProfileStore(base / "codika-helper" / "config.json")
    base.mkdir()
    put(store, {"activeProfile": "a", "profiles": {"a": {"apiKey": KEY}}})
    base.chmod(0o500)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(base))
        assert ProfileStore().get("a").api_key == KEY
    base.chmod(0o700)


# --- Names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (Profile("k", organization_name="Acme, Inc."), "acme-inc"),
        (Profile("k", organization_name="Société Générale"), "soci-t-g-n-rale"),
        (Profile("k", organization_name="日本"), "default"),
        (Profile("k", organization_name="--A__b--"), "a-b"),
        (Profile("k", organization_name="42"), "42"),
        (Profile("k", organization_name="Acme", key_name="My key"), "acme"),
        (Profile("k", key_name="My key", key_prefix="cko_aB12"), "my-key"),
        (Profile("k", key_prefix="cko_aB12"), "cko_aB12"),
        (Profile("k"), "default"),
        (Profile("k", type="personal-api-key", organization_name="Acme", key_name="Lap top"), "lap-top"),
        (Profile("k", type="personal-api-key", key_prefix="ckp_aB12"), "ckp_aB12"),
        (Profile("k", type="personal-api-key"), "personal"),
        (Profile("k", type="personal-api-key", key_name="日本"), "default"),
        (Profile("k", type="admin-api-key", organization_name="Acme", key_name="Root"), "root"),
        (Profile("k", type="admin-api-key"), "default"),
        # What a server could send to make the tool lose a key.
        (Profile("k", organization_name="Constructor"), "constructor-2"),
        (Profile("k", key_prefix="__proto__"), "__proto__-2"),
        (Profile("k", key_prefix="../../x"), "default"),
        (Profile("k", key_prefix="a\nb"), "default"),
    ],
)
def test_the_name_is_made_as_the_tool_makes_it(store: ProfileStore, profile: Profile, name: str) -> None:
    assert store.save(profile).name == name
    assert names(store) == [name]


def test_a_taken_name_gets_a_number(store: ProfileStore) -> None:
    for number in range(1, 4):
        profile = Profile(f"k{number}", organization_id=f"org_{number}", organization_name="My Organization")
        store.save(profile)
    assert names(store) == ["my-organization", "my-organization-2", "my-organization-3"]
    store.remove("my-organization-2")
    assert store.save(replace(BETA, organization_name="My Organization")).name == "my-organization-2"


def test_a_new_key_renews_the_profile_of_its_organization(store: ProfileStore) -> None:
    store.save(replace(ACME, expires_at="2099-01-01T00:00:00.000Z"))
    store.save(BETA)
    saved = store.save(Profile("cko_new", organization_id="org_acme", organization_name="Renamed"))
    assert saved.name == "acme-inc"
    assert store.active() == saved
    assert saved.expires_at is None  # the old key's date is not the new key's
    assert names(store) == ["acme-inc", "beta-corp"]


def test_the_active_profile_is_renewed_before_the_first(store: ProfileStore) -> None:
    store.save(ACME, name="first")
    store.save(ACME, name="second")
    store.save(replace(ACME, api_key="cko_new"))
    assert [p.api_key for p in store.list()] == [KEY, "cko_new"]
    store.save(BETA)
    store.save(replace(ACME, api_key="cko_newer"))  # none of this organization is active
    assert [p.api_key for p in store.list()] == ["cko_newer", "cko_new", BETA.api_key]


def test_a_profile_from_the_file_goes_back_to_its_place(store: ProfileStore) -> None:
    store.save(ACME, name="first")
    store.save(ACME, name="second")
    assert store.save(replace(store.get("first"), key_name="changed")).name == "first"
    assert [p.key_name for p in store.list()] == ["changed", None]


def test_the_same_key_is_the_same_profile(store: ProfileStore) -> None:
    personal = Profile("ckp_one", type="personal-api-key", key_name="laptop")
    assert [store.save(personal).name for _ in range(2)] == ["laptop", "laptop"]
    assert store.save(replace(personal, api_key="ckp_two")).name == "laptop-2"


def test_the_same_organization_elsewhere_is_another(store: ProfileStore) -> None:
    store.save(ACME)
    there = store.save(replace(ACME, api_key="cko_there", base_url=f"{STAGING}/"))
    assert (there.name, there.base_url, there.host) == ("acme-inc-2", STAGING, STAGING)
    assert store.get("acme-inc").api_key == KEY
    assert (
        store.save(replace(ACME, api_key="cko_new", base_url="HTTPS://Staging.example:443")).name
        == "acme-inc-2"
    )
    # Production, stated or not, is where the first one is.
    assert store.save(replace(ACME, base_url=f"{PRODUCTION}/")).name == "acme-inc"
    assert store.save(ACME).name == "acme-inc"
    assert "baseUrl" not in written(store)["profiles"]["acme-inc"]


def test_a_new_key_stays_with_the_server_of_the_old(store: ProfileStore) -> None:
    store.save(replace(ACME, base_url=STAGING))
    saved = store.save(replace(ACME, api_key="cko_new"))
    assert (saved.name, saved.base_url) == ("acme-inc", STAGING)
    assert written(store)["profiles"]["acme-inc"]["baseUrl"] == STAGING
    stated = store.save(replace(ACME, base_url=PRODUCTION))
    assert (stated.name, stated.base_url) == ("acme-inc-2", None)


def test_a_given_name_is_used_and_kept(store: ProfileStore) -> None:
    saved = store.save(ACME, name="My work")
    assert saved.name == "My work"
    assert store.save(replace(ACME, api_key="cko_new")).name == "My work"
    assert store.save(replace(ACME, api_key="cko_newer"), name="My work").name == "My work"
    assert store.save(ACME, name="spare").name == "spare"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (BETA, "another organization, 'Acme, Inc.'"),
        (Profile("cko_z"), "another organization"),
        (replace(ACME, base_url=STAGING), "another server, https://api.codika.io"),
    ],
)
def test_a_given_name_takes_nothing_away(store: ProfileStore, other: Profile, reason: str) -> None:
    store.save(ACME, name="work")
    before = store.path.read_bytes()
    with pytest.raises(ConfigError, match=reason) as refused:
        store.save(other, name="work")
    assert refused.value.next_action
    assert store.path.read_bytes() == before
    saved = store.save(other, name="work", overwrite=True)
    assert store.list() == [saved]
    assert (saved.api_key, saved.host) == (other.api_key, other.host)


def test_overwriting_hands_nothing_of_the_old_profile_on(store: ProfileStore) -> None:
    store.save(replace(ACME, base_url=STAGING, extra={"colour": "red"}), name="work")
    saved = store.save(BETA, name="work", overwrite=True)
    assert (saved.base_url, saved.extra) == (None, {})


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "a\nb",
        "a\x00b",
        "a/b",
        "a\\b",
        "n" * 101,
        "-x",
        "\ud800",
        "__proto__",
        "constructor",
        "toString",
    ],
)
def test_a_name_that_would_not_work_is_refused(store: ProfileStore, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a profile"):
        store.save(ACME, name=name)
    assert not store.path.exists()


@pytest.mark.parametrize("name", ["a", "n" * 100, "Büro 3", "日本", "a.b@c", "'quoted\""])
def test_a_name_may_be_what_people_write(store: ProfileStore, name: str) -> None:
    store.save(ACME, name=name)
    assert store.use(name).name == name


def test_inherited_names_that_are_in_the_file_work(store: ProfileStore) -> None:
    put(store, b'{"activeProfile": "__proto__", "profiles": {"__proto__": {"apiKey": "cko_p"}}}')
    active = store.active()
    assert active is not None
    assert active.api_key == "cko_p"
    store.save(ACME)
    assert names(store) == ["__proto__", "acme-inc"]
    assert ProfileStore(store.path).remove("__proto__").api_key == "cko_p"


def test_an_unknown_name_is_answered_with_the_known(store: ProfileStore) -> None:
    with pytest.raises(ConfigError, match=r"no profile 'acme'.\ncodika_nb.sign_in"):
        store.get("acme")
    store.save(ACME)
    store.save(BETA)
    for ask in (store.get, store.use, store.remove):
        with pytest.raises(ConfigError) as unknown:
            ask("acme-in")
        assert str(unknown.value) == (
            "There is no profile 'acme-in'.\n"
            "Did you mean 'acme-inc'? Known profiles: 'acme-inc', 'beta-corp'."
        )
    with pytest.raises(ConfigError, match="Known profiles: ") as unknown:
        store.get("zzz")
    assert "Did you mean" not in str(unknown.value)


# --- What becomes active ------------------------------------------------------------------------


def test_which_profile_is_active(store: ProfileStore) -> None:
    store.save(ACME, activate=False)
    assert written(store)["activeProfile"] == "acme-inc"  # somebody has to be
    store.save(BETA, activate=False)
    assert written(store)["activeProfile"] == "acme-inc"
    store.save(replace(BETA, organization_id="org_3", organization_name="Third"))
    assert written(store)["activeProfile"] == "third"
    assert store.use("beta-corp").name == "beta-corp"
    assert store.active() == store.get("beta-corp")
    store.remove("third")
    assert written(store)["activeProfile"] == "beta-corp"
    store.remove("beta-corp")
    assert written(store)["activeProfile"] == "acme-inc"
    assert store.remove("acme-inc").api_key == KEY
    assert written(store) == {"activeProfile": None, "profiles": {}}
    assert store.active() is None


@pytest.mark.parametrize("active", [None, "gone", "broken", 7, ["acme"], {"a": 1}])
def test_an_active_profile_that_is_none(store: ProfileStore, active: object) -> None:
    put(store, {"activeProfile": active, "profiles": {"a": {"apiKey": "cko_a"}, "broken": 1}})
    assert store.active() is None
    store.save(BETA, activate=False)
    assert written(store)["activeProfile"] == "beta-corp"


def test_the_first_is_the_first_in_javascript(store: ProfileStore) -> None:
    for name in ("b", "10", "9", "01", "4294967294", "4294967295", "active"):
        store.save(Profile(f"cko_{name}"), name=name)
    assert names(store) == ["9", "10", "4294967294", "b", "01", "4294967295", "active"]
    store.remove("active")
    assert written(store)["activeProfile"] == "9"


# --- How it is written --------------------------------------------------------------------------


def test_the_file_looks_as_the_tool_writes_it(store: ProfileStore) -> None:
    saved = store.save(
        Profile(
            base_url="https://staging.example/",
            expires_at="2026-04-30T09:15:00.000Z",
            created_at="2026-01-31T09:15:00.000Z",
            scopes=("deploy:use-case",),
            key_prefix="cko_aB12",
            key_name="CLI default key",
            organization_name="Société \u2028 \U0001f600 \ud83d",
            organization_id="org_1",
            api_key=KEY,
        )
    )
    assert store.path.read_bytes().decode() == textwrap.dedent(
        f"""\
        {{
          "activeProfile": "soci-t",
          "profiles": {{
            "soci-t": {{
              "apiKey": "{KEY}",
              "type": "org-api-key",
              "organizationId": "org_1",
              "organizationName": "Société \u2028 \U0001f600 \\ud83d",
              "keyName": "CLI default key",
              "keyPrefix": "cko_aB12",
              "scopes": [
                "deploy:use-case"
              ],
              "createdAt": "2026-01-31T09:15:00.000Z",
              "expiresAt": "2026-04-30T09:15:00.000Z",
              "baseUrl": "https://staging.example"
            }}
          }}
        }}
        """
    )
    assert store.get("soci-t") == saved


def test_unknown_members_survive_at_every_level(store: ProfileStore) -> None:
    document = {
        "$schema": {"deep": [1, 2.5, None, {"half": "\ud83d"}]},
        "profiles": {
            "acme": {"colour": "red", "apiKey": KEY, "organizationId": "org_acme", "expiresAt": "soon"},
            "other": {"apiKey": "cko_other", "scopes": "not a list", "nested": {"a": []}},
            "broken": ["no", "profile"],
            "keyless": {"organizationId": "org_acme", "apiKey": ""},
        },
        "activeProfile": "acme",
        "later": True,
    }
    put(store, document)
    assert names(store) == ["acme", "other"]
    store.use("other")
    assert written(store) == {**document, "activeProfile": "other"}
    assert list(written(store)) == list(document)
    saved = store.save(replace(ACME, api_key="cko_new", extra={"shape": "round"}))
    assert (saved.name, saved.extra) == ("acme", {"colour": "red", "shape": "round"})
    after = written(store)
    assert after["profiles"].pop("acme") == {
        "apiKey": "cko_new",
        "type": "org-api-key",
        "organizationId": "org_acme",
        "organizationName": "Acme, Inc.",
        "colour": "red",
        "shape": "round",
    }
    document["profiles"].pop("acme")  # type: ignore[attr-defined]
    assert after == {**document, "activeProfile": "acme"}
    store.remove("other")
    assert written(store)["profiles"]["broken"] == ["no", "profile"]


def test_what_is_no_json_is_not_saved(store: ProfileStore) -> None:
    store.save(ACME)
    before = store.path.read_bytes()
    for value in (float("nan"), object(), {1, 2}):
        with pytest.raises(ConfigError, match="cannot be written as JSON"):
            store.save(replace(ACME, extra={"value": value}))
    with pytest.raises(ConfigError, match="without a key"):
        store.save(replace(ACME, api_key=""))
    assert store.path.read_bytes() == before
    assert not list(store.path.parent.glob("*.tmp"))


@unix_modes
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_everything_is_private(store: ProfileStore, umask: int) -> None:
    before = os.umask(umask)
    try:
        store.save(ACME)
        store.check_writable()
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in store.path.parent.iterdir()} == {0o600}


@unix_modes
@pytest.mark.parametrize("change", ["save", "use", "remove"])
def test_an_open_file_is_closed_and_its_owner_told_once(store: ProfileStore, change: str) -> None:
    store.save(ACME)
    store.save(BETA)
    changes: dict[str, Callable[[], object]] = {
        "save": lambda: store.save(ACME),
        "use": lambda: store.use("acme-inc"),
        "remove": lambda: store.remove("beta-corp"),
    }
    store.path.chmod(0o644)
    store.path.parent.chmod(0o755)
    with pytest.warns(ConfigWarning, match=r"open to other accounts .*mode 0644") as told:
        changes[change]()
    assert len(told) == 1
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    store.path.chmod(0o644)
    store.save(ACME)  # a second warning would be an error
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


@unix_modes
def test_a_folder_that_is_not_the_tools_stays_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    ProfileStore(shared / "config.json").save(ACME)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


@unix_modes
def test_a_warning_that_is_an_error_comes_after_the_save(store: ProfileStore) -> None:
    store.save(ACME)
    store.path.chmod(0o640)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConfigWarning):
            store.save(BETA)
    assert names(store) == ["acme-inc", "beta-corp"]


@unix_modes
def test_a_linked_file_is_followed(store: ProfileStore, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "codika.json"
    store.path.parent.mkdir()
    store.path.symlink_to(Path("..", "dotfiles", "codika.json"))
    store.save(ACME)  # the link leads nowhere yet
    store.save(BETA)
    assert store.path.is_symlink()
    assert not real.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert [p.name for p in ProfileStore(real).list()] == names(store) == ["acme-inc", "beta-corp"]
    assert [p.name for p in store.path.parent.iterdir()] == ["config.json"]
    put(ProfileStore(real), b"{cut")
    with pytest.warns(ConfigWarning, match="dotfiles.*corrupt-"):
        store.save(ACME)
    assert store.path.is_symlink()


@unix_modes
def test_a_link_that_leads_in_a_circle(store: ProfileStore) -> None:
    store.path.parent.mkdir()
    store.path.symlink_to("config.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        store.list()
    with pytest.raises(ConfigError):
        store.save(ACME)
    assert store.path.is_symlink()


# --- What can be found in its place -------------------------------------------------------------

CORRUPT = {
    "cut": (b'{"activeProfile": "acme", "profiles": {"acme": {"apiKey": "cko_', "not JSON"),
    "text": (b"hello", "not JSON"),
    "two": (b"{}{}", "not JSON"),
    "comment": (b'{} // "profiles"', "not JSON"),
    "zeros": (b"\0" * 500, "not JSON"),
    "nan": (b'{"profiles": {}, "x": NaN}', "not JSON"),
    "infinity": (b'{"profiles": {}, "x": -Infinity}', "not JSON"),
    "huge": (b'{"profiles": {}, "x": 1e999}', "not JSON"),
    "digits": (b'{"profiles": {}, "x": 1' + b"0" * 9000 + b"}", "not JSON"),
    "deep": (b'{"profiles": {}, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
    "latin-1": ('{"profiles": {}, "x": "é"}'.encode("latin-1"), "not UTF-8"),
    "utf-16": ('{"profiles": {}}'.encode("utf-16"), "not UTF-8"),
    "surrogate": (b'{"profiles": {}, "x": "\xed\xa0\xbd"}', "not UTF-8"),
    "list": (b"[]", "holds a list"),
    "null": (b"null", "holds null"),
    "string": (b'"profiles"', "holds a string"),
    "number": (b"12", "holds a number"),
    "bool": (b"true", "holds true or false"),
    "profiles null": (b'{"activeProfile": null, "profiles": null}', '"profiles" is null'),
    "profiles list": (b'{"activeProfile": null, "profiles": []}', '"profiles" is a list'),
    "profiles string": (b'{"profiles": ""}', '"profiles" is a string'),
    "profiles number": (b'{"profiles": 0.5}', '"profiles" is a number'),
}


@pytest.mark.parametrize(("raw", "found"), CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_file_is_told_of_and_kept(store: ProfileStore, raw: bytes, found: str) -> None:
    put(store, raw)
    attempts: list[Callable[[], object]] = [
        store.active,
        store.list,
        lambda: store.get("acme"),
        lambda: store.use("acme"),
        lambda: store.remove("acme"),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigError, match=found) as refused:
            attempt()
        assert str(store.path) in str(refused.value)
        assert "left as it is" in str(refused.value)
        assert store.path.read_bytes() == raw
    store.check_writable()
    assert store.path.read_bytes() == raw
    with pytest.warns(ConfigWarning, match=found) as told:
        store.save(ACME)
    (aside,) = store.path.parent.glob("config.json.corrupt-*")
    assert str(aside) in str(told[0].message)
    assert aside.read_bytes() == raw
    assert aside.name.removeprefix("config.json.corrupt-").startswith(f"{datetime.now(UTC):%Y%m%dT}")
    assert os.name != "posix" or stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert written(store)["activeProfile"] == "acme-inc"
    put(store, raw)
    with pytest.warns(ConfigWarning, match=found):
        store.save(ACME)  # within the same second: the first copy stays
    assert len(list(store.path.parent.glob("config.json.corrupt-*"))) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" \n\t",
        b"\xef\xbb\xbf",
        b"{}",
        b'{"profiles": {}}',
        b'{"activeProfile": null}',
        b'{"other": [1]}',
    ],
)
def test_an_empty_configuration_is_one(store: ProfileStore, raw: bytes) -> None:
    put(store, raw)
    assert store.list() == []
    assert store.active() is None
    store.save(ACME)
    assert names(store) == ["acme-inc"]
    assert list(store.path.parent.glob("*corrupt*")) == []
    assert ('"other"' in store.path.read_text()) == (b"other" in raw)


def test_a_byte_order_mark_is_accepted(store: ProfileStore) -> None:
    put(
        store,
        b"\xef\xbb\xbf" + json.dumps({"activeProfile": "a", "profiles": {"a": {"apiKey": KEY}}}).encode(),
    )
    assert names(store) == ["a"]
    store.save(BETA)
    assert names(store) == ["a", "beta-corp"]
    assert store.path.read_bytes().startswith(b"{")


@pytest.mark.parametrize(
    "entry",
    [
        None,
        5,
        "text",
        ["list"],
        {},
        {"apiKey": None},
        {"apiKey": ""},
        {"apiKey": ["cko"]},
        {"apiKey": "cko_x", "baseUrl": 80},
        {"apiKey": "cko_x", "baseUrl": "nowhere"},
        {"apiKey": "cko_x", "baseUrl": "https://ada:pw@example.com"},
    ],
)
def test_one_malformed_profile_does_not_spoil_the_others(store: ProfileStore, entry: object) -> None:
    put(store, {"activeProfile": "acme-inc", "profiles": {"acme-inc": entry, "good": {"apiKey": "cko_good"}}})
    assert store.active() is None
    assert names(store) == ["good"]
    for attempt in (store.get, store.use, store.remove):
        with pytest.raises(ConfigError, match="without a usable key and server"):
            attempt("acme-inc")
    with pytest.raises(ConfigError, match="left as it is"):
        store.save(ACME, name="acme-inc")
    assert store.save(ACME).name == "acme-inc-2"
    assert written(store)["profiles"]["acme-inc"] == entry
    assert store.save(BETA, name="acme-inc", overwrite=True).name == "acme-inc"


@pytest.mark.parametrize("value", [None, 5, True, [], {}, [1], "", {"x": "y"}])
def test_members_of_the_wrong_type_count_as_absent(store: ProfileStore, value: object) -> None:
    wrong = dict.fromkeys(
        ["type", "organizationId", "organizationName", "keyName", "keyPrefix", "createdAt", "expiresAt"],
        value,
    )
    put(store, {"activeProfile": "a", "profiles": {"a": {"apiKey": KEY, "scopes": value, **wrong}}})
    profile = store.get("a")
    assert profile == Profile(KEY, name="a")
    assert not profile.expired()
    assert repr(profile) == "Profile('a', key='cko_aB12...')"


def test_a_folder_or_a_pipe_in_its_place(store: ProfileStore) -> None:
    kinds: list[Callable[[], object]] = [store.path.mkdir]
    if os.name == "posix":
        kinds.append(lambda: os.mkfifo(store.path))
    store.path.parent.mkdir()
    for make in kinds:
        make()
        before = store.path.lstat()
        for attempt in (store.list, store.check_writable, lambda: store.save(ACME)):
            with pytest.raises(ConfigError, match="cannot be read"):
                attempt()
        assert store.path.lstat() == before
        assert [p.name for p in store.path.parent.iterdir() if not p.name.endswith(".lock")] == [
            "config.json"
        ]
        with suppress(IsADirectoryError, PermissionError):
            store.path.unlink()
        if store.path.exists():
            store.path.rmdir()


@pytest.fixture
def ordinary_user(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder, as somebody whom file modes bind: root, in whose name containers test, is not bound."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)


@unix_modes
def test_a_file_that_may_not_be_read_is_never_replaced(ordinary_user: Path) -> None:
    store = ProfileStore(ordinary_user / "codika" / "config.json")
    store.save(ACME)
    before = store.path.read_bytes()
    store.path.chmod(0o000)
    attempts: list[Callable[[], object]] = [
        store.list,
        store.active,
        store.check_writable,
        lambda: store.save(BETA),
        lambda: store.use("acme-inc"),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            attempt()
    store.path.chmod(0o600)
    assert store.path.read_bytes() == before


@unix_modes
def test_a_folder_that_may_not_be_written(ordinary_user: Path) -> None:
    store = ProfileStore(ordinary_user / "codika" / "config.json")
    store.save(ACME)
    before = store.path.read_bytes()
    for mode in (0o500, 0o000):
        for path in store.path.parent.glob("*.lock"):
            path.unlink()
        store.path.parent.chmod(mode)
        for attempt in (store.check_writable, lambda: store.save(BETA)):
            with pytest.raises(ConfigError, match=r"cannot be (written|read): Permission denied") as refused:
                attempt()
            assert "XDG_CONFIG_HOME" in str(refused.value.next_action)
        store.path.parent.chmod(0o700)
    assert store.path.read_bytes() == before
    assert [p.name for p in store.path.parent.iterdir()] == ["config.json"]
    ordinary_user.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        ProfileStore(ordinary_user / "new" / "codika" / "config.json").check_writable()
    ordinary_user.chmod(0o700)


def test_check_writable_changes_nothing(store: ProfileStore) -> None:
    store.check_writable()
    assert not store.path.exists()
    assert store.list() == []
    store.save(ACME)
    before = store.path.stat()
    store.check_writable()
    after = store.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not list(store.path.parent.glob("*.tmp"))


@unix_modes
def test_a_full_disk_costs_nothing(store: ProfileStore) -> None:
    store.save(ACME)
    before = store.path.read_bytes()
    code = """
        import resource, sys
        from codika_nb import ConfigError, Profile, ProfileStore
        store = ProfileStore(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        for attempt in (store.check_writable, lambda: store.save(Profile("cko_new", name="new"))):
            try:
                attempt()
            except ConfigError as error:
                print(error.message)
    """
    told = run(code, str(store.path))
    assert told.count("cannot be written: File too large") == 2
    assert store.path.read_bytes() == before
    assert [p.name for p in store.path.parent.iterdir() if p.suffix != ".lock"] == ["config.json"]


@unix_modes
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="needs root, who can take files away")
def test_root_leaves_the_file_to_its_owner(store: ProfileStore) -> None:
    store.save(ACME)
    os.chown(store.path, 12345, 12345)
    store.save(BETA)
    assert (store.path.stat().st_uid, store.path.stat().st_gid) == (12345, 12345)


# --- Others at the same file --------------------------------------------------------------------


def run(code: str, *arguments: str) -> str:
    """Run `code` in a process of its own; returns what it prints."""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_file_that_others_write_for_long(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codika_nb.profiles.store._PATIENCE", 0.2)
    store.save(ACME)
    lock = f"{store.path}.lock"
    with FileLock(lock):
        for attempt in (lambda: store.save(BETA), store.check_writable, lambda: store.use("acme-inc")):
            thread_saw: list[str] = []

            def try_it(attempt: Callable[[], object] = attempt, saw: list[str] = thread_saw) -> None:
                with pytest.raises(ConfigError, match="being written by other programs") as refused:
                    attempt()
                saw.append(str(refused.value))

            thread = threading.Thread(target=try_it)
            thread.start()
            thread.join()
            assert "Try again" in thread_saw[0]
            assert "delete" not in thread_saw[0]
            assert lock not in thread_saw[0]
        assert names(store) == ["acme-inc"]  # reading needs no lock
    store.save(BETA)
    assert names(store) == ["acme-inc", "beta-corp"]


def test_threads_lose_nothing(store: ProfileStore) -> None:
    def save(number: int) -> None:
        for turn in range(10):
            store.save(Profile(f"cko_{number}_{turn}", organization_id=f"org_{number}_{turn}"))
            assert store.active() is not None

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {p.api_key for p in store.list()} == {f"cko_{n}_{t}" for n in range(8) for t in range(10)}


@unix_modes
def test_what_is_refused_leaves_nothing_behind(store: ProfileStore, tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    os.mkfifo(far / "pipe")
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.symlink_to(far / "pipe")
    for attempt in (lambda: store.save(ACME), store.check_writable):
        with pytest.raises(ConfigError, match="not a file"):
            attempt()
    assert [each.name for each in far.iterdir()] == ["pipe"]


@pytest.mark.parametrize(
    "number", ["ENOLCK", "ENOSYS", "EINVAL", "EOPNOTSUPP", "ENOTTY", "EPERM", "EBADF", "ENODEV", "9999"]
)
def test_where_the_file_system_has_no_locks(store: ProfileStore, number: str) -> None:
    # The system call is made to answer as it does on a network home without a lock daemon.
    code = """
        import errno, fcntl, sys, threading
        def flock(descriptor, operation):
            raise OSError(getattr(errno, sys.argv[2], 9999), "No locks available")
        fcntl.flock = flock
        from codika_nb.profiles import Profile, ProfileStore
        store = ProfileStore(sys.argv[1])
        def save(number):
            for turn in range(5):
                store.save(Profile(f"cko_{number}_{turn}", organization_id=f"org_{number}_{turn}"))
        threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(store.list()))
    """
    if os.name != "posix":
        pytest.skip("Windows always has locks")
    assert run(code, str(store.path), number) == "20\n"
    assert not store.path.with_name("config.json.lock.soft").exists()


@unix_modes
@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.EBADF, 9999])
def test_where_the_file_system_has_no_modes(
    store: ProfileStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number))

    store.path.parent.mkdir(parents=True, mode=0o755)
    for name in ("chmod", "fchmod", "fchown"):
        monkeypatch.setattr(os, name, refuse)
    store.save(ACME)
    assert names(store) == ["acme-inc"]


def test_what_a_program_without_locks_writes_meanwhile_is_not_lost(store: ProfileStore) -> None:
    store.save(ACME)
    theirs = {"activeProfile": "theirs", "profiles": {"theirs": {"apiKey": "cko_theirs"}}}
    turns: list[int] = []

    def change(document: Any) -> Any:
        if not turns:  # between our reading and our writing
            put(store, theirs)
        turns.append(1)
        return document.put(BETA, None, activate=True, overwrite=False)

    store._update(change)
    assert len(turns) == 2
    assert names(store) == ["theirs", "beta-corp"]


@pytest.mark.parametrize("begun", [b"", b'{"activeProfile": "the'])
def test_a_file_that_is_being_written_is_waited_for(
    store: ProfileStore, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {"activeProfile": "theirs", "profiles": {"theirs": {"apiKey": "cko_theirs"}}}
    store.save(ACME)
    store.path.write_bytes(begun)
    begins = store.path.stat().st_mtime
    waits: list[float] = []

    def finish(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            store.path.write_text(json.dumps(theirs))

    # Within the time that it is waited for, however busy the machine is.
    monkeypatch.setattr(time, "time", lambda: begins + 0.01)
    monkeypatch.setattr(time, "sleep", finish)
    store.save(BETA)
    assert len(waits) >= 2
    assert names(store) == ["theirs", "beta-corp"]
    assert list(store.path.parent.glob("*corrupt*")) == []


def test_what_a_killed_process_left_is_cleared_away(store: ProfileStore) -> None:
    store.save(ACME)
    left = store.path.with_name(".config.json.0123456789abcdef.tmp")
    left.write_text(KEY)
    store.save(BETA)
    assert not left.exists()


# --- Whatever is in the file --------------------------------------------------------------------

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
)  # every character, half surrogates too
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)
member_names = st.sampled_from([*profiles._MEMBERS.values(), "note"]) | st.text(max_size=6)
likely = st.sampled_from(
    ["acme-inc", "beta-corp", "default", "__proto__", "toString", "7", "10", "org_acme", KEY]
)
entries = values | st.dictionaries(member_names, values | likely, max_size=6).map(
    lambda e: {"apiKey": "cko_e", **e}
)
documents = values | st.fixed_dictionaries(
    {"profiles": st.dictionaries(likely | st.text(max_size=6), entries, max_size=4) | values},
    optional={"activeProfile": likely | values, "note": values, "7": values, "": values},
)


def without_nan(value: object) -> bool:
    return "NaN" not in (text := json.dumps(value)) and "Infinity" not in text


@settings(max_examples=200, deadline=None)
@given(raw=documents.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40))
def test_nothing_in_the_file_makes_it_raise(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = ProfileStore(Path(folder) / "config.json")
        put(store, raw)
        attempts: list[Callable[[], object]] = [
            store.active,
            lambda: [(repr(p), p.host, p.days_left(), expiry_notice(p)) for p in store.list()],
            lambda: store.get("acme-inc"),
            store.check_writable,
            lambda: store.use("missing \ud800"),
            lambda: store.remove("missing"),
        ]
        for attempt in attempts:
            with suppress(ConfigError):
                attempt()
            assert store.path.read_bytes() == raw
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConfigWarning)
            saved = store.save(ACME)
        assert store.active() == saved
        aside = list(Path(folder).glob("*corrupt*"))
        assert [path.read_bytes() for path in aside] in ([], [raw])
        for name in names(store):
            store.use(str(name))
            store.remove(str(name))


@settings(max_examples=200, deadline=None)
@given(
    document=st.fixed_dictionaries(
        {"profiles": st.dictionaries(likely | st.text(max_size=6), entries, max_size=4)},
        optional={"activeProfile": likely | values, "note": values, "7": values, "": values},
    ).filter(without_nan)
)
def test_nothing_unknown_is_dropped(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = ProfileStore(Path(folder) / "config.json")
        put(store, document)
        before = {p.name: p for p in store.list()}
        saved = store.save(ACME)
        after = written(store)
        assert {m: v for m, v in after.items() if m not in {"activeProfile", "profiles"}} == {
            m: v for m, v in document.items() if m not in {"activeProfile", "profiles"}
        }
        for name, entry in document["profiles"].items():
            if name != saved.name:
                assert after["profiles"][name] == entry
        assert saved.extra == (before[saved.name].extra if saved.name in before else {})
        assert store.get(str(saved.name)) == saved
        assert set(after["profiles"]) == {*document["profiles"], saved.name}


# --- A profile ----------------------------------------------------------------------------------


def test_a_profile_shows_itself_without_its_key() -> None:
    profile = replace(ACME, name="acme-inc")
    assert repr(profile) == "Profile('acme-inc', organization='Acme, Inc.', key='cko_aB12...')"
    assert repr(Profile(KEY)) == "Profile(key='cko_aB12...')"
    shown = [
        repr(profile),
        str(profile),
        f"{profile}",
        format(profile),
        f"{profile!r:>200}",
        "%s" % (profile,),  # noqa: UP031 - one more way in which logs show things
        repr([profile, {profile.name: profile}]),
        repr(dataclasses.asdict(profile)),
        repr(dataclasses.astuple(profile)),
        repr(vars(profile)),
        repr(profile.api_key),
        f"{profile.api_key!r}",
        pprint.pformat(profile),
        pprint.pformat(dataclasses.asdict(profile)),
        repr(copy.deepcopy(profile)),
    ]
    assert not [text for text in shown if SECRET in text]
    assert not hasattr(profile, "_repr_mimebundle_")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(profile)
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.api_key = "cko_other"  # type: ignore[misc]


def test_ipython_shows_it_in_one_line() -> None:
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(replace(ACME, name="acme-inc"))
    assert data == {"text/plain": "Profile('acme-inc', organization='Acme, Inc.', key='cko_aB12...')"}


def test_the_key_is_still_a_text_that_can_be_sent() -> None:
    key = ACME.api_key
    assert key == KEY
    assert (f"{key}", str(key), key.encode(), json.dumps(key)) == (KEY, KEY, KEY.encode(), f'"{KEY}"')
    assert {key: 1}[KEY] == 1
    assert len({ACME, replace(ACME), BETA}) == 2


def shown_in_tracebacks(error: BaseException) -> str:
    """What a verbose traceback prints of everything that is not this file."""
    told = [str(error)]
    for one in filter(None, [error, error.__cause__, error.__context__]):
        whole = traceback.TracebackException.from_exception(one, capture_locals=True)
        told.append(str(whole))
        told += [f"{f.line} {f.locals}" for f in whole.stack if f.filename != __file__]
    return "\n".join(told)


@unix_modes
def test_no_traceback_shows_a_key(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codika_nb.profiles.store._PATIENCE", 0.1)
    secret = Profile("cko_" + SECRET, organization_id="org_acme", organization_name="Acme, Inc.")
    store.save(secret)
    good = store.path.read_bytes()

    def refused(attempt: Callable[[], object]) -> None:
        with pytest.raises(ConfigError) as error:
            attempt()
        assert SECRET not in shown_in_tracebacks(error.value)

    refused(lambda: store.get("x"))
    refused(lambda: store.use("x"))
    refused(lambda: store.save(replace(BETA, api_key="cko_2" + SECRET), name="acme-inc"))
    refused(lambda: store.save(secret, name="a/b"))
    refused(lambda: store.save(replace(secret, extra={"x": object()})))
    refused(lambda: replace(secret, base_url="nowhere"))
    with FileLock(f"{store.path}.lock", is_singleton=False):
        thread = threading.Thread(target=lambda: refused(lambda: store.save(secret)))
        thread.start()
        thread.join()
    for damaged in (good[:-20], good + b"\xff", b"[" + good + b"]", good.replace(b'"org_acme"', b"NaN")):
        put(store, damaged)
        refused(store.list)
        refused(lambda: store.use("acme-inc"))


def test_a_masked_key_is_its_beginning() -> None:
    assert mask(KEY) == ACME.masked_key == "cko_aB12..."
    assert mask("cko_aB123") == "cko_aB12..."
    assert mask("cko_aB12") == "..."  # eight characters would be all of it
    assert mask("") == "..."


NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expires_at", "days"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("2026-13-01T00:00:00.000Z", None),
        ("2026-01-01", 0),
        ("2026-01-01T12:00:00.000Z", 0),
        ("2026-01-01T12:00:00.001Z", 1),
        ("2026-01-01T11:59:59.999Z", 0),
        ("2025-12-31T11:59:59.999Z", -1),
        ("2026-01-02T12:00:00Z", 1),
        ("2026-01-02T12:00:00.1Z", 2),
        ("2026-01-02T14:00:00+02:00", 1),
        ("2026-01-02T12:00", 1),
        ("2026-01-08T12:00:00.000Z", 7),
        ("2026-01-08T12:00:00.123456789Z", 8),
        ("2026-01-02 12:00:00Z", 1),
        ("2026-01-02T12:00:00+0000", 1),
        ("2026-01-02T14:00:00+02", 1),
        ("2026-01-02 12:00:00 +00:00", 1),
        ("2026-01-02t12:00:00z", 1),
        ("0001-01-01T00:00:00+14:00", -739617),
        ("9999-12-31T23:59:59-14:00", 2912444),
    ],
)
def test_days_are_counted_up(expires_at: str | None, days: int | None) -> None:
    profile = replace(ACME, expires_at=expires_at)
    assert profile.days_left(NOW) == days
    assert profile.days_left(NOW.astimezone(timezone(timedelta(hours=-9)))) == days
    assert profile.expired(NOW) == (days is not None and days <= 0)


def test_a_key_that_ends_soon_is_mentioned_once() -> None:
    def ends_in(hours: float, key: str) -> Profile:
        end = datetime.now(UTC) + timedelta(hours=hours)
        return Profile(key, name="acme-inc", expires_at=end.strftime("%Y-%m-%dT%H:%M:%S.000Z"))

    notice = expiry_notice(ends_in(60, "cko_notice_1"))
    assert notice is not None
    assert "expires in 3 days (on 2" in notice
    assert "sign_in(…) makes a new one" in notice
    assert "'acme-inc'" in notice
    assert expiry_notice(ends_in(60, "cko_notice_1")) is None
    assert "expires in 1 day (" in str(expiry_notice(ends_in(2, "cko_notice_2")))
    assert expiry_notice(ends_in(-1, "cko_notice_3")) is None
    assert expiry_notice(ends_in(24 * 8, "cko_notice_3")) is None
    assert expiry_notice(Profile("cko_notice_3")) is None
    assert expiry_notice(ends_in(24 * 6.9, "cko_notice_3")) is not None  # silence was not a mention


def test_threads_mention_it_once() -> None:
    end = datetime.now(UTC) + timedelta(days=2)
    profile = Profile("cko_notice_4", expires_at=end.isoformat(timespec="milliseconds"))
    said: list[str | None] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        said.append(expiry_notice(profile))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([notice for notice in said if notice]) == 1


# --- Servers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://api.codika.io", PRODUCTION),
        (" HTTPS://API.codika.io:443// ", PRODUCTION),
        ("http://Localhost:80", "http://localhost"),
        ("http://127.0.0.1:8765/", "http://127.0.0.1:8765"),
        ("https://x.example:80", "https://x.example:80"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
        ("https://hub.example/user/Ada/proxy/80/", "https://hub.example/user/Ada/proxy/80"),
        ("https://bücher.example/", "https://xn--bcher-kva.example"),
    ],
)
def test_one_form_for_each_server(text: str, normal: str) -> None:
    assert normalize_base_url(text) == normal == normalize_base_url(normal)
    assert Profile("k", base_url=text).host == normal
    assert same_host(text, normal)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.codika.io",
        "127.0.0.1:80",
        "//api.codika.io",
        "ftp://x.example",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://:443",
        "https://x.example:port",
        "https://x.example:70000",
        "https://[::1",
        "https://x.example?",
        "https://x.example/#",
        "https://x.example/?api_key=1",
        "https://@x.example",
        "https://ada:hunter2@x.example",
        "https://api.codika.io\\@x.example",
        "https://x .example",
        "https://x.\nexample",
        "https://x.example/\x00",
        "https://x_y!.example",
        "https://\ud800.example",
        "https://" + "ü" * 80 + ".example",
    ],
)
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not the address of a server") as refused:
        normalize_base_url(text)
    assert "hunter2" not in str(refused.value)
    assert not same_host(text or "x", text or "x")
    assert not is_loopback(text)


def test_which_servers_are_the_same() -> None:
    assert same_host(None, PRODUCTION)
    assert same_host(None, None)
    assert same_host("https://x.example/a", "https://X.example:443/b/")
    assert not same_host("https://x.example", "http://x.example")
    assert not same_host("https://x.example", "https://x.example:8443")
    assert not same_host("https://x.example", "https://y.x.example")
    assert not same_host("https://x.example", None)


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine(host: str) -> None:
    assert is_loopback(f"http://{host}:8000/x")


@pytest.mark.parametrize("host", ["localhost.example", "127.0.0.1.example", "128.0.0.1", "[::2]", "10.0.0.1"])
def test_not_this_machine(host: str) -> None:
    assert not is_loopback(f"http://{host}")


def test_importing_it_costs_little() -> None:
    code = """
        import sys
        before = set(sys.modules)
        import codika_nb.profiles
        costly = {"httpx", "pydantic", "ipywidgets", "IPython", "filelock"}
        print(sorted(costly & (set(sys.modules) - before)))
    """
    assert run(code) == "[]\n"
