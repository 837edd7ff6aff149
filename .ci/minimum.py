"""Print the oldest version that pyproject.toml allows of each runtime dependency, as constraints for pip."""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *extras["sandbox"], *extras["integrations"]]:
    found = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?(?:>=([\d.]+).*)?", requirement)
    if not found or not (found[2] or found[1] == project["name"]):
        sys.exit(f"{requirement}: from which version on?")
    if found[2]:
        sys.stdout.write(f"{found[1]}=={found[2]}\n")
