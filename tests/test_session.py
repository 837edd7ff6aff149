"""Which key goes to which server, and what is read to find that out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codika_nb import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConfigError,
    InstanceKey,
    NotSignedIn,
    OrganizationKey,
    Sandbox,
    sign_in,
)
from codika_nb.display.place import Place, Step, next_step, read_in
from codika_nb.profiles import PRODUCTION, Profile, ProfileStore
from codika_nb.profiles import credential as session
from codika_nb.profiles.credential import resolve, server, sign_in_server, signed_in
from codika_nb.profiles.environment import Environment
from tests.colours import MakeClient, make_client
from tests.conftest import EMAIL

__all__ = ["make_client"]

STAGING = "https://staging.example.com"
SANDBOX = "http://127.0.0.1:9"


def save(name: str, key: str, base_url: str | None = None, *, activate: bool = True) -> None:
    profile = Profile(api_key=key, organization_id=name, base_url=base_url)
    ProfileStore().save(profile, name=name, activate=activate)


@pytest.fixture
def corrupt(own_settings: Path) -> Path:
    """A config file that cannot be read."""
    file = own_settings / "codika" / "config.json"
    file.parent.mkdir()
    file.write_text("{ not json")
    return file


# --- the order -------------------------------------------------------------------------------------


def test_nobody() -> None:
    found = resolve()
    assert (found.base_url, found.key, found.source) == (PRODUCTION, None, "none")
    with pytest.raises(NotSignedIn) as nobody:
        signed_in(found)
    assert "CODIKA_API_KEY" in str(nobody.value)


def test_the_active_profile_with_its_server() -> None:
    save("acme", "cko_acme1234", STAGING)
    found = resolve()
    assert (found.base_url, found.key, found.source) == (STAGING, "cko_acme1234", 'profile "acme"')


def test_a_named_profile_with_its_server() -> None:
    save("acme", "cko_acme1234", STAGING)
    save("beta", "cko_beta1234")
    assert resolve(profile="acme").base_url == STAGING
    with pytest.raises(ConfigError, match="There is no profile 'nope'"):
        resolve(profile="nope")
    with pytest.raises(ConfigError, match="its key is not sent to"):
        resolve(profile="acme", base_url=PRODUCTION)


def test_the_profile_of_the_server_that_is_named() -> None:
    save("acme", "cko_acme1234", STAGING)
    save("beta", "cko_beta1234")
    assert resolve(base_url=STAGING).key == "cko_acme1234"
    assert resolve(base_url=PRODUCTION).key == "cko_beta1234"
    assert resolve(base_url="https://elsewhere.example.com").key is None


def test_the_environment_before_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    save("acme", "cko_acme1234")
    monkeypatch.setenv("CODIKA_API_KEY", "cko_environment")
    found = resolve()
    assert (found.key, found.source) == ("cko_environment", "env (CODIKA_API_KEY)")
    assert found.hidden == ('profile "acme"',)
    with pytest.warns(UserWarning, match="not profile 'acme'"):
        assert resolve(profile="acme").key == "cko_environment"
    with pytest.raises(ConfigError, match="no profile"):
        resolve(profile="nope")
    monkeypatch.setenv("CODIKA_API_KEY", "")
    assert resolve().key == "cko_acme1234"


def test_the_kernels_own_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    save("acme", "cko_acme1234", SANDBOX, activate=False)
    save("beta", "cko_beta1234")
    session.context.profile = "acme"
    assert resolve().key == "cko_acme1234"
    assert resolve(base_url=PRODUCTION).key == "cko_beta1234"
    session.context.profile = Profile(api_key="cko_memory12")
    assert resolve().source == "this kernel"


# --- a key stays with its server -------------------------------------------------------------------


def test_the_environments_key_stays_with_the_environments_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "cko_staging1")
    monkeypatch.setenv("CODIKA_BASE_URL", STAGING + "/")
    assert resolve().base_url == STAGING
    assert resolve(base_url=STAGING + "/").key == "cko_staging1"
    found = resolve(base_url=PRODUCTION)
    assert found.key is None
    with pytest.raises(NotSignedIn, match="belongs to another server"):
        signed_in(found)
    save("acme", "cko_acme1234")
    assert resolve(base_url=PRODUCTION).key == "cko_acme1234"


def test_a_server_that_the_caller_spells_out_gets_a_key_that_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "cko_anywhere")
    assert resolve(base_url=STAGING).key == "cko_anywhere"


def test_a_sandbox_never_gets_the_environments_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "cko_production")
    session.context.base_url = SANDBOX
    assert resolve().key is None
    assert resolve(base_url=SANDBOX).key is None
    monkeypatch.setenv("CODIKA_BASE_URL", SANDBOX)
    assert resolve().key == "cko_production"  # said to be the sandbox's own


def test_instance_keys_go_where_their_addresses_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "ck_instance12")
    monkeypatch.setenv("CODIKA_TRIGGER_BASE_URL", f"{STAGING}/webhook")
    monkeypatch.setenv("CODIKA_STATUS_BASE_URL", "https://status.example.com/v1/status/")
    monkeypatch.setenv("PROCESS_INSTANCE_ID", "pi-1")
    with Client() as client:
        assert client.base_url == STAGING
        assert client.instance == "pi-1"
        assert client.public
        assert client.public_bases == {
            "webhook": f"{STAGING}/webhook",
            "status": "https://status.example.com/v1/status",
        }
    # A client or a kernel that is pointed elsewhere does not mix its addresses with these.
    with Client(auth="ck_another12", base_url=PRODUCTION) as client:
        assert client.public_bases == {}
    with Client(auth="ck_another12") as client:
        assert client.base_url == STAGING
    with Client(auth="cko_organization") as client:
        assert client.base_url == PRODUCTION
        assert not client.public
    session.context.base_url = SANDBOX
    with Client(auth="ck_another12") as client:
        assert (client.base_url, client.public_bases) == (SANDBOX, {})
    session.context.base_url = None
    monkeypatch.setenv("CODIKA_BASE_URL", "https://api.example.com")
    with Client() as client:
        assert client.base_url == "https://api.example.com"


def test_an_address_that_says_nothing_about_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "ck_instance12")
    monkeypatch.setenv("CODIKA_TRIGGER_BASE_URL", "https://hooks.example.com/t")
    assert resolve().base_url == PRODUCTION
    monkeypatch.setenv("CODIKA_STATUS_BASE_URL", f"{STAGING}/status")
    assert resolve().base_url == STAGING


# --- servers ---------------------------------------------------------------------------------------


def test_which_server(monkeypatch: pytest.MonkeyPatch, corrupt: Path) -> None:
    assert server() is None
    assert sign_in_server() == PRODUCTION  # whatever is the matter with the config file
    corrupt.unlink()
    save("acme", "cko_acme1234", STAGING)
    assert sign_in_server(api_url="https://other.example/x/clirequestloginotp") == "https://other.example/x"
    for none in ("https://", "clirequestloginotp", "//"):
        with pytest.raises(ConfigError):
            sign_in_server(api_url=none)
    assert sign_in_server() == STAGING
    monkeypatch.setenv("CODIKA_BASE_URL", "HTTPS://Api.Example.com:443/")
    assert server() == sign_in_server() == "https://api.example.com"
    session.context.base_url = SANDBOX
    assert server() == SANDBOX
    assert server(STAGING + "//") == STAGING


@pytest.mark.parametrize(
    "base_url", ["http://api.example.com", "http://10.0.0.1:8080", "http://127.0.0.1.example.com"]
)
@pytest.mark.parametrize("colour", [Client, AsyncClient])
def test_no_key_travels_in_clear(colour: Any, base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="CODIKA_ALLOW_HTTP=1"):
        colour(base_url=base_url)
    monkeypatch.setenv("CODIKA_ALLOW_HTTP", "0")
    with pytest.raises(ConfigError, match="not encrypted"):
        colour(base_url=base_url)
    monkeypatch.setenv("CODIKA_ALLOW_HTTP", "1")
    assert colour(base_url=base_url).base_url == base_url
    monkeypatch.delenv("CODIKA_ALLOW_HTTP")
    monkeypatch.setenv("CODIKA_API_KEY", "ck_instance12")
    monkeypatch.setenv("CODIKA_TRIGGER_BASE_URL", f"{base_url}/webhook")
    monkeypatch.setenv("CODIKA_BASE_URL", PRODUCTION)
    with pytest.raises(ConfigError, match="not encrypted"):
        colour()


def test_loopback_needs_no_encryption() -> None:
    for base_url in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"):
        assert Client(base_url=base_url).base_url == base_url


# --- when it is found out --------------------------------------------------------------------------


@pytest.mark.parametrize("colour", [Client, AsyncClient])
def test_a_client_that_is_told_its_server_reads_nothing_yet(colour: Any, corrupt: Path) -> None:
    client = colour(base_url=PRODUCTION)
    assert repr(client) == f"{colour.__name__}('{PRODUCTION}')"
    assert client.with_options(timeout=1).base_url == PRODUCTION
    with pytest.raises(ConfigError, match="config file"):
        _ = client.credential
    assert repr(client) == f"{colour.__name__}('{PRODUCTION}')"
    for eager in ({}, {"profile": "acme"}, {"profile": "acme", "base_url": PRODUCTION}):
        with pytest.raises(ConfigError, match="config file"):
            colour(**eager)


def test_signing_in_works_whatever_the_config_file_looks_like(corrupt: Path, sandbox: Any) -> None:
    with Client(base_url=sandbox.url) as client:
        assert client.request_signup_code("ada@example.com").expires_in_seconds == 600
        with pytest.raises(ConfigError, match="config file"):
            client.verify_key()


def test_a_key_from_the_environment_works_whatever_the_config_file_looks_like(
    corrupt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "cko_environment")
    assert Client().credential.key == "cko_environment"
    with Client(auth="cko_argument1") as client:
        assert client.credential.source == "argument"


def test_what_is_shown_of_a_client() -> None:
    save("acme", "cko_acme12345678", STAGING)
    client = Client()
    assert repr(client) == f"Client('{STAGING}', auth=OrganizationKey('cko_acme...'))"
    assert repr(client.credential) == f"Credential('{STAGING}', key='cko_acme...', source='profile \"acme\"')"
    assert isinstance(Client(auth=InstanceKey("ck_instance12")).auth, InstanceKey)
    assert isinstance(client.auth, OrganizationKey)
    nobody = Client(base_url=PRODUCTION)
    assert nobody.auth is None
    assert repr(nobody) == f"Client('{PRODUCTION}', auth=None)"


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="Both auth and profile"):
        Client(auth="cko_x", profile="acme")


def test_whether_a_key_has_expired_is_for_the_server_to_say(sandbox: Sandbox) -> None:
    """The clock of this machine may be wrong."""
    made = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    ProfileStore().save(replace(made, expires_at="2020-01-01T00:00:00.000Z"), name="old")
    with Client(profile="old") as client:
        assert client.verify_key().organization_id == made.organization_id
    unknown = replace(made, api_key="cko_" + "x" * 64, expires_at="2020-01-01T00:00:00.000Z")
    ProfileStore().save(unknown, name="gone")
    with Client(profile="gone") as client, pytest.raises(AuthenticationError, match="ended on 2020-01-01"):
        client.verify_key()


# --- the words of a place --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("notebook", "%codika_signup"),
        ("script", "sign_in("),
        ("command", "codika-nb auth"),
        ("form", "Sign in, and try again here"),
    ],
)
def test_what_to_do_next_is_said_in_the_words_of_the_place(place: Any, words: str) -> None:
    with read_in(place), Client() as client, pytest.raises(NotSignedIn) as nobody:
        client.whoami()
    assert words in str(nobody.value)
    if place != "notebook":
        assert "%codika" not in str(nobody.value)


def test_a_script_is_not_told_to_run_a_magic() -> None:
    with Client() as client, pytest.raises(NotSignedIn) as nobody:
        client.verify_key()
    assert "sign_in(" in str(nobody.value)
    assert "CODIKA_API_KEY" in str(nobody.value)
    assert "%" not in str(nobody.value)


@pytest.mark.parametrize("place", get_args(Place))
@pytest.mark.parametrize("what", get_args(Step))
def test_every_place_has_words_for_every_step(place: Place, what: Step) -> None:
    values = dict.fromkeys(("server", "profile", "other", "email", "purpose", "earlier"), "x")
    with read_in(place):
        said = next_step(what, **values)
    assert said
    assert not set("{}") & set(said)
    assert place == "notebook" or "%" not in said


def test_no_exchange_takes_the_key_elsewhere() -> None:
    from codika_nb.client.call import Call

    with Client(auth="cko_x1234567", base_url=PRODUCTION) as client:
        with pytest.raises(ConfigError, match=r"belongs to https://api\.codika\.io"):
            client.perform(Call("GET", "/x", dict, base_url="https://elsewhere.example.com"))
        with pytest.raises(ConfigError, match="not encrypted"):
            client.perform(
                Call("GET", "/x", dict, base_url="http://elsewhere.example.com", authenticated=False)
            )


# --- .env files ------------------------------------------------------------------------------------


def environment(text: str, tmp_path: Path) -> Environment:
    file = tmp_path / "test.env"
    file.write_bytes(text.encode())
    return Environment(file)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=value", "value"),
        ("export KEY=value", "value"),
        ("  KEY = value  ", "value"),
        ("KEY=two words", "two words"),
        ("KEY=value # comment", "value"),
        ("KEY=a#b", "a#b"),
        ("KEY=https://example.com/x?a=b#c", "https://example.com/x?a=b#c"),
        ("KEY='single # quoted'", "single # quoted"),
        ("KEY='no \\n escape'", "no \\n escape"),
        (r"KEY='a\'b'", "a'b"),
        (r"KEY='a\\'", "a\\"),
        (r"KEY='a\'b' # it's", "a'b"),
        (r'KEY="C:\dir \'x\'"', "C:\\dir 'x'"),
        ('KEY="double \\"quoted\\"" # comment', 'double "quoted"'),
        ('KEY="line\\nbreak\\ttab\\\\"', "line\nbreak\ttab\\"),
        ('KEY="really\ntwo lines"', "really\ntwo lines"),
        ("KEY=value\r", "value"),
        ("\ufeffKEY=value", "value"),
        ("KEY=first\nKEY=second", "second"),
        ("OTHER='unclosed\nKEY=value", "value"),
        ("# KEY=value", None),
        ("KEY=", None),
        ("KEY=''", None),
        ("KEY value", None),
        ("1KEY=value", None),
        ("", None),
    ],
)
def test_lines_of_an_env_file(line: str, value: str | None, tmp_path: Path) -> None:
    assert environment(line, tmp_path).get("KEY") == value


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters='"\\\r'), min_size=1))
def test_a_quoted_value_is_kept(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    assert environment(f'A=1\nKEY="{value}"\nB=2', tmp_path_factory.mktemp("env")).get("KEY") == (
        value.strip() or None
    )


def test_the_process_counts_more_than_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables = environment("CODIKA_API_KEY=cko_from_file\nPROCESS_INSTANCE_ID=file", tmp_path)
    monkeypatch.setenv("CODIKA_API_KEY", "cko_from_process")
    monkeypatch.setenv("PROCESS_INSTANCE_ID", "")
    found = resolve(environment=variables)
    assert found.key == "cko_from_process"
    assert found.hidden == (f"{tmp_path / 'test.env'} (CODIKA_API_KEY)",)
    assert variables.get("PROCESS_INSTANCE_ID") == "file"
    monkeypatch.setenv("CODIKA_API_KEY", "cko_from_file")
    assert resolve(environment=variables).hidden == ()  # nothing is hidden behind its like
    monkeypatch.delenv("CODIKA_API_KEY")
    assert resolve(environment=variables).source == f"{tmp_path / 'test.env'} (CODIKA_API_KEY)"
    assert "cko_" not in repr(variables)
    assert repr(Environment()) == "Environment(None)"


# --- a key stays with its source -------------------------------------------------------------------

OTHER = "https://other.example.com"
PROCESS_KEY, FILE_KEY = "ck_of_the_process", "ck_of_the_file"


def two_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, process: dict[str, str], file: dict[str, str]
) -> Path:
    for name, value in process.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "two.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in file.items()))
    return path


ADDRESSES = ["CODIKA_BASE_URL", "CODIKA_TRIGGER_BASE_URL", "CODIKA_STATUS_BASE_URL"]


@pytest.mark.parametrize("variable", ADDRESSES)
@pytest.mark.parametrize("key_of", ["process", "file"])
@pytest.mark.parametrize("colour", [Client, AsyncClient])
def test_a_key_is_not_sent_where_only_the_other_source_says(
    colour: Any, key_of: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, address = {"CODIKA_API_KEY": PROCESS_KEY}, {variable: f"{STAGING}/webhook"}
    process, file = (key, address) if key_of == "process" else (address, key)
    path = two_sources(monkeypatch, tmp_path, process, file)
    with pytest.raises(ConfigError) as refused:
        colour(env_file=path)
    assert "env (" in refused.value.message
    assert f"{path} (" in refused.value.message
    assert variable in refused.value.message
    assert PROCESS_KEY not in str(refused.value)
    # The caller's own word is another matter.
    assert colour(env_file=path, base_url=OTHER).credential.key == PROCESS_KEY
    assert colour(env_file=path, auth="ck_of_the_caller").credential.source == "argument"


@pytest.mark.parametrize(
    ("process", "file", "expected"),
    [
        # The process counts more, with the addresses that stand beside its key.
        ((PROCESS_KEY, STAGING), (None, OTHER), (STAGING, PROCESS_KEY)),
        ((PROCESS_KEY, STAGING), (FILE_KEY, OTHER), (STAGING, PROCESS_KEY)),
        ((PROCESS_KEY, None), (None, PRODUCTION + "/"), (PRODUCTION, PROCESS_KEY)),
        ((PROCESS_KEY, None), (FILE_KEY, None), (PRODUCTION, PROCESS_KEY)),
        ((PROCESS_KEY, None), (FILE_KEY, OTHER), ConfigError),
        # The file's key goes to the file's addresses.
        ((None, None), (FILE_KEY, None), (PRODUCTION, FILE_KEY)),
        ((None, None), (FILE_KEY, OTHER), (OTHER, FILE_KEY)),
        ((None, OTHER), (FILE_KEY, OTHER), (OTHER, FILE_KEY)),
        ((None, PRODUCTION), (FILE_KEY, None), (PRODUCTION, FILE_KEY)),
        ((None, STAGING), (FILE_KEY, OTHER), ConfigError),
        ((None, STAGING), (FILE_KEY, None), ConfigError),
        # A profile's to its own server, whoever names that.
        ((None, OTHER), (None, None), (OTHER, None)),
        ((None, None), (None, OTHER), (OTHER, None)),
        ((None, STAGING), (None, OTHER), (STAGING, "ck_of_a_profile")),
        ((None, None), (None, STAGING), (STAGING, "ck_of_a_profile")),
    ],
)
def test_who_goes_with_whom(
    process: tuple[str | None, str | None],
    file: tuple[str | None, str | None],
    expected: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    save("acme", "ck_of_a_profile", STAGING)
    names = ("CODIKA_API_KEY", "CODIKA_BASE_URL")
    written = [
        {name: value for name, value in zip(names, values, strict=True) if value}
        for values in (process, file)
    ]
    path = two_sources(monkeypatch, tmp_path, *written)
    if expected is ConfigError:
        with pytest.raises(ConfigError, match="is not sent to"):
            Client(env_file=path)
        return
    found = Client(env_file=path)
    assert (found.base_url, found.credential.key) == expected


def test_addresses_beside_an_organizations_key_that_it_has_no_use_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = two_sources(
        monkeypatch,
        tmp_path,
        {"CODIKA_API_KEY": "cko_process1"},
        {"CODIKA_TRIGGER_BASE_URL": f"{OTHER}/webhook"},
    )
    assert Client(env_file=path).base_url == PRODUCTION


def test_a_server_that_is_named_gets_the_key_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = two_sources(
        monkeypatch,
        tmp_path,
        {"CODIKA_API_KEY": PROCESS_KEY},
        {"CODIKA_API_KEY": FILE_KEY, "CODIKA_BASE_URL": OTHER},
    )
    assert Client(env_file=path, base_url=OTHER).credential.key == FILE_KEY
    assert Client(env_file=path, base_url=STAGING).credential.key == PROCESS_KEY
    session.context.base_url = STAGING
    assert Client(env_file=path).credential.key is None


def test_a_profile_has_no_addresses_of_its_own_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    save("acme", "ck_of_a_profile", STAGING)
    path = two_sources(
        monkeypatch,
        tmp_path,
        {"CODIKA_STATUS_BASE_URL": f"{OTHER}/status"},
        {"CODIKA_TRIGGER_BASE_URL": f"{OTHER}/webhook"},
    )
    client = Client(env_file=path)
    assert (client.base_url, client.public_bases) == (STAGING, {})


@pytest.mark.parametrize(
    ("key_of", "options", "used"),
    [
        ("file", {}, True),
        ("process", {}, False),
        ("profile", {}, False),
        ("profile", {"base_url": PRODUCTION}, False),
        ("profile", {"auth": "cko_of_the_caller"}, False),
    ],
)
def test_whom_secrets_are_encrypted_for(
    key_of: str, options: dict[str, Any], used: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    save("acme", "cko_of_a_profile", PRODUCTION)
    key = {"CODIKA_API_KEY": "cko_1234567890"}
    path = two_sources(
        monkeypatch,
        tmp_path,
        key if key_of == "process" else {},
        {"CODIKA_PUBLIC_KEY_URL": f"{OTHER}/key.pem"} | (key if key_of == "file" else {}),
    )
    client = Client(env_file=path, **options)
    assert (client.public_key_url == f"{OTHER}/key.pem") is used


def test_nothing_reaches_a_server_of_somebody_elses_file(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Sandbox() as stub:
        path = two_sources(
            monkeypatch, tmp_path, {"CODIKA_API_KEY": "cko_process1"}, {"CODIKA_BASE_URL": stub.url}
        )
        with pytest.raises(ConfigError, match="is not sent to"):
            make_client(env_file=path).verify_key()


@pytest.mark.parametrize(
    ("text", "truth"),
    [(text, True) for text in ("1", "true", "True", "TRUE", "yes", "Yes", "on", "ON", " 1 ")]
    + [(text, False) for text in ("0", "false", "no", "off", "", " ", "nope", "2")],
)
def test_what_loosens_safety_is_read_in_any_spelling_and_from_the_process_alone(
    text: str, truth: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables = environment(f"CODIKA_ALLOW_HTTP='{text}'\nCODIKA_BASE_URL=http://example.com", tmp_path)
    assert not variables.allows_http
    with pytest.raises(ConfigError, match="not encrypted"):
        Client(env_file=tmp_path / "test.env")
    monkeypatch.setenv("CODIKA_ALLOW_HTTP", text)
    assert variables.allows_http is truth


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.env").write_bytes(b"KEY=\xe9")
    for name, reason in (("missing.env", "No such file"), ("latin.env", "UTF-8"), (".", "director")):
        with pytest.raises(ConfigError, match=reason):
            Client(base_url=PRODUCTION, env_file=tmp_path / name)


def test_a_sandbox_that_is_gone_is_no_server_to_sign_in_to() -> None:
    with Sandbox() as sandbox:
        sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
        assert session.sign_in_server() == sandbox.url
    assert session.sign_in_server() == PRODUCTION
    # What is asked for by name is not second-guessed.
    assert session.sign_in_server(sandbox_url := "http://127.0.0.1:9") == sandbox_url


def test_going_on_with_an_account_names_no_server() -> None:
    """What a deployment chose by itself gives way to the owner of the next folder, wherever that lives."""
    save("acme", "cko_acme1234", STAGING)
    save("beta", "cko_beta1234", "https://beta.example.com")
    session.context.choose(ProfileStore().get("acme"), by_person=False)
    assert resolve().key == "cko_acme1234"
    assert session.profile_for("beta", "https://beta.example.com") == "beta"
    session.context.choose(ProfileStore().get("acme"))
    assert session.profile_for("beta", "https://beta.example.com") is None
