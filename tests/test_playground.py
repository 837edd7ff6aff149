"""The playground: what fits a schema, how a result looks, and the form against a real platform."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import ipywidgets
import nbclient
import nbformat
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from codika_nb import (
    Client,
    CodikaError,
    ConfigError,
    ExecutionFailedError,
    InvalidResponseError,
    PermissionDeniedError,
    Playground,
    ProfileStore,
    Sandbox,
    TransportError,
    UseCase,
    WaitTimeoutError,
    sign_in,
)
from codika_nb.client.deployed import forget
from codika_nb.client.offers import Offer, offers_at
from codika_nb.models import Deployment, Execution, Instance, InstanceWorkflow
from codika_nb.notebook import background, texts
from codika_nb.notebook.controls import Parts
from codika_nb.notebook.inputs.input import Around
from codika_nb.notebook.inputs.whole import Whole
from codika_nb.notebook.outcome import outcome
from codika_nb.notebook.result import result_html
from codika_nb.sandbox.rules.configuration import check_payload
from codika_nb.usecases.fields import fields
from codika_nb.usecases.received import read_schema
from codika_nb.usecases.schema import example, initial, payload, problems
from codika_nb.usecases.uploads import File
from tests.conftest import EMAIL, ROOT, copied
from tests.kernels import kernel

EXPENSES = ROOT / "notebooks" / "use-cases" / "expense-claim"


def _png(width: int, height: int) -> bytes:
    """A picture: from black to blue."""
    rows = b"".join(b"\0" + bytes(width * [20, 90, 255 * y // height]) for y in range(height))
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PNG = _png(64, 48)
CLAIM: dict[str, Any] = {
    "name": "Ada",
    "date": "2026-03-01",
    "people": 2,
    "purpose": "Workshop in Ghent",
    "currency": "EUR",
    "items": [{"what": "Train", "amount": 42.5}, {"what": "Hotel & <b>", "amount": 120, "billable": True}],
    "categories": ["travel", "hotel"],
    "payment": "card",
}


def field(kind: str, **members: Any) -> dict[str, Any]:
    return {"key": "x", "label": "X", "type": kind, **members}


def complaints(described: dict[str, Any], value: Any) -> list[str]:
    schema = read_schema([described], "test")
    return [f"{problem.place}: {problem.text}" for problem in problems(schema, {"x": value})]


# --- what fits -------------------------------------------------------------------------------------

OPTIONS = [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}, {"value": "c", "label": "C"}]
PDF = {"fileName": "a.pdf", "mimeType": "application/pdf", "contentBase64": "JVBERg=="}


@pytest.mark.parametrize(
    ("described", "fitting", "misfits"),
    [
        (
            field("string", minLength=2, maxLength=4, regex="^[a-z]+$", regexError="Small letters."),
            ["ab", "abcd", None, "", "  "],
            {"a": "At least 2", "abcde": "At most 4 characters, not 5", "AB": "Small letters.", 7: "a text"},
        ),
        (field("text", maxLength=3), ["a\nb"], {"a\nbc": "At most 3"}),
        (field("string", regex=r"(?<year>\d{4})"), ["in 2026"], {"٢٠٢٦": "form that is asked for"}),
        (field("string", regex="(?<!x)[[:broken"), ["anything"], {}),
        (
            field("number", min=1, max=5, step=0.5),
            [1, 1.0, 2.5, 5],
            {
                0.5: "At least 1",
                5.5: "At most 5",
                1.2: "steps of 0.5",
                "12,5": "a point before",
                True: "number",
            },
        ),
        (field("number", numberType="integer"), [3, 3.0, -1], {3.5: "whole", "3": "number"}),
        (field("number", step=0.01), [0.29, 1e300, 10**5000], {0.005: "steps", float("inf"): "finite"}),
        (field("boolean"), [True, False], {"yes": "either true or false", 1: "either"}),
        (
            field("date", minDate="2026-01-01", maxDate="2026-12-31"),
            ["2026-01-01", "2026-12-31T23:59:59Z"],
            {
                "2025-12-31": "Not before 1 January 2026",
                "2027-01-01": "Not after",
                "2026-02-30": "a date",
                7: "date",
            },
        ),
        (field("select", options=OPTIONS), ["a"], {"d": "one of the options", 1: "one of"}),
        (field("radio", options=OPTIONS), ["b"], {"d": "one of the options"}),
    ],
)
def test_plain_values(described: dict[str, Any], fitting: list[Any], misfits: dict[Any, str]) -> None:
    for value in fitting:
        assert complaints(described, value) == []
    for value, text in misfits.items():
        [complaint] = complaints(described, value)
        assert complaint.startswith("x: ")
        assert text in complaint


@pytest.mark.parametrize(
    ("described", "value", "expected"),
    [
        (field("multiselect", options=OPTIONS, minSelections=2), ["a"], ["x: Choose at least 2, not 1."]),
        (field("multiselect", options=OPTIONS, maxSelections=1), ["a", "b"], ["x: Choose at most 1, not 2."]),
        (field("multiselect", options=OPTIONS), ["a", "d"], ["x: Choose from the options: a, b, c."]),
        (field("multiselect", options=OPTIONS), ["a", "a"], ["x: Choose each option once."]),
        (field("multiselect", options=OPTIONS), ["a", "c"], []),
        (field("file"), PDF, []),
        (field("file", allowedMimeTypes=["image/*", ".pdf"]), PDF, []),
        (
            field("file", allowedMimeTypes=["image/png", "image/jpeg"]),
            PDF,
            ["x: This is PDF; allowed is PNG or JPEG."],
        ),
        (field("file", maxSize=3), PDF, ["x: This file has 4 bytes; at most 3 bytes are allowed."]),
        (field("file"), {"contentBase64": "no base64!"}, ["x: Choose a file."]),
        (field("file"), 7, ["x: Choose a file."]),
        (field("array", itemField={"type": "number", "max": 3}, minItems=2), [1, None, 3], []),
        (
            field("array", itemField={"type": "number", "max": 3}, maxItems=1),
            [1, 4],
            ["x: Give at most 1, not 2.", "x[1]: At most 3."],
        ),
        (field("array", itemField={"type": "string"}), "text", ["x: This has to be a list."]),
        (field("array", itemField={"type": "string"}, required=True), ["", None], ["x: Add at least one."]),
        (
            field("objectArray", itemSchema=[field("string", required=True)], minItems=3),
            [{"x": "a"}, {}],
            ["x: Give at least 3, not 2.", "x[1].x: Fill this in."],
        ),
        (field("objectArray", itemSchema=[]), [7], ["x[0]: This has to be an object."]),
        (
            field(
                "object", schema=[field("array", itemField={"type": "date"}, required=True)], required=True
            ),
            {"x": ["2026-01-01", "soon"]},
            ["x.x[1]: Give a date, such as 2026-01-31."],
        ),
        (field("object", schema=[]), 7, ["x: This has to be an object."]),
    ],
)
def test_values_made_of_values(described: dict[str, Any], value: Any, expected: list[str]) -> None:
    assert complaints(described, value) == expected


def test_every_kind_may_be_required_and_is_then_missed() -> None:
    schema = read_schema(
        [
            field(
                kind,
                key=kind,
                required=True,
                options=OPTIONS,
                itemField={"type": "string"},
                itemSchema=[],
                schema=[],
            )
            for kind in (
                "string",
                "number",
                "boolean",
                "date",
                "select",
                "multiselect",
                "file",
                "array",
                "objectArray",
            )
        ],
        "test",
    )
    assert [problem.text for problem in problems(schema, {})] == [
        "Fill this in.",
        "Fill this in.",
        "Say yes or no.",
        "Give a date.",
        "Choose one.",
        "Choose at least one.",
        "Choose a file.",
        "Add at least one.",
        "Add at least one.",
    ]


def test_blank_fields_are_left_out_and_sections_have_no_value_of_their_own() -> None:
    inner = [field("string", key="a"), field("array", key="b", itemField={"type": "string"})]
    schema = read_schema(
        [
            {"type": "section", "title": "S", "inputSchema": inner},
            field("number", key="c", numberType="integer"),
            field("boolean", key="d"),
            field("object", key="e", schema=inner),
        ],
        "test",
    )
    values = {"a": " ", "b": ["", "t"], "c": 3.0, "d": False, "e": {"a": "", "b": []}, "unknown": 1}
    assert problems(schema, values) == []
    sent = payload(schema, values)
    assert sent == {"b": ["t"], "c": 3, "d": False}
    assert isinstance(sent["c"], int)


def test_an_optional_object_is_all_or_nothing() -> None:
    inner = [
        field("string", key="city", required=True),
        field("select", key="country", options=OPTIONS, defaultValue="a"),
    ]
    schema = read_schema([field("object", schema=inner)], "test")
    assert initial(schema) == {"x": {"city": None, "country": "a"}}
    assert problems(schema, initial(schema)) == []
    assert payload(schema, initial(schema)) == {}
    begun = {"x": {"city": "", "country": "b"}}
    assert [problem.place for problem in problems(schema, begun)] == ["x.city"]
    complete = {"x": {"city": "Ghent", "country": "a"}}
    assert payload(schema, complete) == complete


ADDRESS = field(
    "object",
    key="address",
    label="Address",
    defaultValue={"country": "BE", "size": "huge", "floor": {"number": 2}, "elsewhere": 1},
    schema=[
        field("string", key="country", label="Country"),
        field("string", key="zip", label="Zip", required=True),
        field("select", key="size", label="Size", options=OPTIONS),
        field("object", key="floor", label="Floor", schema=[field("number", key="number", label="Number")]),
    ],
)


def test_the_default_of_an_object_is_in_its_fields_and_leaves_it_optional(greeter: Path) -> None:
    configuration = UseCase.load(greeter).configuration.model_dump(by_alias=True, exclude_none=True)
    configuration["workflows"][0]["triggers"][0]["inputSchema"] = [ADDRESS]
    use_case = UseCase(configuration, {"greet": {"nodes": [], "connections": {}}})
    form = Playground(Client(base_url="http://127.0.0.1:9"), use_case=use_case)
    first = {"country": "BE", "zip": None, "size": None, "floor": {"number": 2}}
    assert form["address"].value == first
    assert form.payload() == {}
    form["address"]["country"].value = "FR"
    with pytest.raises(ConfigError, match="Zip"):
        form.payload()
    form.fill({"address": {"zip": "75001"}})
    assert form.payload() == {"address": {"country": "FR", "zip": "75001", "floor": {"number": 2}}}


@pytest.mark.parametrize("given", [{}, "none", [1], [None], 3])
def test_what_is_no_schema_is_said_to_be_none(given: Any) -> None:
    with pytest.raises(InvalidResponseError, match="schema of here cannot be read") as caught:
        read_schema(given, "here")
    assert "pip install -U" in (caught.value.next_action or "")


@pytest.mark.parametrize(
    ("odd", "begins_with"),
    [
        (field("number", defaultValue=""), None),
        (field("number", min="low"), None),
        (field("string", defaultValue=5), "5"),
        (field("string", defaultValue={"a": 1}), None),
        (field("string", minLength="two", tooltip=3), None),
        (field("boolean", defaultValue="maybe"), False),
        (field("select", options=[{"value": 1, "label": "One"}], defaultValue=1), "1"),
        (field("select", options=["a", "b"]), None),
        (field("select", options=[{"value": True}, {"label": "L"}]), None),
        (field("multiselect", options=[{"value": 1, "label": "One"}], defaultValue="1"), []),
        (field("multiselect", options=[1, 2], defaultValue=[1]), ["1"]),
        (field("radio", options=[True, False], defaultValue=True), "true"),
        (field("string") | {"key": "x", "label": 7}, None),
        (field("array", itemField={"type": "select", "options": [1, 2]}, defaultValue=["1"]), ["1"]),
        (field("array", itemField={"type": "number", "defaultValue": "x"}), []),
        (field("array", itemField={"type": "hologram"}), []),
        (
            field("object", schema=[{"type": "number", "key": "n", "label": "N", "defaultValue": ""}]),
            {"n": None},
        ),
        ({"type": "string", "key": "x"}, None),
        (field("hologram", defaultValue=1), None),
        (field("select"), None),
        ({"key": "x", "label": "X"}, None),
    ],
)
def test_an_odd_field_hides_no_other(odd: dict[str, Any], begins_with: Any) -> None:
    schema = read_schema(
        [field("string") | {"key": "before"}, odd, field("string") | {"key": "after"}], "here"
    )
    assert [each.key for each in fields(schema)] == ["before", "x", "after"]
    assert initial(schema)["x"] == begins_with


def test_what_is_no_field_hides_none() -> None:
    schema = read_schema([None, field("string"), "odd", field("number") | {"key": 5}], "here")
    assert [each.key for each in fields(schema)] == ["x", "5"]


def test_elements_are_chosen_from_texts_too() -> None:
    options = [{"value": 1, "label": "One"}]
    schema = read_schema([field("array", itemField={"type": "select", "options": options})], "here")
    assert payload(schema, {"x": ["1"]}) == {"x": ["1"]}
    assert problems(schema, {"x": ["2"]})


def test_a_field_of_a_kind_that_is_not_known_takes_json() -> None:
    [unknown] = schema = read_schema([field("hologram")], "here")
    assert "hologram" in (unknown.description or "")
    assert payload(schema, {"x": '{"depth": 3}'}) == {"x": {"depth": 3}}
    [problem] = problems(schema, {"x": "{depth"})
    assert problem.text.startswith("This is not JSON")
    assert payload(schema, {"x": "{depth"}) == {"x": "{depth"}  # as it is shown as code
    assert read_schema([{"type": "hologram"}], "here") == []


def test_a_field_that_cannot_be_read_is_as_needed_as_before() -> None:
    schema = read_schema([field("select", required=True)], "here")
    assert "no kind of field" not in (schema[0].description or "")
    assert [problem.place for problem in problems(schema, {"x": ""})] == ["x"]


def test_what_can_be_no_option_is_left_out() -> None:
    options: list[Any] = ["a", None, {}, [], {"value": None}, {"value": 1}, {"label": "L"}]
    made: Any = read_schema([field("select", options=options)], "here")[0]
    assert [(each.value, each.label) for each in made.options] == [("a", "a"), ("1", "1"), ("L", "L")]


@pytest.mark.parametrize(
    ("described", "begins_with"),
    [
        (field("date", defaultValue="soon"), None),
        (field("array", itemField={"type": "number"}, defaultValue=["a", 1]), [1]),
        (field("array", itemField={"type": "select", "options": [1, 2]}, defaultValue=[2, 3]), ["2"]),
    ],
)
def test_a_default_that_does_not_fit_is_left_out(described: dict[str, Any], begins_with: Any) -> None:
    schema = read_schema([described], "here")
    assert initial(schema) == {"x": begins_with}
    assert problems(schema, initial(schema)) == []


@pytest.mark.parametrize(
    "described",
    [
        field("number", max=10, step=3),
        field("number", min=0.5, numberType="integer"),
        field("date", maxDate="2020-01-01"),
        field("date", minDate="soon"),
        field("string", minLength=2, maxLength=3),
        field("text", minLength=5),
        field("string", minLength=9),
        field("string", defaultValue=""),
        field("multiselect", options=OPTIONS, defaultValue=[]),
        field("array", itemField={"type": "string"}, minItems=3),
        field("objectArray", itemSchema=[field("string", required=True)], minItems=2),
        field("object", schema=[field("string", required=True)], defaultValue={"y": 1}),
        field("hologram"),
    ],
)
def test_an_example_is_taken(described: dict[str, Any]) -> None:
    schema = read_schema([{**described, "required": True}], "here")
    assert problems(schema, example(schema)) == []


def test_rounding_is_no_mistake() -> None:
    schema = read_schema([field("number", step=0.1)], "here")
    assert problems(schema, {"x": 0.1 + 0.2}) == []
    assert problems(schema, {"x": 0.25})


# Schemas of every kind of field, and values that fit them.

KEYS = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5).filter(str.strip)


@st.composite
def plain_fields(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """A field that may be an item of an array, and a value that fits it."""
    kind = draw(st.sampled_from(["string", "text", "number", "boolean", "date", "select", "radio"]))
    if kind in ("string", "text"):
        return {"type": kind, "minLength": draw(st.integers(0, 1)), "maxLength": 5}, draw(TEXTS)
    if kind == "number":
        whole = draw(st.booleans())
        limits = {"type": kind, "numberType": "integer" if whole else "double", "min": -9, "max": 9}
        return limits, draw(st.integers(-9, 9) if whole else st.floats(-9, 9))
    if kind == "boolean":
        return {"type": kind}, draw(st.booleans())
    if kind == "date":
        return {"type": kind, "minDate": "1990-01-01"}, draw(
            st.dates(min_value=date_of("1990-01-01"))
        ).isoformat()
    return {"type": kind, "options": OPTIONS}, draw(st.sampled_from("abc"))


def date_of(text: str) -> Any:
    import datetime

    return datetime.date.fromisoformat(text)


@st.composite
def any_fields(draw: st.DrawFn, key: str, depth: int = 2) -> tuple[dict[str, Any], Any]:
    """A field of any kind, and a value that fits it."""
    kinds = ["plain", "multiselect", "file", "array"] + ["object", "objectArray"] * (depth > 0)
    kind = draw(st.sampled_from(kinds))
    common = {"key": key, "label": key.upper(), "required": draw(st.booleans())}
    if kind == "plain":
        described, value = draw(plain_fields())
        return common | described, value
    if kind == "multiselect":
        chosen = draw(st.lists(st.sampled_from("abc"), unique=True, min_size=1))
        return common | {"type": kind, "options": OPTIONS, "maxSelections": 3}, chosen
    if kind == "file":
        return common | {"type": kind, "maxSize": 9}, File.of(
            "f", "text/plain", draw(st.binary(max_size=9))
        ).to_json()
    if kind == "array":
        item, value = draw(plain_fields())
        count = draw(st.integers(1, 3))
        return common | {"type": kind, "itemField": item, "minItems": 1, "maxItems": 3}, [value] * count
    schema, values = draw(schemas(depth - 1))
    if kind == "object":
        return common | {"type": kind, "schema": schema}, values
    return common | {"type": kind, "itemSchema": schema, "minItems": 1}, [values]


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A schema, some of it in a section, and values that fit it."""
    pairs = [draw(any_fields(key, depth)) for key in draw(KEYS)]
    values = {described["key"]: value for described, value in pairs}
    described = [described for described, _ in pairs]
    split = draw(st.integers(0, len(described)))
    return [*described[:split], {"type": "section", "title": "S", "inputSchema": described[split:]}], values


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4),
    max_leaves=15,
)


