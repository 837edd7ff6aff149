"""Workflows as Python functions, and as tools."""

from __future__ import annotations

import asyncio
import inspect
import json
import pydoc
import typing
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codika_nb import (
    AsyncClient,
    Client,
    ConfigError,
    ExecutionFailedError,
    InstanceKey,
    Sandbox,
    UseCase,
    sign_in,
)
from codika_nb.client.workflow import Workflow
from codika_nb.usecases.json_schema import json_schema
from codika_nb.usecases.received import read_schema
from codika_nb.usecases.schema import payload, problems
from codika_nb.usecases.signature import bound, signature

from .conftest import GREETER, copied
from .test_playground import CLAIM, PNG

USE_CASES = Path(__file__).parent.parent / "notebooks" / "use-cases"
CLAIMED = CLAIM | {"purpose": "Workshop in Ghent, two days"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("use-cases")
    with Sandbox() as sandbox:
        profile = sign_in(
            "ada@example.com", ask_code=sandbox.code_for, base_url=sandbox.url, store=None, company="Acme"
        )
        with Client(auth=profile.api_key, base_url=sandbox.url) as client:
            for name in ("greeter", "expense-claim"):
                sandbox.load_stand_ins(USE_CASES / name / "stand_ins.py")
                project = client.create_project(name).project_id
                client.deploy_use_case(copied(name, folder), project_id=project)
            yield client


@pytest.fixture(scope="module")
def greet(client: Client) -> Workflow:
    return client.workflow("greet")


@pytest.fixture(scope="module")
def claim(client: Client) -> Workflow:
    return client.workflow("claim")


def test_it_is_called_like_any_function(greet: Workflow) -> None:
    assert greet(name="Ada") == {"greeting": "Hello, Ada!", "language": "en"}
    assert greet(name="Ada", language="fr")["greeting"] == "Bonjour, Ada !"
    assert str(inspect.signature(greet)).startswith("(*, name: str, language:")
    assert inspect.signature(greet).parameters["language"].default == "en"
    assert (greet.__name__, greet.name) == ("greet", "greet")
    assert greet.__doc__ is not None
    assert greet.__doc__.startswith("Greets a person by name")
    assert "    language: Language" in greet.__doc__
    assert "greet(name=…, language='en')" in repr(greet)
    assert "Takes" in greet._repr_html_()
    assert "language (select; one of en, fr" in greet._repr_html_()
    helped = pydoc.plain(pydoc.render_doc(greet))
    assert "\ngreet(*, name: str, language: " in helped
    assert "Greets a person by name" in helped
    assert "One of en, fr" in helped


@pytest.mark.parametrize(
    ("members", "error", "words"),
    [
        ({"nmae": "Ada"}, TypeError, "unexpected keyword argument 'nmae'. Did you mean 'name'"),
        ({"name": "Ada", "nmae": "A"}, TypeError, "argument 'nmae'. It takes name, language"),
        ({"who": "Ada"}, TypeError, "unexpected keyword argument 'who'. It takes name, language"),
        ({}, TypeError, "missing 1 required keyword-only argument: 'name'"),
        ({"name": "x" * 101}, ConfigError, "greet: name: At most 100 characters"),
        (
            {"name": "Ada", "language": "xx"},
            ConfigError,
            "language: Choose one of the options: en, .*fr",
        ),
        ({"name": 3, "language": "xx"}, ConfigError, r"name: .*text; language: .*\w\.\n"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    client: Client, members: dict[str, Any], error: type[Exception], words: str
) -> None:
    sent: list[str] = []

    def note(request: httpx.Request) -> None:
        sent.append(request.url.path)

    greet = client.workflow("greet")
    client._pool.event_hooks["request"].append(note)
    try:
        with pytest.raises(error, match=words):
            greet(**members)
        with pytest.raises(error, match=words):
            greet.start(**members)
    finally:
        client._pool.event_hooks["request"].remove(note)
    assert not sent


def test_what_is_given_without_a_name_is_told_how_to_be_given(client: Client, greet: Workflow) -> None:
    for call in (greet, greet.start):
        with pytest.raises(
            TypeError, match=r"^greet\(\) takes its input by name: greet\(name=…, language='en'\)"
        ):
            call("Ada")
    with pytest.raises(TypeError, match=r"^run_workflow\(\) got an unexpected keyword argument 'name'"):
        client.run_workflow("greet", name="Ada")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^create_organization_key\(\) missing .* 'scopes'"):
        client.create_organization_key("Bob")  # type: ignore[call-arg]


def test_a_run_that_fails_raises(greet: Workflow) -> None:
    with pytest.raises(ExecutionFailedError, match="name is required"):
        greet._client.run_workflow("greet", {"name": " "}, instance=greet.instance).result  # noqa: B018


def test_a_function_that_fails_names_the_line(tmp_path: Path) -> None:
    folder = copied("greeter", tmp_path)
    file = folder / "stand_ins.py"
    file.write_text("from codika_nb.sandbox import stand_in\n\n@stand_in('greet')\ndef greet(_): 1 / 0\n")

    async def awaited(client: Client) -> None:
        async with client.to_async() as other:
            await (await other.workflow("greet"))(name="Ada")

    with Sandbox(stand_ins=file) as sandbox:
        key = sign_in("ada@example.com", ask_code=sandbox.code_for, base_url=sandbox.url, store=None).api_key
        with Client(auth=key, base_url=sandbox.url) as client:
            client.deploy_use_case(folder)
            for call in (lambda: client.workflow("greet")(name="Ada"), lambda: asyncio.run(awaited(client))):
                with pytest.raises(ExecutionFailedError, match=r"by zero \(stand_ins\.py, line 4\)"):
                    call()


def test_a_run_is_started_and_rows_are_mapped(client: Client, greet: Workflow) -> None:
    assert client.wait_for(greet.start(name="Ada")).result["greeting"] == "Hello, Ada!"
    frame = pd.DataFrame({"who": ["Ada", "Grace"], "language": ["de", None]})
    runs = greet.map(frame, rename={"who": "name"}, progress=False)
    assert [run.result["greeting"] for run in runs] == ["Hallo, Ada!", "Hello, Grace!"]
    with pytest.raises(TypeError, match=r"Row 0: .*'who'"):
        greet.map(frame, progress=False)
    with pytest.raises(ConfigError, match="Row 1: greet: name"):
        greet.map([{"name": "Ada"}, {"name": 4}], progress=False)


def test_values_come_as_python_has_them(claim: Workflow, tmp_path: Path) -> None:
    (tmp_path / "receipt.png").write_bytes(PNG)
    result = claim(
        **CLAIMED
        | {
            "date": date(2026, 3, 1),
            "people": np.int64(2),
            "items": [{"what": "Train", "amount": Decimal("42.5")}],
            "receipt": tmp_path / "receipt.png",
        }
    )
    assert result["total"] == 42.5
    assert "receipt.png" in result["summary"]
    assert "receipt" in claim(**CLAIMED, receipt=PNG)["summary"]
    with pytest.raises(ConfigError, match="cannot be read"):
        claim(**CLAIMED, receipt=tmp_path / "nowhere.png")
    with pytest.raises(ConfigError, match=r"items\[0\]\.amount"):
        claim(**CLAIMED | {"items": [{"what": "Train", "amount": -1}]})


def test_a_column_of_days_is_days(claim: Workflow) -> None:
    moment = "2026-03-01T10:00:00"
    for day in (
        pd.Timestamp("2026-03-01"),
        datetime(2026, 3, 1),  # noqa: DTZ001
        datetime.fromisoformat(moment),
        moment,
        np.datetime64(moment),
    ):
        assert claim.payload(CLAIMED | {"date": day})["date"] == "2026-03-01"
        assert claim.tool_payload(CLAIMED | {"date": day})["date"] == "2026-03-01"
    for wrong in ("2026-13-45", "tomorrow", 5):
        with pytest.raises(ConfigError, match="date: Give a date, such as 2026-01-31"):
            claim.payload(CLAIMED | {"date": wrong})
    frame = pd.DataFrame([{**CLAIMED, "date": pd.Timestamp("2026-03-01")}])
    frame["date"] = pd.to_datetime(frame["date"])
    assert [run.status for run in claim.map(frame, progress=False)] == ["success"]


def test_what_has_a_default_need_not_be_given(claim: Workflow) -> None:
    assert inspect.signature(claim).parameters["currency"].default == "EUR"
    without = {name: value for name, value in CLAIMED.items() if name != "currency"}
    assert "EUR" in claim(**without)["summary"]


def test_an_awaited_one_does_the_same(client: Client) -> None:
    async def main() -> None:
        async with client.to_async() as other:
            greet = await other.workflow("greet", instance=client.workflow("greet").instance)
            assert (await greet(name="Ada"))["greeting"] == "Hello, Ada!"
            run = await greet.start(name="Ada")
            assert (await other.wait_for(run)).result["language"] == "en"
            runs = await greet.map([{"name": "Grace"}], progress=False)
            assert runs[0].result["greeting"] == "Hello, Grace!"
            flows = await other.workflows(instance=greet.instance)
            assert await flows.greet(name="Ada") == await greet(name="Ada")

    asyncio.run(main())


def test_all_of_an_instance_are_found_by_name(client: Client, greet: Workflow) -> None:
    flows = client.workflows(instance=greet.instance)
    assert list(flows) == ["greet"]
    assert flows["greet"](name="Ada") == flows.greet(name="Ada")
    assert "greet" in dir(flows)
    assert flows._ipython_key_completions_() == ["greet"]
    assert repr(flows).startswith("greet(name=…, language='en')  Greet someone")
    with pytest.raises(AttributeError, match="there is: greet"):
        _ = flows.nowhere
    with pytest.raises(ConfigError, match="The workflows are: greet"):
        client.workflow("nowhere", instance=greet.instance)


def test_workflows_are_plain_data(client: Client, greet: Workflow) -> None:
    listed = json.loads(json.dumps(client.workflows(instance=greet.instance).model_dump(mode="json")))
    told = {each["name"]: each for each in listed}["greet"]
    assert told == client.workflows(instance=greet.instance).greet.model_dump()
    assert told["schema"] == greet.model_dump()["schema"]
    assert told["instance"] == greet.instance
    assert set(told["schema"]["properties"]) == {"name", "language"}


def test_all_of_an_instance_are_one_request(greet: Workflow, client: Client) -> None:
    asked: list[str] = []

    class Counted(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            return super().handle_request(request)

    with Client(auth=client.auth, base_url=client.base_url, transport=Counted()) as counted:
        flows = counted.workflows(instance=greet.instance)
    assert asked == ["/getprocessinstancepublic"]
    assert flows.greet.about


def test_an_instance_key_is_told_what_to_do() -> None:
    with (
        Client(auth=InstanceKey("ck_" + "a" * 40), base_url="http://127.0.0.1:1") as client,
        pytest.raises(ConfigError, match="instance key"),
    ):
        client.workflow("greet", instance="x")


def test_a_function_that_is_awaited_says_so(greet: Workflow) -> None:
    async def main() -> None:
        async with greet._client.to_async() as client:
            awaited = await client.workflow("greet", instance=greet.instance)
            assert "await greet(name=…, language='en')" in repr(awaited)
            assert (await awaited(name="Ada"))["greeting"] == "Hello, Ada!"

    asyncio.run(main())
    assert "await" not in repr(greet)


def test_an_async_client_says_so_when_awaited() -> None:
    async def main() -> None:
        async with AsyncClient(auth=InstanceKey("ck_" + "a" * 40), base_url="http://127.0.0.1:1") as client:
            with pytest.raises(ConfigError, match="instance key"):
                await client.workflows(instance="x")

    asyncio.run(main())


def test_its_schemas_are_json_schema(greet: Workflow, claim: Workflow) -> None:
    for flow in (greet, claim):
        for schema in (flow.schema, flow.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(claim.schema)
    judge.validate(CLAIMED)
    wrongs: list[dict[str, Any]] = [
        {"currency": "XXX"},
        {"people": 0},
        {"items": []},
        {"further": 1},
        {"date": 3},
    ]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            judge.validate(CLAIMED | wrong)
    result = json.loads(json.dumps(claim(**CLAIMED)))
    jsonschema.Draft202012Validator(claim.output_schema).validate(result)


def test_it_is_a_tool(claim: Workflow) -> None:
    tool = claim.as_tool()
    assert tool["type"] == "function"
    assert set(tool["function"]) == {"name", "description", "parameters"}
    assert "$schema" not in tool["function"]["parameters"]
    assert json.loads(json.dumps(tool)) == tool
    assert claim.tool_payload(json.dumps(CLAIMED)) == claim.tool_payload(CLAIMED)
    for wrong in ("[1]", "{", "claim"):
        with pytest.raises(ConfigError, match=r"claim.*\nNothing was sent"):
            claim.tool_payload(wrong)


FIELDS: list[dict[str, Any]] = [
    {"type": "string", "key": "a", "minLength": 1, "maxLength": 5},
    {"type": "text", "key": "b", "placeholder": "like this"},
    {"type": "number", "key": "c", "min": 0, "max": 10, "step": 2},
    {"type": "number", "key": "d", "numberType": "integer", "step": 0.5},
    {"type": "boolean", "key": "e"},
    {"type": "date", "key": "f"},
    {"type": "select", "key": "g", "options": [{"value": "x", "label": "The X"}]},
    {
        "type": "multiselect",
        "key": "h",
        "options": [{"value": "x", "label": "x"}, {"value": "y", "label": "y"}],
    },
    {"type": "array", "key": "i", "itemField": {"type": "number"}, "minItems": 1},
    {
        "type": "object",
        "key": "j",
        "schema": [{"type": "string", "key": "k", "label": "K", "required": True}],
    },
    {"type": "objectArray", "key": "class", "itemSchema": [{"type": "boolean", "key": "l", "label": "L"}]},
    {"type": "section", "title": "S", "inputSchema": [{"type": "string", "key": "not a name", "label": "N"}]},
]
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "a": st.text("abc", min_size=1, max_size=5),
        "b": st.text("abc \n", min_size=1),
        "c": st.sampled_from([0, 2, 10]),
        "d": st.integers(-5, 5),
        "e": st.booleans(),
        "f": st.dates().map(str),
        "g": st.just("x"),
        "h": st.lists(st.sampled_from("xy"), unique=True),
        "i": st.lists(st.integers(), min_size=1),
        "j": st.builds(lambda text: {"k": text}, st.text("abc", min_size=1)),
        "class": st.lists(st.fixed_dictionaries({"l": st.booleans()})),
        "not a name": st.text("abc"),
    },
)


def schema_of(required: bool) -> Any:
    label = [{"label": "L", "required": required, **field} for field in FIELDS[:-1]]
    return read_schema([*label, FIELDS[-1]], "test")


def test_what_json_schema_has_no_word_for_is_said() -> None:
    day = {"type": "date", "label": "Day", "key": "d", "minDate": "2026-01-01", "maxDate": "2026-12-31"}
    file = {"type": "file", "label": "File", "key": "f", "maxSize": 2000, "allowedMimeTypes": ["image/png"]}

    told = json_schema(read_schema([day, file, {"type": "date", "label": "Any", "key": "a"}], "test"))[
        "properties"
    ]

    assert told["d"]["description"] == "Day. 1 January 2026 to 31 December 2026."
    assert told["f"]["description"] == "File. PNG, at most 2 kB."
    assert told["a"]["description"] == "Any."


def test_a_blank_default_is_none() -> None:
    text = {"type": "string", "label": "T", "key": "a", "required": True, "defaultValue": ""}
    several = {"type": "multiselect", "label": "M", "key": "m", "required": True, "options": ["x"]}
    schema = read_schema([text, {**several, "defaultValue": []}], "test")

    assert json_schema(schema)["required"] == ["a", "m"]
    assert not any("default" in each for each in json_schema(schema)["properties"].values())
    assert str(signature(schema)).count("=") == 0


@given(VALUES)
def test_what_fits_the_fields_fits_the_json_schema(values: dict[str, Any]) -> None:
    schema = schema_of(required=False)
    judge = jsonschema.Draft202012Validator(json_schema(schema))
    jsonschema.Draft202012Validator.check_schema(json_schema(schema_of(required=True)))
    if not problems(schema, values):
        judge.validate(json.loads(json.dumps(payload(schema, values))))


def test_odd_schemas_are_functions_and_json_schemas_too() -> None:
    text = {"type": "string", "label": "T", "key": "a", "required": True}
    section = {"type": "section", "title": "S", "inputSchema": [text]}
    options = {"type": "select", "label": "S", "key": "s", "options": ["x"], "defaultValue": "gone"}
    patterns = [{**text, "key": f"p{n}", "regex": regex} for n, regex in enumerate(["[", r"\p{L}+", "a+"])]
    unknown = {"type": "hologram", "label": "H", "key": "h"}
    schema = read_schema([text, section, options, *patterns, unknown], "test")

    described = json_schema(schema)
    jsonschema.Draft202012Validator.check_schema(
        described, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    assert described["required"] == ["a", "p0", "p1", "p2"]
    assert [described["properties"][f"p{n}"].get("pattern") for n in range(3)] == [None, None, "a+"]
    assert "Has to match [." in described["properties"]["p0"]["description"]
    assert list(signature(schema).parameters) == ["a", "p0", "p1", "p2", "s", "h"]
    assert signature(schema).parameters["s"].default is None
    for value in ({"b": 1}, '{"b": 1}'):
        assert payload(schema, {"h": value}) == {"h": {"b": 1}}
        assert not [each for each in problems(schema, {"h": value}) if each.path == ("h",)]


def test_null_in_a_schema_is_the_same_as_left_out() -> None:
    text = {"type": "string", "key": "a", "label": None}
    options = [{"value": None, "label": "x"}, {"value": 3.0, "label": None}]
    choice = {"type": "select", "key": "s", "label": "S", "options": options}

    section: Any
    (section,) = read_schema([{"type": "section", "title": None, "inputSchema": [text, choice]}], "test")

    inner, chosen = section.input_schema
    assert (section.title, inner.label) == ("", "a")
    assert [(each.value, each.label) for each in chosen.options] == [("x", "x"), ("3", "3")]


def test_a_misspelt_member_of_an_object_is_refused(claim: Workflow) -> None:
    takes = r"items\[0\] takes what, amount"
    what, amount = ({name: CLAIMED["items"][0][name]} for name in ("what", "amount"))
    for name, others, meant in (
        ("amuont", what, "Did you mean 'amount'\\?"),
        ("amuont", what | amount, takes),
        ("zz", what | amount, takes),
    ):
        items = [{**others, name: 3}]
        with pytest.raises(TypeError, match=rf"unexpected member 'items\[0\].{name}'. {meant}"):
            claim(**CLAIMED | {"items": items})


def test_tools_that_read_hints_and_payloads_by_name(greet: Workflow, claim: Workflow) -> None:
    hints = typing.get_type_hints(greet)
    assert hints["name"] is str
    assert set(hints) == {"name", "language", "return"}
    assert greet.payload(name="Ada") == greet.payload({"name": "Ada"}) == {"name": "Ada", "language": "en"}
    assert "items: Items. With what, amount, billable (optional)" in (claim.__doc__ or "")
    with pytest.raises(TypeError, match=r"AnyWorkflow.as_tool\(\)"):
        greet.as_tool(strict=True)  # type: ignore[call-arg]
    odd = read_schema([{"type": "string", "key": "due-date", "label": "Due"}], "test")
    with pytest.raises(TypeError, match=r"Did you mean \*\*\{'due-date': …\}\?"):
        bound(odd, "f", {"due_date": "x"})


def test_a_key_that_was_made_goes_to_the_server_that_made_it(client: Client) -> None:
    made = client.create_organization_key("CI", scopes=["workflows:trigger", "instances:read"])
    with Client(auth=made) as other:
        assert other.base_url == client.base_url
        assert other.run_workflow("greet", {"name": "Ada"}).result["greeting"] == "Hello, Ada!"
    assert "base_url" not in made.model_dump()
    with Client(auth=made, base_url="http://127.0.0.1:9") as named:
        assert named.base_url == "http://127.0.0.1:9"


def test_everything_is_json_by_the_same_name(client: Client, greet: Workflow) -> None:
    runs = client.run_many("greet", [{"name": "Ada"}, {"name": 3}], instance=greet.instance, progress=False)
    listed = runs.model_dump(mode="json")
    assert [each["status"] for each in listed] == ["success", "failed"]
    assert listed[0]["result"]["greeting"] == "Hello, Ada!"
    assert "has to be a text" in listed[1]["error"] or "must be a string" in listed[1]["error"]
    found = [
        listed,
        runs[0].model_dump(mode="json"),
        client.whoami().model_dump(mode="json"),
        client.list_executions(instance=greet.instance).model_dump(mode="json"),
        UseCase.load(GREETER).verify().model_dump(mode="json"),
    ]
    assert json.loads(json.dumps(found)) == found
    details = client.get_execution(runs[0])
    assert details.error is None
    for run, name, where in (
        (details, "result", "get_execution_status"),
        (client.get_execution_status(runs[0]), "nodes", "get_execution"),
    ):
        with pytest.raises(AttributeError, match=rf"{where}\(run\)\.{name} has it"):
            getattr(run, name)


def test_a_member_may_be_called_like_the_function_itself(client: Client, greet: Workflow) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'self'"):
        greet(name="Ada", self="x")


@pytest.mark.parametrize("rows", [["Ada", "Bob"], [("name", "Ada")], "Ada"])
def test_rows_are_dicts(greet: Workflow, rows: Any) -> None:
    with pytest.raises(ConfigError, match="A row of greet is a dict of its arguments, not ") as refusal:
        greet.map(rows)
    assert '{"name": …}' in str(refusal.value.next_action)


def test_members_that_are_no_names_go_through_the_stars() -> None:
    schema = schema_of(required=False)
    assert list(signature(schema).parameters)[-1] == "others"
    assert "class" not in signature(schema).parameters
    assert bound(schema, "f", {"class": [], "not a name": "x"})["not a name"] == "x"
    assert list(signature([]).parameters) == ["others"]
    assert bound([], "f", {"anything": 1}) == {"anything": 1}


def test_a_member_that_has_come_since_is_told_as_such(tmp_path: Path) -> None:
    folder = copied("greeter", tmp_path)
    with Sandbox() as sandbox:
        key = sign_in("ada@example.com", ask_code=sandbox.code_for, base_url=sandbox.url, store=None).api_key
        with Client(auth=key, base_url=sandbox.url) as client:
            client.deploy_use_case(folder)
            greet = client.workflow("greet")
            config = json.loads((folder / "config.json").read_text())
            schema = config["workflows"][0]["triggers"][0]["inputSchema"]
            schema.append({"key": "loud", "label": "Loud", "type": "boolean"})
            (folder / "config.json").write_text(json.dumps(config))
            client.deploy_use_case(folder)
            with pytest.raises(
                TypeError, match=r"^greet\(\) has got loud since.*greet = client.workflow\('greet'\)"
            ):
                greet(name="Ada", loud=True)
            with pytest.raises(TypeError, match="Did you mean 'name'"):
                greet(nmae="Ada")
            assert client.workflow("greet").payload(name="Ada", loud=True)["loud"] is True
