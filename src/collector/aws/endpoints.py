"""Where an operation is asked, worked out once for each region instead of at every call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Endpoints:
    """Stands before a client's endpoint resolver and remembers what does not depend on a call's parameters.

    What does depend on them, such as the bucket in a host of S3, is resolved each time.
    """

    def __init__(self, resolver: Any) -> None:
        """`resolver` is botocore's."""
        self._resolver = resolver
        self._known: dict[tuple[str, str], Any] = {}

    def __getattr__(self, name: str) -> Any:
        """Everything else is the resolver's."""
        return getattr(self._resolver, name)

    async def construct_endpoint(
        self, operation_model: Any, call_args: Mapping[str, Any], request_context: Mapping[str, Any]
    ) -> Any:
        """The endpoint of an operation, in the region that the request's context names."""
        if operation_model.context_parameters or operation_model.operation_context_parameters:
            return await self._resolver.construct_endpoint(operation_model, call_args, request_context)
        key = (
            request_context["client_region"],
            operation_model.name if operation_model.static_context_parameters else "",
        )
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = await self._resolver.construct_endpoint(
                operation_model, call_args, request_context
            )
        return known
