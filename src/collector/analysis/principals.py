"""Parses the principals of trust policies and resource policies, and resolves them to entities.

Source of the forms: the IAM documentation of the Principal element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from collector.analysis import outside
from collector.analysis.denials import FULL, NONE, PARTIAL
from collector.analysis.documents import Principals
from collector.analysis.facts import Account, EntityRef, account_key
from collector.analysis.matching import ResourceIndex
from collector.analysis.principal_conditions import narrowed
from collector.analysis.results import Described
from collector.analysis.services import of_principal

PrincipalKind: TypeAlias = Literal[
    "account",
    "user",
    "role",
    "session",
    "federated",
    "everyone",
    "service",
    "saml",
    "oidc",
    "web",
    "deleted",
    "canonical",
    "unknown",
]

_PROVIDERS: dict[str, PrincipalKind] = {":saml-provider/": "saml", ":oidc-provider/": "oidc"}
_TYPES = {
    "user": "aws_iam_user",
    "role": "aws_iam_role",
    "saml": "aws_iam_saml_provider",
    "oidc": "aws_iam_oidc_provider",
}
_ACCOUNT = re.compile(r"\d{12}")
_ARN = re.compile(r"arn:[\w-]+:(iam|sts)::(\d{12}):([^*?]+)")
_ORIGIN_ACCESS = re.compile(r"arn:[\w-]+:iam::cloudfront:user/.+")
_UNIQUE_ID = re.compile(r"(A(?:IDA|ROA|GPA|NPA|NVA|SIA)[A-Z0-9]{12,})(?::.*)?")


class Principal(NamedTuple):
    """A parsed principal. `text` is the principal as written; `account` and `name` are empty if the form does not contain them."""

    kind: PrincipalKind
    text: str
    account: str = ""
    name: str = ""


class PrincipalEnd(NamedTuple):
    """The end of a relationship that represents a principal: a collected entity, a service, or an entity outside.

    `identity` is equal for principals with the same end.
    """

    identity: str
    entity: EntityRef | None = None
    service: str | None = None
    outside: Described | None = None
    account: str = ""
    properties: Mapping[str, str] = {}


def parse_principal(kind: str, text: str) -> Principal:
    """Parse a principal; `kind` is its key in the Principal element, such as `AWS` or `Service`."""
    if kind == "Service":
        return Principal("service", text, name=text) if of_principal(text) else Principal("unknown", text)
    if kind == "Federated":
        return Principal(next((found for part, found in _PROVIDERS.items() if part in text), "web"), text, name=text)
    if kind == "CanonicalUser":
        return Principal("canonical", text, name=text)
    if kind != "AWS":
        return Principal("unknown", text)
    return _of_aws(text)


def _of_aws(text: str) -> Principal:
    if text == "*":
        return Principal("everyone", text)
    if _ACCOUNT.fullmatch(text):
        return Principal("account", text, text)
    unique = _UNIQUE_ID.fullmatch(text)
    if unique:
        return Principal("deleted", text, name=unique[1])
    found = _ARN.fullmatch(text)
    if found is not None:
        return _of_arn(text, *found.groups())
    if _ORIGIN_ACCESS.fullmatch(text):
        # CloudFront reads a bucket as its origin access identity.
        return Principal("service", text, name="cloudfront.amazonaws.com")
    return Principal("unknown", text)


def _of_arn(text: str, service: str, account: str, rest: str) -> Principal:
    first, _, name = rest.partition("/")
    if service == "iam" and rest == "root":
        return Principal("account", text, account)
    if service == "iam" and first == "user" and name:
        return Principal("user", text, account, text)
    if service == "iam" and first == "role" and name:
        return Principal("role", text, account, text)
    if service == "sts" and first == "assumed-role" and name:
        return Principal("session", text, account, name)
    if service == "sts" and first == "federated-user" and name:
        return Principal("federated", text, account, name)
    return Principal("unknown", text, account)


def denial_degree(denied: Principals, principal: Principal, *, certain: bool) -> int:
    """Return the degree to which a Deny on the principals `denied` covers a principal; at most PARTIAL unless it is `certain`."""
    if denied.negated:
        # Which requests a NotPrincipal exempts depends on the session as well as on its user or role.
        return PARTIAL
    degree = max((_coverage(parse_principal(*each), principal) for each in denied.named), default=NONE)
    return min(degree, FULL if certain else PARTIAL)


def _coverage(denied: Principal, principal: Principal) -> int:
    if denied.kind == "everyone" or (denied.kind, denied.name, denied.text) == (
        principal.kind,
        principal.name,
        principal.text,
    ):
        return FULL
    if denied.kind == "account" and principal.account == denied.account:
        return FULL
    if (denied.kind, principal.kind) == ("role", "session") and _is_session_of(principal, denied):
        return FULL
    inside = principal.kind == "account" and denied.account == principal.account
    inside |= (denied.kind, principal.kind) == ("session", "role") and _is_session_of(denied, principal)
    return PARTIAL if inside or principal.kind == "everyone" else NONE


def _is_session_of(session: Principal, role: Principal) -> bool:
    """Whether a session is one of a role. The ARN of a session has the role's name without its path."""
    name = session.name.partition("/")[0]
    return session.account == role.account and name == role.name.rpartition("/")[2]


