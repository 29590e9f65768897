"""Moto's own state, for what its answers do not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.demo.wire import Request


def backend(request: Request, service: str, place: str = "") -> Any:
    """Moto's state of a service for the account of a request, in its region or another place."""
    return get_backend(service)[request.account][place or request.region]


def network_of(request: Request, subnets: Iterable[str]) -> str | None:
    """The VPC of the first of some subnets."""
    for subnet in subnets:
        found: str = backend(request, "ec2").get_subnet(subnet).vpc_id
        return found
    return None


def group_named(request: Request, start: str) -> str | None:
    """The id of the security group whose name begins with some text."""
    groups = backend(request, "ec2").describe_security_groups()
    return next((group.id for group in groups if group.name.startswith(start)), None)
