"""Circuit breaker for endpoints that cannot be reached, so that they cost one timeout instead of one for each call."""

from __future__ import annotations

from collector.aws.faults import Classification


class CircuitBreaker:
    """Remembers unreachable endpoints and regions for the rest of a run. It does no I/O.

    An endpoint is given up when a call to it has failed permanently without ever connecting. A whole region is given up
    when a connection timed out and nothing in the region has responded yet.
    """

    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, str], Classification] = {}
        self._regions: dict[str, Classification] = {}
        self._responsive: set[str] = set()

    def refuses(self, client: str, region: str) -> Classification | None:
        """The failure that made the endpoint or its region unreachable, or None if a call may be made."""
        return self._regions.get(region) or self._endpoints.get((client, region))

    def answered(self, region: str) -> None:
        """Record a response, successful or not, from the region."""
        self._responsive.add(region)

    def unreachable(self, client: str, region: str, classification: Classification) -> None:
        """Record a call that failed permanently without connecting."""
        self._endpoints[client, region] = classification
        if region not in self._responsive and classification.code == "ConnectTimeoutError":
            self._regions[region] = classification
