"""How the line of a magic is read: variables, comments, payloads, words."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any, cast

from IPython.core.error import UsageError
from IPython.utils.process import arg_split  # type: ignore[attr-defined]

from ..errors import ConfigError
from ..files import path_of

__all__ = ["Line", "payload_of"]

Names = Mapping[str, Any]

#: ``$name`` and ``$name.attribute``, as IPython has them.
_DOLLAR = re.compile(r"\$([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
#: Braces around a variable, or what is to be evaluated; an object has a colon, or nothing, in them.
_BRACED_VARIABLE = re.compile(r"\{(?!\s*\*\*)[^{}:]+\}")
#: Texts, and what stands for a value between them: ``{x}`` and ``$x``.
_IN_A_PAYLOAD = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\{(?P<braced>[^{}:*]+)\}|\$(?P<dollar>[A-Za-z_])"""
)
#: What stands for a value until the line has been split into words.
_HELD = re.compile(r"\x00(\d+)\x00")
#: What JSON calls what Python calls otherwise.
_OF_JSON = {"true": True, "false": False, "null": None}
#: What values are called that an expression takes.
_HELD_HERE = "__codika_held"
#: A member of a payload in words, and one whose value stands in quotes, but is no list or object.
_MEMBER = re.compile(r"([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)
_QUOTED_MEMBER = re.compile(r"""(?<!\S)([A-Za-z_][\w.-]*=)(["'])([^"'\\\0${[][^"'\\\0${]*)\2(?!\S)""")

#: What begins a value in JSON, what is another member whose value has quotes, or where an object begins.
_MEMBER_OR_OBJECT = re.compile(
    r"""(?P<json>(?<!\S)[A-Za-z_][\w.-]*=(?P<quote>["']?)(?=[\[{]))"""
    r"""|(?P<other>(?<!\S)[A-Za-z_][\w.-]*=(?:"[^"]*"|'[^']*'))|["'{]"""
)


class Line:
    """A line as words and, where one may stand there, a payload.

    Variables are the caller's own: ``$x``, ``$x.y``, ``{x}``, ``{x.y}`` and ``{x["y"]}`` stand for their
    values, also within a word. A ``$`` that names no variable stays; braces that cannot be evaluated are
    refused. In a payload ``$x`` stands for a value in a text, and braces are JSON's; in ``key=value`` words
    a variable stays what it is, and what else is in quotes is a text: ``n=4`` is a number, ``n="4"`` is not.

    Args:
        text: the line.
        names: the variables that there are.
        payload: whether it may have a payload.

    Raises:
        UsageError: it cannot be read.
    """

    def __init__(self, text: str, names: Names, *, payload: bool) -> None:
        self._names = names
        self._values: list[Any] = []
        text = _without_habits(text)
        self.payload: dict[str, Any] | None = None
        if payload:
            self.payload, text = self._take_object(self._with_json_held(text))
            text = _QUOTED_MEMBER.sub(lambda match: match[1] + self._hold(match[3]), text)
        put_in = self._put_in_member if payload else self._put_in
        words = [put_in(word) for word in _split(self._with_values_held(text))]
        if payload and self.payload is None:
            value = next((word for word in words if _object_of(word) is not None), None)
            self.payload = _object_of(value)
            words = [word for word in words if value is None or word is not value]
        #: The words, with values in the place of variables.
        self.words = [str(word) for word in words]

    def _with_json_held(self, text: str) -> str:
        """The line with marks in the place of lists and objects in JSON that are values of ``key=value``."""
        held = ""
        while found := _MEMBER_OR_OBJECT.search(text):
            if not found["json"]:
                if not found["other"]:  # a payload begins, in which nothing is a word
                    break
                held, text = held + text[: found.end()], text[found.end() :]
                continue
            quote, rest = found["quote"], text[found.end() :]
            before = text[: found.end()].removesuffix(quote)
            try:
                value, end = json.JSONDecoder().raw_decode(rest)
                if not rest.startswith(quote, end):
                    raise ValueError
                held, text = held + before + self._hold(self._with_variables(value)), rest[end + len(quote) :]
            except ValueError:  # a variable, or Python, or a text
                end = max(rest.find(quote), 0) + 1 if quote else 1
                held, text = held + before + quote + rest[:end], rest[end:]
        return held + text

    # --- variables ------------------------------------------------------------------------

    def _with_values_held(self, text: str) -> str:
        """The line with marks in the place of variables, which no quotes or blanks of values break."""
        text = re.sub(r"\{([^{}]*)\}", lambda match: self._hold(self._evaluated(match[1])), text)
        return self._without_variables(text, self._hold)

    def _hold(self, value: Any) -> str:
        self._values.append(value)
        return f"\0{len(self._values) - 1}\0"

    def _without_variables(self, text: str, written: Callable[[Any], str]) -> str:
        """The text with values in the place of ``$x``, as they are written."""

        def value(match: re.Match[str]) -> str:
            found = self._looked_up(match[1])
            return match[0] if found is _NOTHING else written(found)

        return _DOLLAR.sub(value, text)

    def _looked_up(self, path: str) -> Any:
        """What ``x.y`` is; nothing where there is no such variable."""
        name, *attributes = path.split(".")
        if name not in self._names:
            return _NOTHING
        value = self._names[name]
        for each in attributes:
            if not hasattr(value, each):
                raise UsageError(f"${path}: {name} has no {each}.")
            value = getattr(value, each)
        if value is None:
            raise UsageError(f"{path} is None.")
        return value

    def _evaluated(self, expression: str) -> Any:
        try:
            value = eval(expression, {}, dict(self._names))  # noqa: S307 - of the person whose line it is
        except Exception as error:
            if isinstance(error, NameError):
                raise UsageError(f"There is no variable {expression!r} here.") from None
            why = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise UsageError(f"{{{expression}}} cannot be evaluated: {why}.") from None
        if value is None:
            raise UsageError(f"{expression} is None.")
        return value

    def _put_in(self, word: str) -> Any:
        """A word with the values that it holds; the value itself where there is nothing else."""
        whole = _HELD.fullmatch(word)
        if whole:
            return self._values[int(whole[1])]
        if (unknown := _DOLLAR.fullmatch(word)) and "." not in unknown[1]:
            raise UsageError(f"There is no variable {unknown[1]!r} here.")
        return _HELD.sub(lambda match: str(self._values[int(match[1])]), word)

    def _put_in_member(self, word: str) -> Any:
        """The same for a word that may be a member of a payload, whose value is written as JSON."""
        member = _MEMBER.fullmatch(word)
        if member and (unknown := _DOLLAR.fullmatch(member[2])) and "." not in unknown[1]:
            raise UsageError(f"There is no variable {unknown[1]!r} here.")
        held = _HELD.fullmatch(member[2]) if member else None
        if not member or not held:
            return self._put_in(word)
        from ..client.payloads import as_json  # noqa: PLC0415 - loading is quicker without it
        from ..usecases.uploads import with_files_read  # noqa: PLC0415 - as above

        value = with_files_read(self._values[int(held[1])], member[1])
        try:
            return f"{member[1]}={json.dumps(as_json(value))}"
        except (TypeError, ValueError) as error:
            raise UsageError(f"{member[1]} cannot be written as JSON: {error}.") from None

    # --- payloads -------------------------------------------------------------------------

    def _take_object(self, line: str) -> tuple[dict[str, Any] | None, str]:
        """The object on the line, JSON or Python and quoted or not, and the line without it."""
        for start in (match.start() for match in re.finditer(r"\{", line)):
            text = line[start:]
            try:
                value, end = json.JSONDecoder().raw_decode(text)
                value = self._with_variables(value)
            except ValueError as problem:
                if _BRACED_VARIABLE.match(text):
                    continue
                end = text.rfind("}") + 1 or len(text)
                value = self._literal(text[:end], problem)
            if not isinstance(value, dict):
                kind = type(value).__name__
                raise UsageError(f"The payload has to be an object (a dict), not {kind}.")
            before, after = line[:start], text[end:]
            if before[-1:] == after[:1] and after[:1] in ("'", '"'):
                before, after = before[:-1], after[1:]
            return value, f"{before} {after}"
        return None, line

    def _literal(self, text: str, problem: ValueError) -> Any:
        try:
            return self._with_variables(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            pass
        try:
            expression = _IN_A_PAYLOAD.sub(self._bare, text)
            names = {**_OF_JSON, **self._names, _HELD_HERE: self._values}
            return eval(expression, {}, names)  # noqa: S307 - `{"text": text}`, of whose line it is
        except NameError as error:
            raise UsageError(f"There is no variable {error.name!r} here.") from None
        except SyntaxError:
            hint = 'A variable goes in as it is: {"name": name}; or a whole payload as $payload.'
            if text.count("{") > text.count("}"):
                hint = "A closing } is missing."
            raise UsageError(f"The payload is not JSON: {problem}. {hint}") from None
        except Exception as error:
            why = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise UsageError(f"The payload cannot be evaluated: {why}.") from None

    def _bare(self, match: re.Match[str]) -> str:
        """A variable as Python writes it: ``{x}`` would be a set of one; a text has its variables put in."""
        text, is_a_name = match["text"], match.string[match.end() :].lstrip().startswith(":")
        if not text:
            return f"({match['braced']})" if match["braced"] else str(match["dollar"])
        if "$" not in text or is_a_name:
            return str(text)
        self._hold(self._with_variables(ast.literal_eval(text)))
        return f"{_HELD_HERE}[{len(self._values) - 1}]"

    def _with_variables(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._with_variables(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._with_variables(each) for each in value]
        if not isinstance(value, str) or "$" not in value:
            return value
        whole = _DOLLAR.fullmatch(value)
        if whole and (found := self._looked_up(whole[1])) is not _NOTHING:
            return found
        return self._without_variables(value, str)


def _object_of(value: Any) -> dict[str, Any] | None:
    """The value as an object, where it is one for the client, too: a mapping, or a row of a data frame."""
    if value is None or isinstance(value, dict | str | int | float):
        return value if isinstance(value, dict) else None
    from ..client.payloads import as_mapping  # noqa: PLC0415 - loading is quicker without it

    found = as_mapping(value)
    return dict(found) if isinstance(found, Mapping) else None


def payload_of(words: list[str], names: Names) -> dict[str, Any] | None:
    """A payload from words: a variable's name, ``@file.json``, or ``key=value`` again and again.

    ``key=@path`` sends a file. None if they are none of these.
    """
    if len(words) == 1:
        (word,) = words
        if (named := _object_of(names.get(word))) is not None:
            return named
        if word.startswith("@"):
            return _object_in(_read_file(word[1:]), word)
        if word.startswith("{"):
            return _object_in(word, "The variable's text")
    pairs = [_MEMBER.fullmatch(word) for word in words]
    if not words or not pairs[0]:
        return None
    if not all(pairs):
        n = pairs.index(None)
        member, value = cast(re.Match[str], pairs[n - 1]).groups()
        rest = takewhile(lambda word: not _MEMBER.fullmatch(word), words[n:])
        text = " ".join(word.strip("\"'") for word in (value, *rest))
        raise UsageError(f'A text with blanks stands in quotes: {member}="{text}"')
    payload = {pair[1]: _value_of(*pair.groups()) for pair in pairs if pair}
    if len(payload) < len(pairs):
        raise UsageError("A member of the payload was given twice.")
    return payload


def _read_file(path: str) -> str:
    try:
        return path_of(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"{path} cannot be read: {reason}.") from None


def _object_in(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{where} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise UsageError(f"{where} has to be an object (a dict), not {type(value).__name__}.")
    return value


def _value_of(member: str, text: str) -> Any:
    """A value as it is written behind ``key=``: JSON, a file by its path, or else a text."""
    if text.startswith("@"):
        from ..usecases.uploads import file_at  # noqa: PLC0415 - loading is quicker without it

        try:
            return file_at(member, text[1:])
        except ConfigError as error:
            told = f'{error.message} A text that begins with @ stands in quotes: {member}="{text}"'
            raise UsageError(told) from None
    try:
        return json.loads(text)
    except ValueError:
        return text


_NOTHING = object()


# --- words -----------------------------------------------------------------------------------------


def _without_habits(text: str) -> str:
    """The line without a comment at its end, and without a last semicolon."""
    return text[: _end(text)].rstrip().removesuffix(";").rstrip()


def _end(text: str) -> int:
    """Where a comment begins: at a ``#`` after a blank, outside of quotes and braces."""
    quote, depth, escaped = "", 0, False
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "\"'":
            quote = character
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
        elif character == "#" and depth <= 0 and (place == 0 or text[place - 1].isspace()):
            return place
    return len(text)


def _split(text: str) -> list[str]:
    """The words of a line, as this system writes them: on Windows a backslash is part of a path."""
    posix = os.name == "posix"
    try:
        words = arg_split(text, posix=posix, strict=True)
    except ValueError as error:
        raise UsageError(f"The line cannot be read: {error}.") from None
    return words if posix else [re.sub(r"""^(['"])(.*)\1$""", r"\2", word) for word in words]
