"""The schema of the relationships that the analysis can draw."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from collector.analysis.results import AnalysisVerb

RESOURCE = "resource"
"""Any collected type that is possible in this position."""

SERVICE = "service"
"""Any service entity."""

POLICED = "policed"
"""Any collected type whose declaration has the fact `policy`: a resource policy."""


class Triple(NamedTuple):
    """A kind of relationship; `extension` is true if JupiterOne does not document it for AWS."""

    source: str
    verb: AnalysisVerb
    target: str
    extension: bool


_POLICIES = ("aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_iam_role_policy")
_GRANTED = (RESOURCE, SERVICE, "aws_account")
_TRUSTED = (SERVICE, "aws_account", "aws_iam_role", "aws_iam_user")
_PROVIDERS = (
    "aws_iam_saml_provider", "aws_iam_oidc_provider", "identity_provider",
    "amazon_cognito_login", "amazon_login", "facebook_login", "google_login",
)  # fmt: skip
_PUBLIC = ("aws_organization", "everyone")
_NETWORK = ("aws_prefix_list", "host", "internet", "network", RESOURCE)
_GROUP, _ACL = "aws_security_group", "aws_network_acl"


def _between(
    sources: tuple[str, ...], verb: AnalysisVerb, targets: tuple[str, ...], *, extension: bool = False
) -> list[Triple]:
    return [Triple(source, verb, target, extension) for source, target in product(sources, targets)]


TRIPLES: tuple[Triple, ...] = (
    *_between(_POLICIES, "ALLOWS", _GRANTED),
    *_between(_POLICIES, "DENIES", _GRANTED, extension=True),
    *_between(("aws_iam_role",), "TRUSTS", _TRUSTED),
    *_between(("aws_iam_role",), "TRUSTS", (*_PROVIDERS, *_PUBLIC), extension=True),
    *_between((*_TRUSTED, *_PROVIDERS, *_PUBLIC), "ALLOWS", (POLICED,), extension=True),
    *_between((*_NETWORK, _GROUP), "ALLOWS", (_GROUP,)),
    *_between((_GROUP,), "ALLOWS", _NETWORK),
    *_between(_NETWORK, "ALLOWS", (_ACL,), extension=True),
    *_between((_ACL,), "ALLOWS", _NETWORK, extension=True),
    *_between(_NETWORK, "DENIES", (_ACL,), extension=True),
    *_between((_ACL,), "DENIES", _NETWORK, extension=True),
)
