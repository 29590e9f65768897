"""Descriptions of entities that were not collected, with which JupiterOne finds or creates them.

Types, classes and filter keys are those of JupiterOne: its global entities, its mapping rules for networks and hosts, and its types
for identity providers.
"""

from __future__ import annotations

from collector.analysis.facts import account_key
from collector.analysis.results import Described, Primitive, Value

BY_KEY = (("_type", "_key"),)


def everyone() -> Described:
    """Return the global entity for any principal, including anonymous ones."""
    return _keyed(
        "everyone",
        ["UserGroup", "Everyone"],
        "global:everyone",
        displayName="Everyone (Public Global)",
        principal="*",
        public=True,
    )


def internet() -> Described:
    """Return the global entity for all IP addresses."""
    names: dict[str, Primitive] = {"displayName": "Internet", "CIDR": "0.0.0.0/0", "CIDRv6": "::/0", "public": True}
    return _keyed("internet", "Internet", "global:internet", **names)


def account(id_: str, partition: str) -> Described:
    """Return an account that was not collected."""
    return _keyed(
        "aws_account", "Account", account_key(id_, partition), displayName=id_, name=id_, accountId=id_, id=id_
    )


def canonical_user(id_: str) -> Described:
    """Return an account that was not collected, by its canonical user id: S3's own id of an account."""
    names = {"_type": "aws_account", "_class": "Account", "displayName": id_, "name": id_, "canonicalUserId": id_}
    return Described(names, (("_type", "canonicalUserId"),))


def organization(id_: str) -> Described:
    """Return an organization by its id. Conditions do not contain its management account, which its ARN would require."""
    names = {"_type": "aws_organization", "_class": "Organization", "displayName": id_, "name": id_, "id": id_}
    return Described(names, (("_type", "id"),))


def principal(arn: str, type_: str) -> Described:
    """Return a user or role of an account that was not collected."""
    account_id, name = arn.split(":")[4], arn.rpartition("/")[2]
    class_, name_property = ("User", "username") if type_ == "aws_iam_user" else ("AccessRole", "roleName")
    names = {
        "displayName": name,
        "name": name,
        name_property: [name] if class_ == "User" else name,
        "arn": arn,
        "accountId": account_id,
    }
    return _keyed(type_, class_, arn, **names)


def role_by_name(account_id: str, name: str) -> Described:
    """Return a role of an account that was not collected, by its name: the ARN of a session does not contain the role's path."""
    names = {"_type": "aws_iam_role", "_class": "AccessRole", "displayName": name, "name": name}
    return Described({**names, "roleName": name, "accountId": account_id}, (("_type", "roleName", "accountId"),))


def identity_provider(name: str) -> Described:
    """Return a web identity provider: an OIDC provider by its ARN, any other by its host name."""
    if ":oidc-provider/" in name:
        url = name.partition(":oidc-provider/")[2]
        return _keyed("aws_iam_oidc_provider", "Service", name, displayName=url, name=url, arn=name)
    type_ = _LOGINS.get(name, "identity_provider")
    return _keyed(type_, "Service", f"{type_}:{name}", displayName=name, name=name)


def host(address: str, *, public: bool) -> Described:
    """Return a host with one IP address."""
    filter_key = "publicIpAddress" if public else "privateIpAddress"
    names: dict[str, Primitive] = {"displayName": address, "name": address, "ipAddress": address, filter_key: address}
    return Described({"_type": "host", "_class": "Host", **names}, (("_class", filter_key),))


def network(cidr: str, length: int, *, public: bool) -> Described:
    """Return an IP address range; `length` is its prefix length."""
    filter_key = "CIDRv6" if ":" in cidr else "CIDR"
    names: dict[str, Primitive] = {
        "_type": "network",
        "_class": "Network",
        "displayName": cidr,
        "name": cidr,
        "CIDR": None,
    }
    names |= {filter_key: cidr, "netmask": str(length), "public": public, "internal": not public}
    return Described(names, (("_class", filter_key),))


def prefix_list(id_: str, name: str | None) -> Described:
    """Return a prefix list whose entries are managed by AWS or could not be read."""
    name = name or id_
    public = name.startswith("com.amazonaws.")
    names: dict[str, Primitive] = {"displayName": name, "name": name, "public": public, "internal": not public}
    return _keyed("aws_prefix_list", "Network", id_, **names, CIDR=None)


def security_group(arn: str) -> Described:
    """Return a security group of an account that was not collected."""
    account_id, id_ = arn.split(":")[4], arn.rpartition("/")[2]
    names = {"displayName": id_, "name": id_, "groupId": id_, "arn": arn, "accountId": account_id}
    return _keyed("aws_security_group", "Firewall", arn, **names)


def _keyed(type_: str, class_: str | list[str], key: str, **names: Value) -> Described:
    return Described({"_key": key, "_type": type_, "_class": class_, **names}, BY_KEY)


_LOGINS = {
    "accounts.google.com": "google_login",
    "cognito-identity.amazonaws.com": "amazon_cognito_login",
    "graph.facebook.com": "facebook_login",
    "www.amazon.com": "amazon_login",
}
