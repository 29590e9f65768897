"""Access to moto's internal state, for facts that its responses leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.demo.wire import Request


def backend(request: Request, service: str, place: str = "") -> Any:
    """Moto's backend of a service in the account of a request; `place` overrides its region."""
    return get_backend(service)[request.account][place or request.region]


def network_of(request: Request, subnets: Iterable[str]) -> str | None:
    """The VPC id of the first subnet; None without subnets."""
    for subnet in subnets:
        found: str = backend(request, "ec2").get_subnet(subnet).vpc_id
        return found
    return None


def group_named(request: Request, start: str) -> str | None:
    """The id of the first security group whose name begins with `start`; None without one."""
    groups = backend(request, "ec2").describe_security_groups()
    return next((group.id for group in groups if group.name.startswith(start)), None)
