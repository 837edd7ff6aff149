"""The pages that are made of the code: what they say cannot differ from what it does."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator

import codika_nb
from codika_nb import cli, errors
from codika_nb.client import refusals
from codika_nb.notebook.extension import HOMES, magic_of
from codika_nb.signin.reactions import REACTIONS
from codika_nb.usecases import integrations as known
from codika_nb.usecases.rules import verify

#: The modules that people import from, beside the package itself.
MODULES = ("models", "configuration", "sandbox", "errors")


def magics() -> str:
    """Every magic, by what reads its line."""
    parts = [
        "# Magics\n\n`%load_ext codika_nb` registers them; `%codika_deploy?` shows the same in a notebook.\n"
    ]
    for name in (f"codika_{name}" for names in HOMES.values() for name in names):
        parser = magic_of(name).parser
        text = inspect.cleandoc(parser.description or "")
        first, _, example = text.partition("Example:")
        parts += [f"## %{name}\n", _escaped(first)]
        parts += [f"```ipython\n{inspect.cleandoc(example)}\n```\n"] if example else []
        parts += [_options(parser)]
    return "\n".join(parts)


def _options(parser: argparse.ArgumentParser) -> str:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        names = [f"`{name} {value}`" if value else f"`{name}`" for name in action.option_strings]
        rows.append((", ".join(names) or f"`{action.metavar or action.dest}`", _escaped(action.help or "")))
    return _table(("On its line", ""), rows) if rows else ""


def commands() -> str:
    """Every command, by what it answers to ``--help``."""
    parts = ["# Commands\n"]
    for words in _commands(()):
        shown = _help(words)
        parts += [f"## codika-nb {' '.join(words)}\n", f"```text\n{shown.strip()}\n```\n"]
    return "\n".join(parts)


def _commands(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    shown = _help(words)
    if words:
        yield words
    if "COMMAND" in shown:
        for name in re.findall(r"^    ([a-z-]+)(?:  |$)", shown, re.MULTILINE):
            yield from _commands((*words, name))


def _help(words: Iterable[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        cli.main([*words, "--help"])
    return said.getvalue()


def failures() -> str:
    """What can fail, and what to do then."""
    return FAILURES.format(
        kinds=_table(("Error", "What it is"), _kinds()),
        codes=_table(("Code", "Error", "Next step"), _codes()),
        rules=_table(("Rule", "Severity", "What holds"), _rules()),
    )


FAILURES = """# Errors and next steps

Every expected failure is a `CodikaError` that says what happened and what to do next;
[the reference](errors-reference.md) has their members.

## Which error is it?

{kinds}

## What the platform refuses

`error.code` is the platform's name for it. Where it names a next step itself, `error.next_action` is that.
While signing in, forms and magics say what stands here, and go on by themselves where they can. Codes that
are not listed go by their HTTP status.

{codes}

## What a check finds

`UseCase.verify`, `verify_workflow` and `%codika_deploy --dry-run` go through these rules, in this order.
*must* keeps a use case from being deployed, *should* may surprise.

{rules}
"""


def _kinds() -> list[tuple[str, str]]:
    rows = []
    for name in errors.__all__:
        kind = getattr(errors, name)
        depth = len([base for base in kind.__mro__ if base.__module__ == errors.__name__]) - 1
        rows.append((kind.__mro__[::-1], "&nbsp;" * 4 * depth + f"`{name}`", _first_line(kind)))
    rows.sort(key=lambda row: [base.__name__ for base in row[0]])
    return [(name, text) for _, name, text in rows]


#: What stands in the place of what only a failure itself can say.
_WORDS = {
    "{attempts}": "",
    "{message} {next_action}": "",
    "{message} ": "",
    "{new_code}": "Ask for a new one.",
    "{retry} s": "some seconds",
}


def _codes() -> list[tuple[str, str, str]]:
    rows = []
    for code in dict.fromkeys([*REACTIONS, *refusals._BY_CODE, *refusals._NEXT_STEPS]):
        kind = refusals._BY_CODE.get(code)
        said = REACTIONS[code].say if code in REACTIONS else refusals._NEXT_STEPS.get(code, "")
        for name, words in _WORDS.items():
            said = said.replace(name, words)
        rows.append((f"`{code}`", f"`{kind.__name__}`" if kind else "", _escaped(said.strip())))
    return rows


def _rules() -> list[tuple[str, str, str]]:
    rules = (*verify._WORKFLOW_RULES, *verify._RULES)
    return [
        (f"`{rule}`", severity, _escaped(_first_line(check) or check.__name__.replace("_", " ") + "."))
        for rule, severity, check in rules
    ]


def integrations() -> str:
    """What is known of integrations, for whoever has to name one."""
    return INTEGRATIONS.format(
        secrets=_table(("Integration", "Connected for", "Its secrets"), _by_secrets()),
        signing_in=_table(("Integration", "Connected for"), _by_signing_in()),
    )


INTEGRATIONS = """# Integrations

