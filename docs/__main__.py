"""``python -m docs`` builds the documents site in ``build/docs``; it needs no network, nor does the site.

The sources are laid out as in the repository, so that links between them work here and there.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

try:
    from sphinx.cmd.build import main
except ModuleNotFoundError:
    raise SystemExit("The site needs a package: pip install -e '.[docs]'") from None

from codika_nb.cli.tutorials import NOT_YOURS

from .generated import PAGES

ROOT = Path(__file__).resolve().parent.parent
OWN = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", "llms.txt")


def lay_out(folder: Path) -> None:
    """Put into `folder` what the site is made of: the README is its first page."""
    shutil.copytree(
        ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("*.py", "*.css", "__pycache__")
    )
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=NOT_YOURS)
    # As a page for visitors it has no title of its own.
    dashboard = folder / "notebooks" / "dashboards" / "greeter.ipynb"
    cells = json.loads(dashboard.read_text(encoding="utf-8"))
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# A dashboard"}
    cells["cells"].insert(0, title)
    dashboard.write_text(json.dumps(cells), encoding="utf-8")
    for name in OWN:
        shutil.copy(ROOT / name, folder)
    contents = folder / "docs" / "contents.md"
    first = (ROOT / "README.md").read_text(encoding="utf-8") + contents.read_text(encoding="utf-8")
    (folder / "index.md").write_text(first, encoding="utf-8")
    contents.unlink()
    shutil.copy(folder / "llms.txt", folder / "docs" / "agents.md")
    for name, page in PAGES.items():
        (folder / "docs" / f"{name}.md").write_text(page(), encoding="utf-8")


def build(target: Path) -> int:
    """Write the site to `target`. Whatever Sphinx warns of is an error, links that lead nowhere included."""
    with tempfile.TemporaryDirectory() as scratch:
        lay_out(source := Path(scratch) / "site")
        conf = str(ROOT / "docs")
        options = [
            "--quiet",
            "--fail-on-warning",
            "--keep-going",
            "--fresh-env",
            "--jobs=auto",
            "--conf-dir",
            conf,
        ]
        return main([*options, "--doctree-dir", f"{scratch}/read", str(source), str(target)])


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "docs"
    if failed := build(target):
        sys.exit(failed)
    print(target / "index.html")
