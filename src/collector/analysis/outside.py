"""Ends that lie outside of what was collected, described so that the graph downstream finds or makes them.

Types, classes and filters are JupiterOne's: its global entities, its rules for networks and hosts, its names for identity providers.
"""

from __future__ import annotations

from collector.analysis.facts import account_key
from collector.analysis.results import Described, Primitive

BY_KEY = (("_type", "_key"),)


def everyone() -> Described:
    """Anybody at all."""
    return _keyed(
        "everyone", "UserGroup", "global:everyone", displayName="Everyone (Public Global)", principal="*", public=True
    )


def internet() -> Described:
    """All addresses."""
    names: dict[str, Primitive] = {"displayName": "Internet", "CIDR": "0.0.0.0/0", "CIDRv6": "::/0", "public": True}
    return _keyed("internet", "Internet", "global:internet", **names)


def account(id_: str, partition: str) -> Described:
    """An account that was not collected."""
    return _keyed(
        "aws_account", "Account", account_key(id_, partition), displayName=id_, name=id_, accountId=id_, id=id_
    )


def organization(id_: str) -> Described:
    """An organization; its ARN holds the id of its management account, which a condition does not tell."""
    names = {"_type": "aws_organization", "_class": "Organization", "displayName": id_, "name": id_, "id": id_}
    return Described(names, (("_type", "id"),))


def principal(arn: str, type_: str) -> Described:
    """A user or a role of an account that was not collected."""
    account_id, name = arn.split(":")[4], arn.rpartition("/")[2]
    class_, called = ("User", "username") if type_ == "aws_iam_user" else ("AccessRole", "roleName")
    names = {"displayName": name, "name": name, called: name, "arn": arn, "accountId": account_id}
    return _keyed(type_, class_, arn, **names)


def role_by_name(account_id: str, name: str) -> Described:
    """A role of an account that was not collected, where only its name is known: a session's ARN leaves the path out."""
    names = {"_type": "aws_iam_role", "_class": "AccessRole", "displayName": name, "name": name}
    return Described({**names, "roleName": name, "accountId": account_id}, (("_type", "roleName", "accountId"),))


def identity_provider(name: str) -> Described:
    """A provider of web identities: an OIDC provider by its ARN, another one by its host."""
    if ":oidc-provider/" in name:
        url = name.partition(":oidc-provider/")[2]
        return _keyed("aws_iam_oidc_provider", "Service", name, displayName=url, name=url, arn=name)
    type_ = _LOGINS.get(name, "identity_provider")
    return _keyed(type_, "Service", f"{type_}:{name}", displayName=name, name=name)


def host(address: str, *, public: bool) -> Described:
    """One address."""
    named = "publicIpAddress" if public else "privateIpAddress"
    names: dict[str, Primitive] = {"displayName": address, "name": address, "ipAddress": address, named: address}
    return Described({"_type": "host", "_class": "Host", **names}, (("_class", named),))


def network(cidr: str, length: int, *, public: bool) -> Described:
    """A range of addresses."""
    named = "CIDRv6" if ":" in cidr else "CIDR"
    names: dict[str, Primitive] = {
        "_type": "network",
        "_class": "Network",
        "displayName": cidr,
        "name": cidr,
        "CIDR": None,
    }
    names |= {named: cidr, "netmask": str(length), "public": public, "internal": not public}
    return Described(names, (("_class", named),))


def prefix_list(id_: str, name: str | None) -> Described:
    """Ranges of addresses that AWS keeps, or that could not be read."""
    called = name or id_
    public = called.startswith("com.amazonaws.")
    return _keyed(
        "aws_prefix_list",
        "Network",
        id_,
        displayName=called,
        name=called,
        public=public,
        internal=not public,
        CIDR=None,
    )


def security_group(arn: str) -> Described:
    """A security group of an account that was not collected."""
    account_id, id_ = arn.split(":")[4], arn.rpartition("/")[2]
    names = {"displayName": id_, "name": id_, "groupId": id_, "arn": arn, "accountId": account_id}
    return _keyed("aws_security_group", "Firewall", arn, **names)


def _keyed(type_: str, class_: str, key: str, **names: Primitive) -> Described:
    return Described({"_key": key, "_type": type_, "_class": class_, **names}, BY_KEY)


_LOGINS = {
    "accounts.google.com": "google_login",
    "cognito-identity.amazonaws.com": "amazon_cognito_login",
    "graph.facebook.com": "facebook_login",
    "www.amazon.com": "amazon_login",
}
