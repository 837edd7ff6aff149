"""What a workflow reads of an item and does with it, as far as expressions and code tell for certain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from ..rules.view import as_object, objects_in
from .graph import Graph, Node, expressions

#: A step on a path: from a list to any of its elements.
ELEMENT = "[]"
Path = list[str]


@dataclass
class Value:
    """What is known of a value.

    Attributes:
        kinds: ``number``, ``boolean`` or ``string`` where it is used as one; ``sized`` where its length is
            asked for, or what else lists and texts have in common.
        members: what is read of it.
        elements: what its elements are used as; None where nothing says that it is a list.
    """

    kinds: set[str] = field(default_factory=set)
    members: dict[str, Value] = field(default_factory=dict)
    elements: Value | None = None

    def at(self, path: Iterable[str]) -> Value:
        """A part of it; it is there from then on."""
        part = self
        for step in path:
            if step == ELEMENT:
                part.elements = part = part.elements or Value()
            else:
                part = part.members.setdefault(step, Value())
        return part


class _View(NamedTuple):
    """What a name stands for.

    Attributes:
        path: where it is in the trigger's item; None if it is not there.
        own: parts of it that are elsewhere, by the steps that lead to them.
    """

    path: Path | None
    own: Mapping[tuple[str, ...], Path] = MappingProxyType({})

    def to(self, *steps: str) -> Path | None:
        """Where a part of it is."""
        for way, path in self.own.items():
            if steps[: len(way)] == way:
                return [*path, *steps[len(way) :]]
        return None if self.path is None else [*self.path, *steps]

    def part(self, *steps: str) -> _View:
        """A part of it."""
        within = {way[len(steps) :]: path for way, path in self.own.items() if way[: len(steps)] == steps}
        return _View(self.to(*steps), {way: path for way, path in within.items() if way})

    def under(self, *steps: str) -> _View:
        """That of which it is a part."""
        own = {(*steps, *way): path for way, path in self.own.items()}
        return _View(None, own if self.path is None else own | {steps: self.path})


#: Nodes that hand on their items as they are: what stands behind them reads the same.
_HAND_ON = tuple(
    f"n8n-nodes-base.{name}"
    for name in (
        *("if", "switch", "filter", "noOp", "wait", "limit", "sort", "removeDuplicates"),
        "splitInBatches",
    )
)
_SPLIT = ("n8n-nodes-base.splitOut", "n8n-nodes-base.itemLists")

_NAME = r"[A-Za-z_$][\w$]*"
#: A way into a value, in any notation: ``.a``, ``["a"]``, ``?.a``, ``[0]``.
_STEP = r"""(?:\??\.\s*[A-Za-z_]\w*|\??\.?\[\s*\\?["'][^"'\\\]]+\\?["']\s*\]|(?:\?\.)?\[\d+\])"""
_STEPS = re.compile(rf"(?:{_STEP})*")
_ONE_ITEM = r"\.(?:item(?!\w)|(?:first|last|itemMatching|pairedItem)\([^()]*\))"
#: What the code of a node calls the data of the item it gets, that item, and all that it gets.
_OWN = (
    r"\$json|\$data\b|\bitem\.json",
    rf"\$input{_ONE_ITEM}|(?:\$input\.all\(\)|\bitems)\[{_NAME}\]",
    rf"\$input\.all\(\)(?!\[{_NAME}\])|\bitems\b(?!\[{_NAME}\])",
)

#: What is asked of values of each kind.
_METHODS = {
    "number": {
        *("toFixed", "toPrecision"),
        # Here and below: what n8n adds to values in its expressions.
        *("round", "ceil", "floor", "abs", "isEven", "isOdd", "isInteger"),
    },
    "string": {
        *("toUpperCase", "toLowerCase", "trim", "trimStart", "trimEnd", "split", "replace", "replaceAll"),
        *("match", "matchAll", "search", "startsWith", "endsWith", "charAt", "charCodeAt", "codePointAt"),
        *("padStart", "padEnd", "substring", "substr", "repeat", "normalize", "localeCompare"),
        *("toTitleCase", "toSentenceCase", "toSnakeCase", "toCamelCase", "toKebabCase", "quote", "hash"),
        *("extractEmail", "extractUrl", "extractUrlPath", "extractDomain", "isEmail", "isUrl", "isDomain"),
        *("base64Encode", "base64Decode", "urlDecode", "removeTags", "removeMarkdown", "isNumeric"),
        *("replaceSpecialChars", "parseJson", "toDate"),
    },
    "sized": {"length", "slice", "includes", "indexOf", "lastIndexOf", "concat", "at"},
}
#: What n8n asks of lists of numbers.
_NUMBERS = ("sum", "average", "min", "max")
#: What lists alone have: by what it gives, and which parameters of its callback are elements.
_SAME, _ONE, _OTHER = "the same elements", "one of them", "something else"
_OF_LISTS = {
    **dict.fromkeys(("filter", "reverse", "toSorted", "toReversed"), (_SAME, (0,))),
    "sort": (_SAME, (0, 1)),
    **dict.fromkeys(("find", "findLast", "pop", "shift"), (_ONE, (0,))),
    **dict.fromkeys(("map", "flatMap", "forEach", "some", "every", "findIndex"), (_OTHER, (0,))),
    **dict.fromkeys(("reduce", "reduceRight"), (_OTHER, (1,))),
    **dict.fromkeys(("join", "push", "unshift", "splice", "fill"), (_OTHER, ())),
    # What n8n adds to lists.
    **dict.fromkeys(("unique", "removeDuplicates"), (_SAME, ())),
    **dict.fromkeys(("first", "last", "randomItem"), (_ONE, ())),
    **dict.fromkeys(("pluck", "chunk", "smartJoin", "renameKeys", "union", "difference"), (_OTHER, ())),
    **dict.fromkeys(("intersection", "append"), (_OTHER, ())),
    **dict.fromkeys(_NUMBERS, (_OTHER, ())),
}

_CALLBACK = re.compile(
    rf"\s*(?:async\s*)?(?:function\b\s*\w*\s*)?(?:\((?P<several>[^()]*)\)|(?P<one>{_NAME}))\s*(?:=>|(?=\{{))"
)
_PARAMETER = re.compile(rf"{_NAME}|\{{[^{{}}]*\}}")
_MEMBER = re.compile(rf"({_NAME})\s*(?::\s*({_NAME}))?\s*(?:=[^,]*)?(?:,|$)")
#: What is taken where a value is missing: ``(list || [])``.
_OTHERWISE = re.compile(r"\s*(?:\|\||\?\?)\s*(?:\[\s*\]|\{\s*\}|0|''|\"\")\s*\)")
_DECLARED = re.compile(rf"\b(?:const|let|var)\s+({_NAME}|\{{[^{{}}]*\}})\s*=\s*$")
_DECLARED_WHOLE = re.compile(r"\s*(?:(?:\|\||\?\?)\s*(?P<list>\[\s*\])?[^;\n]*)?\s*(?:[;,\n]|$)")
_LOOP = re.compile(rf"\bfor\s*\(\s*(?:const|let|var)\s+({_NAME}|\{{[^{{}}]*\}})\s+of\s+$")

#: Around a number there is arithmetic, or another number that it is compared with.
_BEFORE_A_NUMBER = re.compile(
    r"(?:[\w)\]][ \t]*[*/%-]|-?\d[ \t]*[<>]=?|(?<![\w.])\d+[ \t]*[!=]==?)\s*\(?\s*$"
    r"|\bMath\.\w+\((?:[^()]*,)?\s*$"
)
_AFTER_A_NUMBER = re.compile(r"\s*(?:[*%/]\s*[\w$(]|-\s*[\w$(]|[<>]=?\s*-?\d|[!=]==?\s*-?\d)")
_KINDS_BESIDE = {
    "string": (r"[^'\"]\\?['\"]\s*[!=]==?\s*$", r"\s*[!=]==?\s*\\?['\"](?!\\?['\"])"),
    "boolean": (r"\b(?:true|false)\s*[!=]==?\s*$", r"\s*[!=]==?\s*(?:true|false)\b"),
}
_ADDED = re.compile(rf"(?P<to>{_NAME})\s*\+=?\s*\(?\s*$")
_MOST_OF = re.compile(r"\bMath\.\w+\(\s*\.\.\.\s*$")
_ENDS_A_TERM = re.compile(r"\s*(?:[)+;,}\n]|$)")


def read_of(graph: Graph, trigger: str, behind: Iterable[str]) -> Value:
    """What is read of a trigger's item, by the nodes behind it and by name from anywhere.

    Args:
        graph: the workflow as it was.
        trigger: the name of the trigger.
        behind: the nodes that it leads to.
    """
    found = Value()
    name = re.escape(trigger)
    quoted = rf"""\\?["'`]{name}\\?["'`]"""
    node_of = rf"\$node\[{quoted}\]" + (rf"|\$node\.{name}\b" if re.fullmatch(r"\w+", trigger) else "")
    named = (
        rf"(?:{node_of})\.json",
        rf"\$\({quoted}\){_ONE_ITEM}",
        rf"\$\({quoted}\)\.all\(\)|\$items\({quoted}[^)]*\)",
    )
    views = _views(graph, behind, found)
    for node in graph.nodes.values():
        known = _known(named, _View([]))
        if node["name"] in views:
            known += _known(_OWN, views[node["name"]])
        for text in dict.fromkeys(expressions(node)):
            _Reading(text, found).of(known)
        for text, kind in _of_a_kind(node.get("parameters")):
            for start, view in known:
                alone = re.fullmatch(
                    rf"=\{{\{{\s*(?:{start.pattern})(?P<steps>{_STEPS.pattern})\s*\}}\}}\s*", text
                )
                path = view.to(*_steps(alone["steps"])) if alone else None
                if path:
                    found.at([*path, ELEMENT] if kind == "array" else path).kinds.update({kind} - {"array"})
    return found


def _known(patterns: tuple[str, str, str], view: _View) -> list[tuple[re.Pattern[str], _View]]:
    """What the names of an item's data, of the item and of a list of items stand for."""
    seen = (view, view.under("json"), view.under(ELEMENT, "json"))
    return [(re.compile(pattern), each) for pattern, each in zip(patterns, seen, strict=True)]


def _views(graph: Graph, behind: Iterable[str], found: Value) -> dict[str, _View]:
    """What the item of each node is, for those that get the trigger's, or an element of it."""
    views: dict[str, _View] = {}
    waiting = [(name, _View([])) for name in behind]
    while waiting:
        name, view = waiting.pop()
        if name in views or name not in graph.nodes:
            continue
        node = graph.nodes[name]
        views |= dict.fromkeys([name, *graph.parts_of([name])], view)
        if node["type"] in _SPLIT:
            view = _split(node, view, found)
        elif node["type"] not in _HAND_ON:
            continue
        waiting += [(after, view) for after in graph.after(name)]
    return views


def _split(node: Node, view: _View, found: Value) -> _View:
    """What there is behind a node that makes an item of each element of a list."""
    parameters = node["parameters"]
    given = parameters.get("fieldToSplitOut")
    other = as_object(parameters.get("options")).get("destinationFieldName")
    if parameters.get("operation", "splitOutItems") != "splitOutItems" or not isinstance(given, str):
        return _View(None)
    lists = [each.strip().removeprefix("=").removeprefix("$json.") for each in given.split(",")]
    names = [each.strip() for each in other.split(",")] if isinstance(other, str) and other else lists
    own: dict[tuple[str, ...], Path] = {}
    for name, each in zip(names, lists, strict=False):
        path = view.to(*each.split("."))
        if path is not None and re.fullmatch(r"[\w$-]+(?:\.[\w$-]+)*", each):
            own[(name,)] = [*path, ELEMENT]
            found.at(own[(name,)])
    with_others = parameters.get("include", "noOtherFields") != "noOtherFields"
    if with_others or names != lists or len(lists) > 1:
        return _View(view.path if with_others else None, own)
    return _View(own.get((lists[0],)), own)


class _Reading:
    """One text, read for what it does with an item, and with what it calls by names of its own."""

    def __init__(self, text: str, found: Value) -> None:
        self.text, self.found = text, found
        #: Names that are still to be looked for: what they stand for, from where and to where.
        self.waiting: list[tuple[re.Pattern[str], _View, int, int]] = []
        #: Characters that are looked through at most; what people write takes a fraction of it.
        self.patience = 100 * len(text) + 100_000
        #: Names of sums, which begin with a number.
        self.sums = set(re.findall(rf"\b(?:let|var)\s+({_NAME})\s*=\s*0(?:\.0+)?\s*[;,\n]", text))

    def of(self, known: Iterable[tuple[re.Pattern[str], _View]]) -> None:
        """Take down what is done with what is known under these names."""
        self.waiting = [(start, view, 0, len(self.text)) for start, view in known]
        seen: set[tuple[str, int]] = set()
        while self.waiting and self.patience > 0:
            start, view, begin, end = self.waiting.pop()
            if (start.pattern, begin) in seen:
                continue
            seen.add((start.pattern, begin))
            self.patience -= end - begin
            for match in start.finditer(self.text, begin, end):
                self._used(view, match.start(), match.end(), end)
                if self.patience < 0:
                    break

    def _call(self, names: str, view: _View, begin: int, end: int) -> None:
        """From here on these names stand for a value, or for members of it."""
        pairs = [(names, view)]
        if names.startswith("{"):
            named, _, rest = names.strip("{} \n\t").partition("...")
            pairs = [(local or member, view.part(member)) for member, local in _MEMBER.findall(named)]
            pairs += [(rest.strip(), view)] if rest else []  # its other members
        for local, each in pairs:
            if each is not view:
                self._at(each)
            pattern = re.compile(rf"(?<![\w$.'\"`]){re.escape(local)}(?![\w$'\"`])")
            self.waiting.append((pattern, each, begin, end))

    def _at(self, view: _View, *steps: str) -> Value:
        """What is known of a part; of what is not in the item, nothing is kept."""
        path = view.to(*steps)
        return Value() if path is None else self.found.at(path)

    def _used(self, view: _View, begin: int, after: int, end: int) -> None:
        """Take down one use of a value: the steps and methods that follow it, and what is done with that.

        Args:
            view: the value.
            begin: where its name begins.
            after: where its name ends.
            end: where the name stands for something else.
        """
        self.patience -= 200
        while True:
            steps, after = self._steps_at(after, end)
            asked = steps and (self.text[after : after + 1] == "(" or steps[-1] == "length")
            method = steps.pop() if asked else ""
            view = view.part(*steps)
            if view.path:
                self._at(view)
            if method not in _OF_LISTS:
                break
            close = _closing(self.text, after, end)
            self.patience -= 10 * (close - after)
            view, after = self._of_list(method, view, after + 1, close), close + 1
        if method:
            self._at(view).kinds.update(kind for kind, methods in _METHODS.items() if method in methods)
        else:
            self._handed_on(view, begin, after, end)

    def _handed_on(self, view: _View, begin: int, after: int, end: int) -> None:
        """Take down what is done with a value as a whole, which stands from `begin` to `after`."""
        before = self.text[max(0, begin - 120) : begin]
        opened = before.rstrip()
        if opened.endswith("(") and (otherwise := _OTHERWISE.match(self.text, after, end)):
            after = otherwise.end()
            if "[" in otherwise[0]:
                self._at(view, ELEMENT)
            if self._steps_at(after, end)[0]:
                self._used(view, begin - len(before) + len(opened) - 1, after, end)
                return
        rest = self.text[after : min(end, after + 120)]
        if declared := _DECLARED.search(before):
            if whole := _DECLARED_WHOLE.match(rest):
                if whole["list"]:
                    self._at(view, ELEMENT)
                self._call(declared[1], view, after, end)
        elif loop := _LOOP.search(before):
            self._at(view, ELEMENT)
            self._call(loop[1], view.part(ELEMENT), after, end)
        elif _MOST_OF.search(before):
            self._at(view, ELEMENT).kinds.add("number")
        elif kind := self._kind(before, rest):
            self._at(view).kinds.add(kind)

    def _steps_at(self, place: int, end: int) -> tuple[list[str], int]:
        """The steps that stand there, and where they end."""
        match = _STEPS.match(self.text, place, end)
        return (_steps(match[0]), match.end()) if match else ([], place)

    def _of_list(self, method: str, view: _View, begin: int, close: int) -> _View:
        """Take down what is done with the elements of a list; returns what the method gives."""
        text, element = self.text, view.part(ELEMENT)
        self._at(element).kinds.update({"number"} if method in _NUMBERS else ())
        gives, places = _OF_LISTS[method]
        callback = _CALLBACK.match(text, begin, close)
        parameters = _PARAMETER.findall(callback["several"] or callback["one"] or "") if callback else []
        if callback and method.startswith("reduce") and parameters:
            begins = re.search(r",\s*-?\d+(?:\.\d+)?\s*$", text[callback.end() : close])
            goes_on = re.match(r"\)+\s*[*/%-]\s*[\w$(]", text[close : close + 40])
            if begins or goes_on:
                self.sums.add(parameters[0])
        for place in places:
            if callback and place < len(parameters):
                self._call(parameters[place], element, callback.end(), close)
        if method == "map" and callback and len(parameters) == 1:
            picked = rf"\s*{re.escape(parameters[0])}((?:{_STEP})+)\s*"
            if member := re.fullmatch(picked, text[callback.end() : close]):
                path = element.to(*_steps(member[1]))
                return _View(None, {(ELEMENT,): path} if path else {})
        return view if gives == _SAME else element if gives == _ONE else _View(None)

    def _kind(self, before: str, rest: str) -> str | None:
        """Of what kind a value is, by what stands around it."""
        if re.search(r"\btypeof\s*\(?\s*$", before):
            return None
        if _BEFORE_A_NUMBER.search(before) or _AFTER_A_NUMBER.match(rest):
            return "number"
        added = _ADDED.search(before)
        if added and added["to"] in self.sums and _ENDS_A_TERM.match(rest):
            return "number"
        for kind, (left, right) in _KINDS_BESIDE.items():
            if re.search(left, before) or re.match(right, rest):
                return kind
        return None


def _steps(written: str) -> Path:
    """The members on a way, and `ELEMENT` for an index."""
    parts = re.finditer(r"""\.\s*([A-Za-z_]\w*)|["']([^"'\\]+)\\?["']|\[\d+\]""", written)
    return [part[1] or part[2] or ELEMENT for part in parts]


def _closing(text: str, start: int, end: int) -> int:
    """Where the bracket that opens here is closed; the end if it never is."""
    depth, quote, n = 0, "", start
    while n < end:
        char = text[n]
        if char == "\\":
            n += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'`":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if not depth:
                return n
        n += 1
    return end


def _of_a_kind(parameters: Any) -> Iterator[tuple[str, str]]:
    """The expressions of which a node says of what kind their values are."""
    waiting = [parameters]
    while waiting:
        part = waiting.pop()
        parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        waiting += reversed(parts)
        if not isinstance(part, dict):
            continue
        said = [(part.get("value"), part.get("type"))]
        said.append((part.get("leftValue"), as_object(part.get("operator")).get("type")))
        for kind in ("number", "boolean"):  # as the first versions of these nodes say it
            said += [(row.get("value1"), kind) for row in objects_in(part.get(kind))]
        for text, of in said:
            if isinstance(text, str) and of in ("number", "boolean", "array", "object"):
                yield text, of