class PrincipalIndex:
    """Resolves principals in the policies of one account to ends of relationships.

    The index must be complete: all resources have been added to it.
    """

    def __init__(self, account: Account, index: ResourceIndex, unique_ids: Mapping[str, EntityRef]) -> None:
        self._account = account
        self._index = index
        self._unique_ids = unique_ids
        self._roles: dict[str, dict[str, str]] = {}

    def ends(self, principal: Principal, condition: str | None) -> Iterator[PrincipalEnd]:
        """Yield the ends of a principal; nothing if it does not exist any more or its form has no entity.

        If a condition narrows everyone to principals, accounts or organizations, these are the ends.
        """
        if principal.kind == "everyone":
            yield from self._everyone(condition)
        elif principal.kind in ("account", "federated"):
            extra = {"federatedUser": principal.name} if principal.kind == "federated" else {}
            yield self._of_account(principal.account, extra)
        elif principal.kind == "service":
            type_ = of_principal(principal.name)
            yield PrincipalEnd(f"service:{type_}", service=type_, properties={"servicePrincipal": principal.name})
        elif principal.kind == "web":
            yield PrincipalEnd(principal.name, outside=outside.identity_provider(principal.name))
        else:
            end = self._named(principal)
            if end is not None:
                yield end

    def _everyone(self, condition: str | None) -> Iterator[PrincipalEnd]:
        left = narrowed(condition)
        for arn in left.principals:
            yield from self.ends(parse_principal("AWS", arn), None)
        for account in left.accounts:
            yield self._of_account(account, {})
        for each in left.organizations:
            yield PrincipalEnd(each, outside=outside.organization(each))
        if not any(left):
            yield PrincipalEnd("everyone", outside=outside.everyone())

    def _of_account(self, id_: str, extra: Mapping[str, str]) -> PrincipalEnd:
        partition = self._account.partition
        key = account_key(id_, partition)
        entity = EntityRef(key, "aws_account") if id_ == self._account.id else None
        entity = entity or self._index.entity(f"arn:{partition}:account::{id_}:account", ("aws_account",))
        return PrincipalEnd(key, entity, None, None if entity else outside.account(id_, partition), id_, extra)

    def _named(self, principal: Principal) -> PrincipalEnd | None:
        if principal.kind in ("deleted", "canonical"):
            entity = self._unique_ids.get(principal.name)
            if principal.kind == "canonical" and not entity:
                return PrincipalEnd(principal.name, None, None, outside.canonical_user(principal.name), principal.name)
            return PrincipalEnd(entity.key, entity, account=entity.key.split(":")[4]) if entity else None
        if principal.kind == "session":
            return self._session(principal)
        type_ = _TYPES.get(principal.kind)
        return self._by_arn(principal, type_) if type_ else None

    def _by_arn(self, principal: Principal, type_: str) -> PrincipalEnd | None:
        found = self._index.entity(principal.name, (type_,))
        if found is not None:
            return PrincipalEnd(found.key, found, account=principal.account or self._account.id)
        if principal.kind == "oidc":
            return PrincipalEnd(principal.name, outside=outside.identity_provider(principal.name))
        if principal.account in ("", self._account.id):
            return None
        return PrincipalEnd(principal.name, outside=outside.principal(principal.name, type_), account=principal.account)

    def _session(self, principal: Principal) -> PrincipalEnd | None:
        name, _, session = principal.name.partition("/")
        extra = {"sessionName": session} if session else {}
        key = self._role(principal.account, name)
        if key is not None:
            return PrincipalEnd(key, EntityRef(key, "aws_iam_role"), account=principal.account, properties=extra)
        if principal.account == self._account.id:
            return None
        described = outside.role_by_name(principal.account, name)
        return PrincipalEnd(f"{principal.account}:{name}", None, None, described, principal.account, extra)

    def _role(self, account: str, name: str) -> str | None:
        if account not in self._roles:
            keys = self._index.entities(account, "aws_iam_role")
            self._roles[account] = {key.rpartition("/")[2]: key for key in keys}
        return self._roles[account].get(name)