A workflow uses an account elsewhere by the integration's name: in the use case's `integrationUids` and, in
capitals, in a credential's placeholders, such as `{{{{ORGCRED_OPENAI_ID_DERCGRO}}}}`. Their first and last
word say whom the integration is connected for: `ORGCRED_…_DERCGRO` an organization, `USERCRED_…_DERCRESU` a
member, `INSTCRED_…_DERCTSNI` a process instance; `FLEXCRED_…_DERCXELF`, which an import writes, takes
what is nearest of the three.

These are the names that codika 3.6.0 knows. The platform may know more. One of your own begins with `cstm_`,
is defined in the use case's `customIntegrations`, and is connected for a process instance.

## Connected by their secrets

`client.set_integration("openai")` takes them from environment variables of these names, or asks for them as
for a password.

{secrets}

## Connected in the dashboard

To connect one of these is to sign in to it, in a browser: <https://app.codika.io>.

{signing_in}
"""


def _by_secrets() -> list[tuple[str, str, str]]:
    return [
        (f"`{name}`", _whose(name), ", ".join(_secret(each) for each in secrets))
        for name, secrets in known.SECRET_NAMES.items()
    ]


def _secret(name: str) -> str:
    return f"`{name}` (optional)" if name in known.OPTIONAL else f"`{name}`"


def _by_signing_in() -> list[tuple[str, str]]:
    return [(f"`{name}`", _whose(name)) for name in sorted(known.SIGNED_IN)]


def _whose(name: str) -> str:
    return known.context_of(name).replace("_", " ")


def reference() -> str:
    """Every public name of the package itself, and where the others are."""
    public = [getattr(codika_nb, name) for name in codika_nb.__all__]
    bases = {base for value in public if inspect.isclass(value) for base in value.__mro__}
    of_others = {base.__name__ for base in bases if not base.__module__.startswith("codika_nb")}
    parts = [
        "# Reference\n",
        "What is written here stays as it is; everything else in the package is inside, and may move.\n",
        *(f"- []({name}-reference.md)" for name in MODULES),
        "",
    ]
    for value in sorted(public, key=lambda value: value is not codika_nb.Client):
        if inspect.isclass(value) and issubclass(value, BaseException):
            continue
        kind = "autoclass" if inspect.isclass(value) else "autofunction"
        options = "\n   :members:" if kind == "autoclass" else ""
        if options and value is not codika_nb.AsyncClient:  # it has what `Client` has
            options += f"\n   :inherited-members: {','.join(sorted(of_others))}"
        parts += [f"## {value.__name__}\n", _rst(f".. {kind}:: codika_nb.{value.__name__}{options}")]
    return "\n".join(parts)


def _module(name: str) -> Callable[[], str]:
    options = (
        ":members:\n   :undoc-members:\n   :show-inheritance:\n   :exclude-members: Sandbox, model_config"
    )
    return lambda: f"# codika_nb.{name}\n\n" + _rst(f".. automodule:: codika_nb.{name}\n   {options}")


def _rst(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```\n"


def _first_line(of: object) -> str:
    return next(iter((inspect.getdoc(of) or "").splitlines()), "")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def _escaped(text: str) -> str:
    """Plain words as Markdown; what stands between backticks stays code."""
    return textwrap.dedent(re.sub(r"[<*_\[\]{}$]", lambda found: "\\" + found[0], text))


PAGES: dict[str, Callable[[], str]] = {
    "magics": magics,
    "commands": commands,
    "errors": failures,
    "integrations": integrations,
    "reference": reference,
    **{f"{name}-reference": _module(name) for name in MODULES},
}