@given(schemas())
def test_a_payload_made_of_fitting_values_is_accepted_by_the_platform(
    made: tuple[list[dict[str, Any]], dict[str, Any]],
) -> None:
    raw, values = made
    schema = read_schema(raw, "test")
    assert problems(schema, values) == []
    sent = payload(schema, values)
    assert problems(schema, sent) == []
    check_payload(raw, json.loads(json.dumps(sent)))


@given(schemas(), JSON)
def test_no_json_is_too_strange_to_be_judged_or_shown(
    made: tuple[list[dict[str, Any]], dict[str, Any]], value: Any
) -> None:
    schema = read_schema(made[0], "test")
    problems(schema, value)
    result_html(schema, value)
    if isinstance(value, dict):
        for complaint in problems(schema, payload(schema, value)):
            assert complaint.text


@given(schemas())
def test_what_a_form_begins_with_is_at_worst_incomplete(made: tuple[list[dict[str, Any]], Any]) -> None:
    schema = read_schema(made[0], "test")
    json.dumps(payload(schema, initial(schema)))
    incomplete = {"Fill this in.", "Choose one.", "Give a date.", "Choose a file."}
    assert {p.text for p in problems(schema, initial(schema))} <= incomplete | {
        "Add at least one.",
        "Choose at least one.",
    }


