"""Endpoints that do not answer are asked once, not once for each call. Pure; one for each run."""

from __future__ import annotations

from collector.aws.faults import Classification


class CircuitBreaker:
    """Remembers what could not be reached.

    A single endpoint is given up when a call to it failed for good without ever connecting. A whole region is given up when
    a connection timed out and nothing in it has answered yet.
    """

    def __init__(self) -> None:
        """All is thought to be well."""
        self._endpoints: dict[tuple[str, str], Classification] = {}
        self._regions: dict[str, Classification] = {}
        self._alive: set[str] = set()

    def refuses(self, client: str, region: str) -> Classification | None:
        """Why a call would be in vain, if it would."""
        return self._regions.get(region) or self._endpoints.get((client, region))

    def answered(self, region: str) -> None:
        """Something in the region answered, well or not."""
        self._alive.add(region)

    def unreachable(self, client: str, region: str, meaning: Classification) -> None:
        """A call failed for good without connecting."""
        self._endpoints[client, region] = meaning
        if region not in self._alive and meaning.code == "ConnectTimeoutError":
            self._regions[region] = meaning
