"""Values computed from IAM policy documents, tags and SAML metadata."""

from __future__ import annotations

import re
from typing import Any

from collector.analysis.documents import read
from collector.schema.declarations import Computed, Row, Via
from collector.schema.paths import walker
from collector.schema.values import JsonText, as_json

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_UNIQUE_ID = re.compile(r'"((?:AIDA|AROA)[A-Z0-9]{12,})"')
_ENTITY_ID = re.compile(r"""\bentityID\s*=\s*["']([^"']*)["']""")


def grants_everything(path: str) -> Via:
    """Whether the policy document allows all actions on all resources, without a condition."""
    return Via(path, _is_admin)


def default_grants_everything(path: str) -> Via:
    """`grants_everything` for the default version of a managed policy."""
    return Via(path, lambda versions: _is_admin(_default(versions) or {}))


def default_document(path: str) -> Via:
    """The document of a managed policy's default version as JSON text; None if there is none."""
    return Via(path, lambda versions: None if (found := _default(versions)) is None else JsonText(as_json(found)))


def deleted_principals(path: str) -> Via:
    """The deleted users and roles in a trust policy. IAM shows their unique id in place of their ARN."""
    return Via(path, lambda document: sorted(set(_UNIQUE_ID.findall(as_json(document)))) or None)


def email(name: str, tags: str) -> Computed:
    """A user's email address, in lower case as in JupiterOne: the tag `Email`, else the user name if it is an address."""
    walk_name, walk_tags = walker(name), walker(tags)

    def address(row: Row) -> str | None:
        tagged = (tag.get("Value") for tag in walk_tags(row) or () if str(tag.get("Key")).lower() == "email")
        candidates = (str(one or "").strip() for one in (*tagged, walk_name(row)))
        return next((one.lower() for one in candidates if _EMAIL.fullmatch(one)), None)

    return Computed(address, (name, tags))


def entity_id(path: str) -> Via:
    """The `entityID` of a SAML metadata document."""
    return Via(path, lambda text: found.group(1) if (found := _ENTITY_ID.search(str(text))) else None)


def _default(versions: list[Row]) -> Any:
    return next((version.get("Document") for version in versions if version.get("IsDefaultVersion")), None)


def _is_admin(document: Any) -> bool:
    return any(
        rule.effect == "Allow"
        and rule.condition is None
        and not rule.not_actions
        and not rule.not_resources
        and any(action in ("*", "*:*") for action in rule.actions)
        and "*" in rule.resources
        for _, rule, _ in read(document, "identity").statements
    )