# --- how a result looks ----------------------------------------------------------------------------


def shown(described: dict[str, Any], value: Any) -> str:
    return result_html(read_schema([described], "test"), {"x": value})


@pytest.mark.parametrize(
    ("described", "value", "expected"),
    [
        (field("string"), "<b>&", "&lt;b&gt;&amp;"),
        (field("text"), "one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        (field("number"), 1234567.5, "1\u202f234\u202f567.5"),
        (field("number"), 0.1 + 0.2, ">0.3<"),
        (field("number"), 2026, ">2026<"),
        (field("number", step=0.01), 84.5, ">84.50<"),
        (field("boolean", enabledLabel="Paid"), True, ">Paid<"),
        (field("boolean"), False, ">No<"),
        (field("date"), "2026-03-01T10:00:00Z", ">1 March 2026<"),
        (field("select", options=OPTIONS), "a", "<dd>A</dd>"),
        (field("multiselect", options=OPTIONS), ["a", "c"], "A, C"),
        (field("array", itemField={"type": "number"}), [1, 2.5], "<li><span"),
        (field("object", schema=[field("string", key="y", label="Y")]), {"y": "v"}, "<dt>Y</dt><dd>v</dd>"),
        (field("string"), None, "–"),
        (field("number"), "not a number", "not a number"),
    ],
)
def test_a_value_is_shown_as_its_field_says(described: dict[str, Any], value: Any, expected: str) -> None:
    assert expected in shown(described, value)


def test_objects_in_a_list_become_a_table_with_all_they_have() -> None:
    columns = [field("string", key="what", label="What"), field("number", key="n", label="N", step=0.1)]
    table = shown(
        field("objectArray", itemSchema=columns),
        [{"what": "a<i>", "n": 1}, {"what": "b", "more": {"deep": 1}}, "stray"],
    )
    assert table.count("<tr>") == 4
    assert '<th scope="col" class="codika-number">N</th>' in table
    assert '<th scope="col">more</th>' in table
    assert "a&lt;i&gt;" in table
    assert "1.0" in table
    assert "deep" in table
    assert "stray" in table
    long = shown(field("objectArray", itemSchema=columns), [{"what": "a"}] * 250)
    assert "… and 50 more" in long


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"])
def test_pictures_are_shown_with_their_names(kind: str) -> None:
    rich = shown(field("file"), File.of("a picture", kind, PNG).to_json())
    assert f'<img alt="X: a picture" src="data:{kind};base64,' in rich
    assert "a picture <span" in rich
    # Its bytes are there once.
    assert rich.count("base64,") == 1


def test_a_file_is_saved_under_its_own_name_however_long_that_is() -> None:
    name = (
        "Quarterly report of the regional sales organisation for the third quarter of 2026, final version.pdf"
    )
    link = shown(field("file"), File.of(name, "application/pdf", b"%PDF").to_json())
    assert f'download="{name}"' in link
    seen = re.search(r">([^<]*)</a>", link)
    assert seen
    assert seen[1].startswith("Quarterly report of the regional")
    assert seen[1].endswith("final version.pdf")
    assert len(seen[1]) == 80
    endless = shown(field("file"), File.of("a" * 5000 + ".csv", "text/csv", b"").to_json())
    assert 'a.csv" href' in endless


@pytest.mark.parametrize(
    ("value", "expected", "never"),
    [
        (
            File.of('x" onerror="a', "text/html", b"<script>").to_json(),
            'download="x&quot; onerror',
            "text/html",
        ),
        (File.of("big.png", "image/png", bytes(5 * 1024**2)).to_json(), "5.24 MB; in .run.result", "<img"),
        (
            File.of("huge.zip", "application/zip", bytes(11 * 1024**2)).to_json(),
            "11.5 MB; in .run.result",
            "<a",
        ),
        (
            {"name": "n8n.png", "contentType": "image/png", "data": base64.b64encode(PNG).decode()},
            "<img",
            "octets",
        ),
        ("data:image/png;base64," + base64.b64encode(PNG).decode(), "<img", "<script"),
        ("https://example.com/a.pdf", 'rel="noopener noreferrer"', "<img"),
        ("javascript:alert(1)", "javascript:alert(1)", "<a"),
        ({"documentId": "d1", "fileName": "kept.pdf"}, "kept.pdf", "<a"),
        (
            {"fileName": "x", "mimeType": 'image/png"><script>', "contentBase64": "AAAA"},
            "<a download",
            "<script",
        ),
    ],
)
def test_other_files_are_links_or_names(value: Any, expected: str, never: str) -> None:
    rich = shown(field("file"), value)
    assert expected in rich
    assert never not in rich


COLUMNS = [field("string", key="k", label="K")]


@pytest.mark.parametrize(
    ("described", "value"),
    [
        (
            field("objectArray", itemSchema=COLUMNS),
            [{"k": "a"} | {f"u{n}": list(range(300)) for n in range(20)}] * 200,
        ),
        (field("file"), [File.of("a.png", "image/png", bytes(500_000)).to_json()] * 50),
        (field("array", itemField={"type": "text"}), ["<" * 50_000] * 100),
        (field("objectArray", itemSchema=COLUMNS), [{"k": "'" * 20_000}] * 150),
        (field("object", schema=COLUMNS), {"k": "a", "more": {f"m{n}": "'" * 5000 for n in range(900)}}),
    ],
)
def test_a_large_result_ends_with_how_much_more_there_is(described: dict[str, Any], value: Any) -> None:
    rich = shown(described, value)
    assert 500_000 < len(rich) < 2_700_000
    assert re.search(r"… and [\d\u202f]+ more", rich) or "; in .run.result" in rich
    assert len(result_html([], {"x": value})) < 2_700_000


def test_many_pictures_are_shown_as_far_as_there_is_room_and_then_named() -> None:
    picture = File.of("a.png", "image/png", bytes(500_000)).to_json()
    rich = shown(field("file"), [picture] * 50)
    assert rich.count("<img") == 2
    assert rich.count("in .run.result") == 48


def test_a_tree_says_how_many_members_there_are_in_truth() -> None:
    rich = result_html([], {"x": list(range(1500))})
    assert "1500 items" in rich
    assert "… and 501 more" in rich


def test_a_million_rows_are_shown_without_looking_at_all_of_them() -> None:
    rows: list[Any] = [{"k": "a", "n": 1}] * 10**6
    looked_at = 0

    class Row(dict[str, Any]):
        def items(self) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().items()

    rows[:5000] = [Row(k="a") for _ in range(5000)]
    for schema in ([], [field("objectArray", itemSchema=COLUMNS)], [field("number")]):
        rich = result_html(read_schema(schema, "test"), {"x": rows})
        assert re.search(r"… and [\d,\u202f]+ more", rich)
        assert len(rich) < 1_000_000
    assert looked_at < 2000
    assert outcome(Offer("w", "W"), Execution(execution_id="e", status="success", result_data={"x": rows}))


def test_what_contains_itself_or_is_very_deep_is_cut() -> None:
    ring: dict[str, Any] = {"k": "a"}
    ring["again"] = ring
    deep: Any = "bottom"
    for _ in range(900):
        deep = [deep]
    for value in (ring, {"x": ring}, deep, [deep, "beside"]):
        rich = result_html([], value)
        assert "…" in rich
        assert "bottom" not in rich
    assert result_html([], ring).count("again") == 1
    assert "beside" in result_html([], [deep, "beside"])
    # The same value twice is no ring.
    assert "…" not in result_html([], {"x": [CLAIM, CLAIM]})
    run = Execution(execution_id="e", status="success", result_data={"x": deep})
    assert "…" in outcome(Offer("w", "W"), run).alone["text/plain"]


@pytest.mark.parametrize("step", [float("inf"), float("nan"), 1e-300, -1.0])
def test_a_strange_step_does_not_keep_a_number_from_being_shown(step: float) -> None:
    assert "3.5" in shown(field("number", step=step), 3.5)


def test_what_the_schema_does_not_mention_is_shown_all_the_same() -> None:
    rich = result_html(read_schema([field("string")], "test"), {"x": "v", "y": {"extra": "<u>"}})
    assert "Not in the output schema" in rich
    assert "&lt;u&gt;" in rich
    for result in ([1, 2], "text", None, {"a": 1}):
        assert result_html([], result).startswith('<div class="codika-result">')


# --- the use case of the tutorial ------------------------------------------------------------------


def deploy(sandbox: Sandbox, use_case: Path) -> Deployment:
    """Sign in, and deploy a use case that is answered by its stand-in."""
    sandbox.load_stand_ins(use_case / "stand_ins.py")
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    with Client(base_url=sandbox.url) as client:
        return client.deploy_use_case(UseCase.load(use_case))


@pytest.fixture
def expenses(tmp_path: Path) -> Path:
    return copied("expense-claim", tmp_path)


def test_the_use_case_is_found_free_of_faults_and_uses_every_kind_of_field(expenses: Path) -> None:
    use_case = UseCase.load(expenses)
    assert use_case.verify() == []
    text = (expenses / "config.json").read_text()
    kinds = "string text number boolean date select multiselect radio file array object objectArray section"
    assert [kind for kind in kinds.split() if f'"type": "{kind}"' not in text] == []


ENGINE = """
const [check, work, payloads] = JSON.parse(require('fs').readFileSync(0, 'utf-8'));
const run = (code, json) =>
  new Function('$', '$input', code)(() => ({ first: () => ({ json }) }), { first: () => ({ json }) })[0].json;
console.log(JSON.stringify(payloads.map((body) => {
  const checked = run(check, { body });
  return checked.valid ? run(work, checked) : { error: checked.error };
})));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="runs the workflow's JavaScript, which needs Node")
def test_the_workflow_does_what_its_stand_in_does(expenses: Path) -> None:
    workflow = json.loads((expenses / "workflows" / "claim.json").read_text())
    codes = [node["parameters"]["jsCode"] for node in workflow["nodes"] if node["type"].endswith(".code")]
    payloads = [
        CLAIM,
        {**CLAIM, "advance": 12.34, "urgent": True, "tags": ["x"], "receipt": PDF | {"fileName": "r.pdf"}},
        {
            **CLAIM,
            "people": 1,
            "items": [{"what": 'Say "hi" & <go> to everybody at home', "amount": 999.995}],
        },
        {**CLAIM, "advance": 1000},
        {**CLAIM, "items": []},
    ]
    ran = subprocess.run(
        ["node", "-e", ENGINE],
        input=json.dumps([*codes, payloads]),
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=True,
    )
    stand_ins: dict[str, Any] = {"__name__": "stand_ins"}
    exec((expenses / "stand_ins.py").read_text(), stand_ins)  # noqa: S102 - a file of ours
    answers = []
    for each in payloads:
        try:
            answers.append(stand_ins["claim"](each))
        except ValueError as error:
            answers.append({"error": str(error)})
    assert json.loads(ran.stdout) == answers


# --- the form --------------------------------------------------------------------------------------


@pytest.fixture
def deployed(sandbox: Sandbox, expenses: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The expense claim, deployed by whoever is signed in now; the folder it is in is the current one."""
    monkeypatch.setenv("CODIKA_BASE_URL", sandbox.url)
    monkeypatch.chdir(expenses.parent)
    return deploy(sandbox, expenses)


@pytest.fixture
def form(deployed: Deployment) -> Playground:
    return Playground()


def message(form: Playground) -> str:
    return str(form.message.value)


def output(form: Playground) -> str:
    return str(form._output.value)


def click(form: Playground) -> Playground:
    form.submit.click()
    return form.settle()


def said(form: Playground) -> dict[str, str]:
    return {each.label: each.problem for each in form._form._marked}


def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


@pytest.fixture
def held(sandbox: Sandbox, deployed: Deployment) -> Iterator[threading.Event]:
    """The workflow answers when this is set."""
    answer = threading.Event()

    @sandbox.workflow("claim")
    def claim(payload: dict[str, Any]) -> dict[str, Any]:
        answer.wait(30)
        return {"total": len(payload["items"])}

    yield answer
    answer.set()


def test_from_an_empty_form_to_a_result(form: Playground) -> None:
    form["name"].value = "Ada"
    form["date"].value = "2026-03-01"
    form["purpose"].value = "Workshop in Ghent"
    form["items"][0]["what"].value = "Train"
    form["items"][0]["amount"].value = 42.5
    form["items"].add({"what": "Hotel", "amount": 120})
    form["categories"].value = ["travel"]
    form["payment"].value = "card"
    click(form)
    assert form.wait(0)["total"] == 162.5
    assert form.run is not None
    assert form.run.result["approved"] is True
    assert form.execution_id == form.run.execution_id
    rich = output(form)
    assert "Approved at once" in rich
    assert "<td>Hotel</td>" in rich
    assert 'src="data:image/svg+xml;base64,' in rich
    assert "Not in the output schema" not in rich
    # Heard, as nothing else tells who does not see the result appear.
    assert 'class="codika-heard">The run succeeded, ' in message(form)


def test_fill_and_payload(form: Playground, tmp_path: Path) -> None:
    (tmp_path / "receipt.png").write_bytes(PNG)
    form.fill(CLAIM | {"receipt": tmp_path / "receipt.png", "tags": ["a", "b"], "urgent": True})
    form.fill({"address": {"street": "Main 1", "postcode": "9000", "city": "Ghent"}})
    sent = form.payload()
    assert sent["receipt"] == {
        "fileName": "receipt.png",
        "mimeType": "image/png",
        "fileSize": len(PNG),
        "contentBase64": base64.b64encode(PNG).decode(),
    }
    assert sent["items"][1] == {"what": "Hotel & <b>", "amount": 120, "billable": True}
    assert sent["tags"] == ["a", "b"]
    assert sent["address"]["city"] == "Ghent"
    assert "advance" not in sent
    click(form)
    assert "The receipt is receipt.png" in form.wait(0)["summary"]
    # What was sent can be filled in again, the file too.
    assert Playground().fill(sent).payload() == sent


def test_defaults_are_there_and_an_untouched_form_says_all_that_is_missing(form: Playground) -> None:
    assert form["currency"].value == "EUR"
    assert form["people"].value == 1
    with pytest.raises(ConfigError, match=r"What \(items\[0\]\.what\): Fill this in") as caught:
        form.payload()
    assert set(caught.value.details) == {
        "name",
        "date",
        "purpose",
        "items[0].what",
        "items[0].amount",
        "categories",
        "payment",
    }
    click(form)
    assert form.run is None
    named = "Name, Date, Purpose, What (item 1), Amount (item 1), Categories, How"
    assert f"7 fields need another look: {named}. Nothing was sent." in message(form)
    assert said(form)["Name"] == "Fill this in."
    assert 'role="alert"' not in form["name"]._note.value  # seven at once would interrupt each other
    assert message(form).count('role="alert"') == 1


def test_a_whole_number_is_asked_for_at_once() -> None:
    whole = field("number", numberType="integer")
    assert complaints(whole, "3,5") == ["x: This has to be a whole number, such as 12."]
    assert complaints(whole, 2.5) == ["x: This has to be a whole number."]


def test_what_a_hint_says_is_not_said_twice() -> None:
    inputs = read_schema([field("number", min=1, description="How many people.")], "test")
    form = Whole(Offer("w", "W", inputs=inputs), Around(lambda: None, lambda: None, Parts()), lambda: None)
    note = form["x"]._note
    assert note.value == "<p>How many people. At least 1.</p>"
    form.mark(problems(inputs, {"x": 0}))
    assert note.value == '<p class="error">At least 1.</p><p>How many people.</p>'
    form.mark(())
    assert note.value == "<p>How many people. At least 1.</p>"


def test_a_problem_goes_away_when_it_is_corrected_and_nothing_typed_is_lost(form: Playground) -> None:
    form.fill(CLAIM | {"email": "ada@example", "advance": "twelve"})
    form["items"][1]["amount"].value = "12,5"
    click(form)
    assert said(form) == {
        "E-mail": "This is not an e-mail address.",
        "Advance": "This has to be a number, such as 12.5: digits, and a point before decimals.",
        "Amount": "This has to be a number, such as 12.5: digits, and a point before decimals.",
    }
    assert form["email"].widget.value == "ada@example"
    assert form["items"][1]["amount"].widget.value == "12,5"
    form["email"].value = "ada@example.com"
    assert said(form).keys() == {"Advance", "Amount"}
    form["items"].remove(0)
    assert said(form).keys() == {"Advance", "Amount"}
    form["items"][0]["amount"].widget.value = "12.5"
    form["advance"].value = None
    assert said(form) == {}
    assert "Nothing was sent" not in message(form)
    assert form.payload()["items"] == [{"what": "Hotel & <b>", "amount": 12.5, "billable": True}]


@pytest.mark.parametrize("others", [{}, {"name": ""}])
def test_a_problem_in_a_folded_section_opens_it(form: Playground, others: dict[str, Any]) -> None:
    section = form["address"]._around.sections[-1]
    assert not section.is_open
    form.fill(CLAIM | {"address": {"postcode": "B-9000"}} | others)
    click(form)
    assert said(form)["Postcode"] == "A postcode has four or five digits."
    eventually(lambda: bool(section.is_open))
    form["address"].value = {"street": "", "postcode": "", "city": ""}
    assert said(form).keys() == {"Name" for name in others}


def test_items_are_added_and_removed_within_their_limits(form: Playground) -> None:
    tags = form["tags"]
    for _ in range(7):
        tags.more.click()
    assert len(tags.items) == 5
    assert tags.more.disabled
    assert "There may be 5, and no more." in tags._note.value
    for n, item in enumerate(tags.items):
        item.value = str(n)
    tags._rows[1].remove.click()
    assert tags.value == ["0", "2", "3", "4"]
    assert [repr(item.widget) for item in tags.items] == [f"Text('Tags {n}')" for n in (1, 2, 3, 4)]
    assert not tags.more.disabled
    with pytest.raises(ConfigError, match='"Tags" cannot hold this str'):
        tags.value = "no list"
    with pytest.raises(ConfigError):
        tags.value = ["kept", 7]
    assert tags.value == ["0", "2", "3", "4"]


def test_removed_items_leave_no_widget_behind(form: Playground) -> None:
    def open_widgets() -> Counter[str]:
        return Counter(type(each).__name__ for each in ipywidgets.widgets.widget._instances.values())

    form["items"].value = []
    before = open_widgets()
    form["items"].value = CLAIM["items"] * 3
    assert (open_widgets() - before)["LineField"] == 12
    form["items"].value = []
    assert open_widgets() == before


def test_values_that_a_field_cannot_hold_are_refused(form: Playground) -> None:
    for key, value in {
        "name": 7,
        "date": "soon",
        "people": [],
        "urgent": "yes",
        "currency": "DOGE",
        "payment": "cash",
        "categories": ["none"],
        "receipt": {"contentBase64": "?"},
        "address": 7,
        "items": [7],
    }.items():
        with pytest.raises(ConfigError, match="cannot hold this"):
            form.fill({key: value})
    for key, value, told in [
        ("currency", "DOGE", "Choose one of the options: EUR"),
        ("categories", ["none"], "Choose from the options: "),
        ("items", 7, "This has to be a list."),
        ("address", 7, "This has to be an object."),
    ]:
        with pytest.raises(ConfigError) as wrong:
            form.fill({key: value})
        assert (wrong.value.next_action or "").startswith(told)
    with pytest.raises(ConfigError, match='no field "nope"') as caught:
        form.fill({"nope": 1})
    assert "currency" in (caught.value.next_action or "")
    before = form._fields.value
    for wrong_one in ({"nope": 1}, {"currency": "DOGE"}, {"address": {"street": "New 1", "nope": 1}}):
        with pytest.raises(ConfigError):
            form.fill({"people": 7, "tags": ["x"], "address": {"street": "New 2"}} | wrong_one)
        assert form._fields.value == before
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        form["receipt"].value = "nowhere.png"


def upload(form: Playground, name: str, kind: str, content: bytes) -> None:
    """What a browser sends when a file is chosen."""
    sent = {
        "name": name,
        "type": kind,
        "size": len(content),
        "last_modified": 0,
        "content": memoryview(content),
    }
    form["receipt"].upload.set_state({"value": [sent]})


def test_an_uploaded_file_is_shown_checked_and_removed(form: Playground) -> None:
    form.fill(CLAIM)
    upload(form, "notes.txt", "", b"text")
    click(form)
    assert said(form) == {"Receipt": "This is text; allowed is PNG, JPEG or PDF."}
    upload(form, "a <b>.png", "image/png", PNG)
    assert said(form) == {}
    chosen = form["receipt"]._chosen.value
    assert "<img" in chosen
    assert "a &lt;b&gt;.png <small>" in chosen
    # The copy that a browser has sent is not kept as well.
    assert form["receipt"].upload.value == ()
    assert form.payload()["receipt"]["fileSize"] == len(PNG)
    form["receipt"].remove.click()
    assert "receipt" not in form.payload()
    assert form["receipt"]._chosen.value == ""
    upload(form, "big.png", "image/png", bytes(2_000_001))
    click(form)
    assert said(form) == {"Receipt": "This file has 2 MB; at most 2 MB are allowed."}


def test_a_tick_says_what_it_means(form: Playground) -> None:
    urgent = form["urgent"]
    assert "Within a month" in urgent._note.value
    urgent.widget.value = True
    assert "Within a week" in urgent._note.value


def test_a_failed_run_names_node_and_reason_and_the_form_stays_filled(form: Playground) -> None:
    form.fill(CLAIM | {"advance": 900})
    click(form)
    assert "The run failed at node “claim”" in message(form)
    assert "The advance of 900.00 EUR is larger" in message(form)
    assert re.search(r"\(stand_ins\.py, line \d+\)", message(form)), "as the engine has it"
    assert form.run is not None
    assert form.run.status == "failed"
    with pytest.raises(ExecutionFailedError, match="larger"):
        form.wait(0)
    assert form["advance"].value == 900
    form["advance"].value = 100
    click(form)
    assert form.wait(0)["due"] == 62.5
    assert "failed" not in message(form)


def test_whoever_waits_hears_of_a_click_that_sends_nothing(form: Playground) -> None:
    form.submit.click()
    with pytest.raises(ConfigError, match="cannot be sent like this"):
        form.wait(5)
    click(form.fill(CLAIM))
    assert form.wait(0)["total"] == 162.5
    form.fill({"name": ""}).submit.click()
    with pytest.raises(ConfigError, match=r"Name \(name\): Fill this in"):
        form.wait(5)
    with pytest.raises(ConfigError):
        asyncio.run(until_done(form))
    assert form.settle(5).run is None
    assert click(form.fill({"name": "Ada"})).run is not None


def test_a_run_that_could_not_start_leaves_no_run(form: Playground) -> None:
    click(form.fill(CLAIM))
    assert form.run is not None
    with Client() as client:
        client.deactivate_instance(form.instance)
    assert click(form).run is None


def test_what_a_server_says_is_shown_without_keys_and_control_characters(form: Playground) -> None:
    key = "0123456789" * 7
    said = f"401 for https://example.com/w?api_key=ck_{key}\x1b[31m and cko_{key}" + "y" * 300_000
    problem = {"message": said, "failedNodeName": f"ck_{key}"}
    failed = {"executionId": "e", "status": "failed", "errorDetails": problem}
    form._render_run(form._offer, Execution.model_validate(failed))
    told = message(form)
    refused = CodikaError(said, next_action=said)
    form._render_failure(refused)
    for text in (told, message(form), *form._static.values()):
        assert key not in text
        assert "\x1b" not in text
        # Where there is more than a message, it is the style.
        assert len(text) < 20_000
    assert "401 for https://example.com/w" in told
    assert len(told) < 3000
    assert len(message(form)) < 5000


def test_single_values_out_of_arrays_fit_and_impossible_paths_are_refused(form: Playground) -> None:
    form.fill(CLAIM | {"people": numpy.int64(3), "urgent": numpy.bool_(True), "advance": numpy.float32(1.5)})
    assert (form["people"].value, form["urgent"].value, form["advance"].value) == (3, True, 1.5)
    json.dumps(form.payload())
    with pytest.raises(ConfigError, match="cannot hold this list"):
        form.fill({"people": numpy.array([1, 2])})
    for path, said in (("a\0b", "NUL"), ("~nobody-of-this-name/x", "home folder")):
        with pytest.raises(ConfigError, match=said):
            form.fill({"receipt": path})


def test_a_double_click_starts_one_run(form: Playground, held: threading.Event) -> None:
    form.fill(CLAIM)
    for _ in range(5):
        form.submit.click()
    assert form.submit.description == "Running…"
    held.set()
    assert form.wait(10) == {"total": 2}
    form.settle()
    with Client() as client:
        assert len(client.list_executions(form.instance)) == 1
    assert form.submit.description == "Run"


def test_stop_says_how_to_wait_for_the_run(form: Playground, held: threading.Event) -> None:
    form.fill(CLAIM)
    form.submit.click()
    assert form.stop in form._buttons.children
    eventually(lambda: bool(form.execution_id))
    form.stop.click()
    form.settle(10)
    assert "Stopped waiting" in message(form)
    assert f"wait_for(&quot;{form.execution_id}&quot;, instance=&quot;{form.instance}&quot;)" in message(form)
    with pytest.raises(WaitTimeoutError) as caught:
        form.wait(0)
    assert caught.value.execution_id == form.execution_id
    assert form.stop not in form._buttons.children
    held.set()
    with Client() as client:
        assert client.wait_for(form.execution_id, instance=form.instance).result == {"total": 2}
    click(form)
    assert form.wait(0) == {"total": 2}


def test_what_the_form_holds_is_there_as_code_and_without_a_key(form: Playground) -> None:
    form.fill(CLAIM)
    form.as_curl.click()
    curl = html.unescape(re.sub("<[^>]*>", "", form._code.box.value))
    assert "curl http" in curl
    assert "$CODIKA_API_KEY" in curl
    form.as_python.click()
    shown = re.search("<pre[^>]*>(.*)</pre>", form._code.box.value, re.DOTALL)
    assert shown
    active = ProfileStore().active()
    assert active
    assert active.api_key not in form._code.box.value + curl
    scope: dict[str, Any] = {}
    exec(html.unescape(shown[1]), scope)  # noqa: S102 - it is there to be run
    assert scope["run"].result["total"] == 162.5
    form.as_python.click()
    assert form._code.box.value == ""
    form["name"].value = ""
    form.as_curl.click()
    form["name"].value = "Ada"
    assert form._code.box.value == ""  # it would be of another input


def test_a_result_of_another_input_is_dimmed(form: Playground) -> None:
    click(form.fill(CLAIM))
    assert "codika-stale" not in form._output._dom_classes
    form["name"].value = ""
    assert "codika-stale" in form._output._dom_classes
    click(form)
    assert "codika-stale" in form._output._dom_classes
    click(form.fill(CLAIM))
    assert "codika-stale" not in form._output._dom_classes


def test_what_is_seen_at_a_field_is_heard_in_its_name(form: Playground) -> None:
    form["items"].add()
    heard = [re.sub("<[^>]*>", "", item["what"].widget.description) for item in form["items"].items]
    assert heard == ["What, item 1", "What, item 2"]
    [first, *_] = form["categories"]._ticks.values()
    assert re.sub("<[^>]*>", "", first.description) == "Categories: Travel"
    assert form["items"].more.description == "Add item"
    # What a tooltip explains is there to be read, by mouse, keyboard and screen reader.
    assert "Where questions about the claim are sent" in form["email"]._note.value


def test_the_seconds_are_counted_while_a_run_is_under_way(form: Playground, held: threading.Event) -> None:
    form.fill(CLAIM)
    form.submit.click()
    eventually(lambda: bool(form.execution_id) and form.execution_id in message(form))
    assert "codika-passing" in form._elapsed.value  # by the browser
    held.set()
    form.settle()
    assert form._elapsed.value == ""


async def until_done(form: Playground) -> Any:
    return await form


def test_await_yields_the_result_and_leaves_the_loop_free(form: Playground, held: threading.Event) -> None:
    async def both() -> Any:
        form.fill(CLAIM).submit.click()
        waiting = asyncio.create_task(until_done(form))
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert not waiting.done()
        held.set()
        return await waiting

    assert asyncio.run(both()) == {"total": 2}


def test_a_wait_that_gives_up_does_not_end_the_run(form: Playground, held: threading.Event) -> None:
    form.fill(CLAIM).submit.click()
    with pytest.raises(TimeoutError, match="no result yet"):
        form.wait(0.01)
    held.set()
    assert form.wait(10) == {"total": 2}


def test_enter_in_a_line_runs(form: Playground) -> None:
    form.fill(CLAIM)
    form["name"].widget._handle_custom_msg({"event": "submit"}, [])
    assert form.wait(10)["total"] == 162.5


def test_the_network_is_down(deployed: Deployment, sandbox: Sandbox) -> None:
    form = Playground().fill(CLAIM)
    sandbox.stop()
    click(form)
    assert "cannot be reached" in message(form)
    assert "Is the sandbox running?" in message(form)
    assert form.payload()["name"] == "Ada"
    with pytest.raises(CodikaError, match="cannot be reached"):
        form.wait(0)


def test_an_instance_that_is_off_or_gone_is_said_with_the_way_out(form: Playground) -> None:
    form.fill(CLAIM)
    with Client() as client:
        client.deactivate_instance(form.instance)
        click(form)
        assert f"activate_instance(&quot;{form.instance}&quot;)" in message(form)
        client.activate_instance(form.instance)
        click(form)
        assert form.wait(0)["total"] == 162.5
    form.instance = "elsewhere"
    click(form)
    assert "deploy it, and run this cell again" in message(form)


def test_a_run_that_cannot_be_waited_for_can_be_taken_up(form: Playground) -> None:
    late = WaitTimeoutError("Run e-1 has not ended within 3600 s.", next_action="client.wait_for('e-1')")
    for problem in (PermissionDeniedError("No."), late):
        problem.execution_id = "e-1"
        form._render_failure(problem)
        again = f"Client().wait_for(&quot;e-1&quot;, instance=&quot;{form.instance}&quot;)"
        assert again in message(form)
        assert " client.wait_for" not in message(form)
        assert "try again" not in message(form)


def test_a_key_that_is_not_accepted_any_more(deployed: Deployment, sandbox: Sandbox) -> None:
    active = ProfileStore().active()
    assert active
    made = Playground().fill(CLAIM)
    ProfileStore().save(replace(active, api_key="cko_" + "x" * 64))
    with Client() as client:
        for form in (made, Playground(client, use_case="expense-claim").fill(CLAIM)):
            click(form)
            assert "A sandbox that was started anew knows nobody." in message(form)
    ProfileStore().remove("my-organization")
    click(made)
    assert "Nobody is signed in" in message(made)
    # Who signs in again in another cell goes on with what has been typed.
    sandbox.clock.advance(31)
    sign_in(EMAIL, ask_code=sandbox.code_for)
    click(made)
    assert made.wait(0)["total"] == 162.5


def test_what_the_platform_refuses_is_said_at_the_field(deployed: Deployment, sandbox: Sandbox) -> None:
    """A form from an older copy of the use case, which does not know of a new limit."""
    form = Playground(use_case=Path("expense-claim"))
    items = next(each for each in form._offer.inputs[1].input_schema if each.key == "items")  # type: ignore[union-attr]
    items.item_schema[1].max = None  # type: ignore[union-attr]
    form.fill(CLAIM)
    form["items"][1]["amount"].value = 9000
    click(form)
    assert "at most 5000" in form["items"][1]["amount"].problem
    assert "at most 5000" in message(form)
    form["items"][1]["amount"].value = 90
    assert form["items"][1]["amount"].problem == ""
    click(form)
    assert form.wait(0)["total"] == 132.5


def test_a_display_that_fails_does_not_strand_the_form(
    form: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    form.fill(CLAIM)
    form._beside = object()  # type: ignore[assignment]
    click(form)
    assert form.wait(0)["total"] == 162.5
    assert "Something unexpected went wrong" in message(form)
    assert "the playground failed" in caplog.text
    form._handle = None
    click(form)
    assert form.wait(0)["total"] == 162.5


# --- which schemas ---------------------------------------------------------------------------------


def test_the_deployed_schema_counts_and_the_folder_tells_what_comes_out(
    deployed: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = Playground(workflow="claim")
    assert "What did you spend" in form._header.value
    click(form.fill(CLAIM))
    assert "<dt>Decision</dt>" in output(form)
    # Elsewhere nothing is known about the output: it is a tree, with nothing lost.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "project.json").write_text("[]")
    forget()
    plain = Playground(instance=deployed.process_instance_id)
    assert "Check an expense claim" in plain._header.value
    click(plain.fill(CLAIM))
    assert "<details" in output(plain)
    assert "payBy" in output(plain)


def test_a_use_case_needs_no_platform_until_it_is_run(expenses: Path, sandbox: Sandbox) -> None:
    form = Playground(Client(base_url="http://127.0.0.1:9"), use_case=expenses)
    assert form.fill(CLAIM).payload()["name"] == "Ada"
    form = Playground(Client(base_url=sandbox.url), use_case=UseCase.load(expenses)).fill(CLAIM)
    click(form)
    assert "Expense claim is not deployed here." in message(form)
    assert "Deploy it first, or give instance=" in message(form)
    with pytest.raises(ConfigError, match="not deployed here"):
        form.wait(0)
    # It may be deployed while the form is open, with what has been typed.
    deploy(sandbox, expenses)
    with Client(base_url=sandbox.url) as client:
        form = Playground(client, use_case=expenses).fill(CLAIM)
        click(form)
    assert form.wait(0)["total"] == 162.5


def test_a_use_case_is_never_run_as_another_one(deployed: Deployment, expenses: Path, tmp_path: Path) -> None:
    other = copied("expense-claim", tmp_path / "other")
    form = Playground(use_case=other).fill(CLAIM)
    assert form.instance is None
    click(form)
    assert "is not deployed here" in message(form)
    assert form.run is None
    # The folder that this kernel has deployed is known, however it is spelt; and any other by its instance.
    (expenses / "project.json").unlink()
    for same in (expenses, expenses / ".." / expenses.name):
        assert Playground(use_case=same).instance == deployed.process_instance_id
    named = Playground(use_case=other, instance=deployed.process_instance_id).fill(CLAIM)
    assert click(named).wait(0)["total"] == 162.5


def test_an_instance_key_without_a_use_case_is_told_what_it_needs(
    deployed: Deployment, sandbox: Sandbox
) -> None:
    instance = str(deployed.process_instance_id)
    with (
        Client(auth=sandbox.instance_key(instance), base_url=sandbox.url) as client,
        pytest.raises(ConfigError, match="cannot read what workflows take") as caught,
    ):
        Playground(client, instance=instance)
    assert "use_case=" in (caught.value.next_action or "")


def test_an_instance_key_is_enough_with_a_use_case(
    deployed: Deployment, sandbox: Sandbox, expenses: Path
) -> None:
    instance = str(deployed.process_instance_id)
    forget()
    with Client(auth=sandbox.instance_key(instance), base_url=sandbox.url) as client:
        # The folder says where it was deployed to.
        form = Playground(client, use_case=expenses).fill(CLAIM)
    assert form.instance == instance
    click(form)
    assert form.wait(0)["total"] == 162.5


def test_several_workflows_are_chosen_from_and_keep_what_was_typed(
    sandbox: Sandbox, deployed: Deployment, expenses: Path
) -> None:
    configuration = json.loads((expenses / "config.json").read_text())
    [claim] = configuration["workflows"]
    trigger = claim["triggers"][0]
    schedule = {
        "type": "schedule",
        "cronExpression": "0 9 * * 1",
        "timezone": "Europe/Brussels",
        "humanReadable": "Mondays at 9:00",
        "manualTriggerUrl": trigger["url"] + "-weekly",
    }
    configuration["workflows"] += [
        claim
        | {"workflowTemplateId": "short", "triggers": [trigger | {"title": "Short", "inputSchema": None}]},
        claim | {"workflowTemplateId": "weekly", "triggers": [schedule]},
    ]
    (expenses / "config.json").write_text(json.dumps(configuration))
    for name in ("short", "weekly"):
        shutil.copy(expenses / "workflows" / "claim.json", expenses / "workflows" / f"{name}.json")
    sandbox.workflow("short")(lambda payload: {"got": payload})
    sandbox.workflow("weekly")(lambda payload: {"got": payload})
    with Client() as client:
        client.deploy_use_case(UseCase.load(expenses), verify=False)
    form = Playground().fill(CLAIM)
    assert [value for _, value in form.chooser.options] == ["claim", "short"]
    assert form.chooser in form.children
    form.chooser.value = "short"
    assert form.workflow == "short"
    assert "takes no input" in form._header.value
    click(form)
    assert form.wait(0) == {"got": {}}
    form.chooser.value = "claim"
    assert form["name"].value == "Ada"
    assert output(form) == ""
    # A schedule has no form, but may be named.
    assert click(Playground(workflow="weekly")).wait(0) == {"got": {}}
    with pytest.raises(ConfigError, match='no workflow "nope"') as caught:
        Playground(workflow="nope")
    assert "claim, short, weekly" in (caught.value.next_action or "")
    del configuration["workflows"][:2]
    with pytest.raises(ConfigError, match="No workflow of this instance is started by HTTP: weekly"):
        Playground(use_case=UseCase(configuration, {"weekly": {"nodes": [], "connections": {}}}))


def test_a_schema_that_cannot_be_read_keeps_no_other_workflow_from_its_form(deployed: Deployment) -> None:
    with Client() as client:
        instance = client.get_instance(deployed.process_instance_id, workflows=True)
    assert instance.deployment
    [claim] = instance.deployment.workflows
    newer = claim.model_copy(
        update={"workflow_id": "newer", "triggers": [{"type": "http", "inputSchema": "none"}]}
    )

    def having(*workflows: InstanceWorkflow) -> Instance:
        deployment = instance.deployment.model_copy(update={"workflows": workflows})  # type: ignore[union-attr]
        return instance.model_copy(update={"deployment": deployment})

    both = having(newer, claim)
    assert [*offers_at(both, None)] == [*offers_at(both, "claim")] == ["claim"]
    for workflows, named in ((both, "newer"), (having(newer), None)):
        with pytest.raises(InvalidResponseError, match='workflow "newer"'):
            offers_at(workflows, named)


def test_problems_of_one_form_do_not_follow_into_another(form: Playground) -> None:
    offer = form._offer
    form._offers["again"] = replace(offer, workflow="again")
    form.chooser.options = [("Claim", "claim"), ("Again", "again")]
    click(form)
    assert said(form)
    form.chooser.value = "again"
    assert said(form) == {}
    form.chooser.value = "claim"
    assert form["name"].problem == ""


def test_nobody_signed_in_is_said_at_once(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError, match="Nobody is signed in"):
        Playground(Client(base_url=sandbox.url), instance="any")


# --- a platform that takes its time ----------------------------------------------------------------


@pytest.fixture
def slowly(deployed: Deployment, sandbox: Sandbox) -> Iterator[tuple[Client, threading.Event]]:
    """A client whose requests leave when the event is set."""
    leave = threading.Event()

    class Slow(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.to_thread(leave.wait, 60)
            return await super().handle_async_request(request)

    transport: Any = Slow()
    client = Client(base_url=sandbox.url, transport=transport)
    client.instance = deployed.process_instance_id
    yield client, leave
    leave.set()


def test_a_platform_that_takes_its_time_keeps_nobody_waiting(
    slowly: tuple[Client, threading.Event],
) -> None:
    client, leave = slowly
    began = time.monotonic()
    form = Playground(client, "claim")
    assert time.monotonic() - began < 5
    assert repr(form).startswith("Playground('claim'")
    assert "being looked up" in form._repr_mimebundle_()["text/plain"]
    assert "Looking up what the workflow takes…" in message(form)
    buttons = (form.submit, form.as_python, form.as_curl)
    assert all(button.disabled for button in buttons)

    async def use_it_there() -> None:
        form.fill(CLAIM)

    with pytest.raises(ConfigError, match="has not been looked up yet"):
        background.submit(use_it_there()).result(10)
    threading.Timer(0.3, leave.set).start()
    assert form.fill(CLAIM).workflow == "claim"
    assert form.payload()["name"] == "Ada"
    form.settle(20)
    assert (any(button.disabled for button in buttons), message(form)) == (False, texts.said(""))
    assert "Form for claim: Name" in form._repr_mimebundle_()["text/plain"]
    assert click(form).wait(0)["total"] == 162.5


def test_a_click_that_comes_before_the_fields_is_answered_with_them(
    slowly: tuple[Client, threading.Event],
) -> None:
    client, leave = slowly
    form = Playground(client)
    form.submit.click()
    leave.set()
    with pytest.raises(ConfigError, match="cannot be sent like this"):
        form.wait(20)
    form.settle(20)
    assert "Nothing was sent" in message(form)


def test_a_platform_that_does_not_answer_is_said_in_the_form_and_to_whoever_waits(
    deployed: Deployment,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nowhere = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        form = Playground(Client(auth="cko_" + "x" * 64, base_url=nowhere), "greet", instance="i")
        assert time.monotonic() - began < 5
        form.submit.click()
        assert click(Playground(use_case="expense-claim").fill(CLAIM)).wait(0)["total"] == 162.5
    # The server is gone now; whoever it was that it kept waiting is told.
    for use in (form.payload, lambda: form["name"], lambda: form.fill({}), lambda: form.wait(60)):
        with pytest.raises(TransportError):
            use()
    form.settle(20)
    assert 'role="alert"' in message(form)
    assert form.submit.disabled


def test_what_is_wrong_is_an_error_at_once_where_the_platform_is_quick(deployed: Deployment) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError, match="no workflow"):
        Playground(workflow="nope")
    assert time.monotonic() - began < 5


# --- what is left behind ---------------------------------------------------------------------------


def widgets_in(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from widgets_in(child)


def test_reprs_tell_nothing_that_was_typed_and_no_keystroke_is_echoed(form: Playground) -> None:
    form.fill(CLAIM | {"name": "canary", "purpose": "canary canary", "tags": ["canary"]})
    bundle = form._repr_mimebundle_()
    assert "Name, E-mail" in bundle["text/plain"]
    texts = [repr(form), repr(form["name"]), bundle["text/plain"], bundle["text/html"]]
    controls = [w for w in widgets_in(form) if isinstance(w, ipywidgets.ValueWidget | ipywidgets.Dropdown)]
    for control in controls:
        if isinstance(control, ipywidgets.HTML):
            continue
        texts.append(repr(control))
        trait = "index" if isinstance(control, ipywidgets.Dropdown | ipywidgets.RadioButtons) else "value"
        assert control.traits()[trait].metadata["echo_update"] is False, control
    assert len(controls) > 20
    assert "canary" not in "".join(texts)


def test_schemas_with_hostile_texts_are_shown_as_texts(sandbox: Sandbox, expenses: Path) -> None:
    evil = '<img src=x onerror="alert(1)">'
    kinds = (
        "string",
        "number",
        "boolean",
        "date",
        "select",
        "multiselect",
        "radio",
        "file",
        "array",
        "object",
    )
    members = {"options": [{"value": evil, "label": evil}], "itemField": {"type": "string"}, "schema": []}
    told = {"label": evil, "description": evil, "tooltip": evil, "placeholder": evil, "required": True}
    configuration = json.loads((expenses / "config.json").read_text())
    trigger = configuration["workflows"][0]["triggers"][0]
    trigger |= {"title": evil, "description": evil}
    inner = [field(kind, key=kind, **told, **members) for kind in kinds]
    trigger["inputSchema"] = [{"type": "section", "title": evil, "description": evil, "inputSchema": inner}]
    workflow = json.loads((expenses / "workflows" / "claim.json").read_text())
    use_case = UseCase(configuration, {"claim": workflow})
    form = click(Playground(Client(base_url=sandbox.url), use_case=use_case))
    assert len(said(form)) == 1  # they all have the same label
    texts = [str(w.value) for w in widgets_in(form) if isinstance(w, ipywidgets.HTML)]
    assert len(texts) > 20
    assert not any("<img" in text for text in texts)
    labels = [w.description for w in widgets_in(form) if getattr(w, "description_allow_html", False)]
    assert len(labels) >= 8
    assert not any("<img" in label for label in labels)
    assert all("mathjax_ignore" in label for label in labels)


@pytest.mark.kernel
def test_in_a_terminal_the_form_is_words_and_the_result_a_text(
    deployed: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    # Without a history: it would be written at the exit, when its folder is gone.
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        shell.run_cell("from codika_nb import Playground; form = Playground(); form")
        assert "Form for claim: Name, E-mail" in capsys.readouterr().out
        form = shell.user_ns["form"]
        click(form.fill(CLAIM))
        text = capsys.readouterr().out
        assert text.count("claim succeeded") == 1
        assert '"total": 162.5' in text
        assert "contentBase64" in text
        assert len(text) < 3000  # files are cut
    finally:
        InteractiveShell.clear_instance()


CELLS = [
    "from codika_nb import Playground",
    "playground = Playground()\nplayground",
    "playground.fill({claim!r}).submit.click()",
    "print('due:', playground.wait()['due'])",
]


@pytest.mark.kernel
def test_with_nobody_there_the_result_is_in_the_notebook(deployed: Deployment, expenses: Path) -> None:
    cells = [cell.replace("{claim!r}", repr(CLAIM)) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROCESS_INSTANCE_ID", str(deployed.process_instance_id))
        folder = {"metadata": {"path": str(expenses)}}
        nbclient.NotebookClient(notebook, kernel_name="python3", resources=folder).execute()
    shown, result = notebook.cells[1].outputs
    assert shown.data["text/plain"].startswith("Form for claim: Name")
    assert "<td>Train</td>" in result.data["text/html"]
    assert "Approved at once" in result.data["text/html"]
    assert "claim succeeded" in result.data["text/plain"]
    assert "due: 162.5" in notebook.cells[3].outputs[0].text


@pytest.mark.kernel
def test_in_a_kernel_other_cells_answer_while_a_run_is_under_way(
    deployed: Deployment, held: threading.Event, tmp_path: Path
) -> None:
    instance = str(deployed.process_instance_id)
    with kernel(tmp_path, PROCESS_INSTANCE_ID=instance) as running:
        made = running.run("from codika_nb import Playground\nform = Playground()\nform")
        assert not made.error, made.traceback
        assert "Form for claim" in made.text
        assert not running.run(f"form.fill({CLAIM!r}).submit.click()").error
        assert "Running…" in running.run("print(form.submit.description)").text
        assert "2\n" in running.run("print(1 + 1)").text
        held.set()
        assert "{'total': 2}" in running.run("print(await form)").text
        # What came of it is published beside the form, for when the notebook is saved.
        heard = [m["content"]["data"] for m in running.overheard() if m["msg_type"] == "update_display_data"]
        assert any("claim succeeded" in data["text/plain"] for data in heard)
        assert "Total" in heard[-1]["text/html"]
