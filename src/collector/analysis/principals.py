"""Who is meant by the principals of a trust policy or a resource policy.

Source of the forms: IAM's documentation of the Principal element.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from collector.analysis import outside
from collector.analysis.denials import NOT, PARTLY, WHOLLY
from collector.analysis.documents import Principals, condition_values
from collector.analysis.facts import Account, EntityRef, account_key
from collector.analysis.results import Described, Primitive, cut
from collector.analysis.services import of_principal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from collector.analysis.matching import ResourceIndex

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
_REQUIRING = frozenset(("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "Bool"))
_LIFTED = {
    "sts:externalid": "externalId",
    "aws:principalorgid": "orgIds",
    "aws:multifactorauthpresent": "mfa",
    "aws:sourceaccount": "sourceAccount",
    "aws:sourcearn": "sourceArn",
    "aws:principalarn": "principalArn",
}


class Principal(NamedTuple):
    """A principal as written, and what it is; `account` and `name` where the form tells them."""

    kind: PrincipalKind
    text: str
    account: str = ""
    name: str = ""


class End(NamedTuple):
    """An end of a relationship that stands for a principal: collected, a service, or outside.

    `identity` is equal for principals that mean the same end.
    """

    identity: str
    entity: EntityRef | None = None
    service: str | None = None
    outside: Described | None = None
    account: str = ""
    properties: Mapping[str, str] = {}


def classify(kind: str, text: str) -> Principal:
    """What a principal of an element such as `AWS` or `Service` is."""
    if kind == "Service":
        return Principal("service", text, name=text) if of_principal(text) else Principal("unknown", text)
    if kind == "Federated":
        return Principal(next((found for part, found in _PROVIDERS.items() if part in text), "web"), text, name=text)
    if kind == "CanonicalUser":
        return Principal("canonical", text)
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
    # An origin access identity is how CloudFront shows itself to a bucket.
    return (
        Principal("service", text, name="cloudfront.amazonaws.com")
        if _ORIGIN_ACCESS.fullmatch(text)
        else Principal("unknown", text)
    )


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


def degree(denied: Principals, principal: Principal, *, certain: bool) -> int:
    """How much of what is allowed to a principal a Deny takes that names these; one that is not `certain` never takes it whole."""
    if denied.negated:
        # Whom NotPrincipal spares depends on the session as well as on the user or role behind it.
        return PARTLY
    most = max((_taken(classify(*each), principal) for each in denied.named), default=NOT)
    return min(most, WHOLLY if certain else PARTLY)


def _taken(denied: Principal, principal: Principal) -> int:
    if denied.kind == "everyone" or (denied.kind, denied.name, denied.text) == (
        principal.kind,
        principal.name,
        principal.text,
    ):
        return WHOLLY
    if denied.kind == "account" and principal.account == denied.account:
        return WHOLLY
    inside = principal.kind == "account" and denied.account == principal.account
    return PARTLY if inside or principal.kind == "everyone" else NOT


def required(condition: str | None) -> dict[str, tuple[str, ...]]:
    """The well-known keys for which a condition demands values, under the names that they have on a relationship."""
    found: dict[str, list[str]] = {}
    for operator, key, value in condition_values(condition):
        if key in _LIFTED and operator.removeprefix("ForAnyValue:") in _REQUIRING:
            found.setdefault(_LIFTED[key], []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def lifted(conditions: Iterable[str | None]) -> dict[str, Primitive]:
    """What all of several ways to be allowed demand: a value that one of them does without says nothing."""
    every = [required(condition) for condition in conditions]
    shared = [name for name in _LIFTED.values() if all(name in each for each in every)]
    found: dict[str, Primitive] = {}
    for name in shared:
        values = sorted({value for each in every for value in each[name]})
        found[name] = values == ["true"] if name == "mfa" else cut(",".join(values))
    return found


class PrincipalIndex:
    """Finds the ends that principals stand for, as seen from one account."""

    def __init__(self, account: Account, index: ResourceIndex, unique_ids: Mapping[str, EntityRef]) -> None:
        """Take an index that is complete."""
        self._account = account
        self._index = index
        self._unique_ids = unique_ids
        self._roles: dict[str, dict[str, str]] = {}

    def ends(self, principal: Principal, condition: str | None) -> Iterator[End]:
        """The ends of a principal; none if it is gone, or of a form that has none. A condition may narrow everyone to an organization."""
        if principal.kind == "everyone":
            yield from self._everyone(condition)
        elif principal.kind in ("account", "federated"):
            extra = {"federatedUser": principal.name} if principal.kind == "federated" else {}
            yield self._of_account(principal.account, extra)
        elif principal.kind == "service":
            type_ = of_principal(principal.name)
            yield End(f"service:{type_}", service=type_, properties={"servicePrincipal": principal.name})
        elif principal.kind == "web":
            yield End(principal.name, outside=outside.identity_provider(principal.name))
        else:
            end = self._named(principal)
            if end is not None:
                yield end

    def _everyone(self, condition: str | None) -> Iterator[End]:
        organizations = required(condition).get("orgIds", ())
        for each in dict.fromkeys(organizations):
            yield End(each, outside=outside.organization(each))
        if not organizations:
            yield End("everyone", outside=outside.everyone())

    def _of_account(self, id_: str, extra: Mapping[str, str]) -> End:
        partition = self._account.partition
        key = account_key(id_, partition)
        known = EntityRef(key, "aws_account") if id_ == self._account.id else None
        known = known or self._index.entity(f"arn:{partition}:account::{id_}:account", ("aws_account",))
        return End(key, known, None, None if known else outside.account(id_, partition), id_, extra)

    def _named(self, principal: Principal) -> End | None:
        if principal.kind == "deleted":
            known = self._unique_ids.get(principal.name)
            return End(known.key, known, account=known.key.split(":")[4]) if known else None
        if principal.kind == "session":
            return self._session(principal)
        type_ = _TYPES.get(principal.kind)
        return self._by_arn(principal, type_) if type_ else None

    def _by_arn(self, principal: Principal, type_: str) -> End | None:
        found = self._index.entity(principal.name, (type_,))
        if found is not None:
            return End(found.key, found, account=principal.account or self._account.id)
        if principal.kind == "oidc":
            return End(principal.name, outside=outside.identity_provider(principal.name))
        if principal.account in ("", self._account.id):
            return None
        return End(principal.name, outside=outside.principal(principal.name, type_), account=principal.account)

    def _session(self, principal: Principal) -> End | None:
        name, _, session = principal.name.partition("/")
        extra = {"sessionName": session} if session else {}
        key = self._role(principal.account, name)
        if key is not None:
            return End(key, EntityRef(key, "aws_iam_role"), account=principal.account, properties=extra)
        if principal.account == self._account.id:
            return None
        described = outside.role_by_name(principal.account, name)
        return End(f"{principal.account}:{name}", None, None, described, principal.account, extra)

    def _role(self, account: str, name: str) -> str | None:
        if account not in self._roles:
            keys = self._index.entities(account, "aws_iam_role")
            self._roles[account] = {key.rpartition("/")[2]: key for key in keys}
        return self._roles[account].get(name)
