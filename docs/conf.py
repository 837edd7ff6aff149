"""How Sphinx makes the site: ``python -m docs`` calls it."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from ipython_pygments_lexers import IPython3Lexer
from pydantic import BaseModel
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

import codika_nb
from codika_nb.client.endpoint import endpoint

project = "codika_nb"
author = "the codika_nb contributors"
version = release = codika_nb.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["notebooks/use-cases"]

# Tutorials have the outputs that they were stored with: the tests hold them to what comes out today.
nb_execution_mode = "off"
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]  # a widget's text stands in its place

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "name"

smartquotes = False  # options begin with two hyphens

html_theme = "furo"
html_title = f"codika_nb {version}"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_static_path = html_css_files = ["site.css"]


def _as_called() -> None:
    """Put methods in the place of endpoints, which describe an exchange and return what comes of it."""
    for owner in codika_nb.Client.__mro__:
        for name, member in list(vars(owner).items()):
            if isinstance(member, endpoint):
                method: Any = member._method
                method.__annotations__["return"] = method.__signature__.return_annotation
                del method.__wrapped__
                setattr(owner, name, method)


def literal_blocks(_app: Sphinx, _what: str, _name: str, _of: Any, _options: Any, lines: list[str]) -> None:
    """What stands indented by itself is shown as it is; sections like ``Args:`` follow their name at once."""
    lines[:] = re.sub(r"(?m)^(\S.*)\n\n(?=    \S)", r"\1\n\n::\n\n", "\n".join(lines)).split("\n")


def signature(
    _app: Sphinx, _what: str, _name: str, of: Any, _options: Any, arguments: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """How it is called: without what only the package itself passes; a model takes its members."""
    if isinstance(of, type) and issubclass(of, BaseModel):
        return None, None
    return arguments and re.sub(r", (?:\*, )?_\w+: [^,]+(?=,|\)$)", "", arguments), returns


class Name(SphinxRole):
    """A name between backticks, which leads to what it names where that is public."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Make the node."""
        code = nodes.literal(self.rawtext, self.text)
        if self.text.partition(".")[0] not in codika_nb.__all__:
            return [code], []
        names = {"refdomain": "py", "reftype": "obj", "reftarget": f"codika_nb.{self.text}"}
        return [addnodes.pending_xref("", code, refdoc=self.env.docname, **names)], []


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    _as_called()
    app.add_role("name", Name())
    app.add_lexer("python", IPython3Lexer)
    app.connect("autodoc-process-docstring", literal_blocks, priority=400)
    app.connect("autodoc-process-signature", signature)
