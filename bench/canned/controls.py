"""Controls of the running server: delays, throttles, failures, statistics."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .answers import AwsError
from .estate import Place
from .faults import TokenBucket, failure, throttle
from .routes import Operation


@dataclass(slots=True)
class _Throttle:
    pattern: str
    rate: float
    burst: float
    apart: bool
    buckets: dict[tuple[str, str, str], TokenBucket] = field(default_factory=dict)

    def lets_through(self, operation: Operation, place: Place) -> bool:
        key = (place.account, place.region, operation.label if self.apart else "")
        bucket = self.buckets.get(key)
        if bucket is None:
            bucket = self.buckets[key] = TokenBucket(self.rate, self.burst)
        return bucket.take()


class Controls:
    """The current rules and the statistics of the server."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.connections = self.connected = self.most_connected = 0
        self.requests = self.bytes = self.hits = 0
        self._called: list[Operation] = []
        self._throttles: list[_Throttle] = []
        self._failing: tuple[str, float] = ("*", 0.0)
        self._random = random.Random(0)
        self._since = time.process_time()

    @property
    def quiet(self) -> bool:
        """Whether no rule can turn a response into an error."""
        return not self._throttles and not self._failing[1]

    def count(self, operation: Operation) -> None:
        """Counts one call."""
        self.requests += 1
        if not operation.calls:
            self._called.append(operation)
        operation.calls += 1

    def check(self, operation: Operation, place: Place) -> None:
        """Raises the error of the first rule that applies to this call, and counts it."""
        for rule in self._throttles:
            if fnmatchcase(operation.label, rule.pattern) and not rule.lets_through(operation, place):
                operation.throttles += 1
                raise throttle(operation)
        pattern, chance = self._failing
        if chance and fnmatchcase(operation.label, pattern) and self._random.random() < chance:
            operation.errors += 1
            raise failure(operation)

    def change(self, options: Mapping[str, str]) -> None:
        """Changes the rules according to the query of a control request.

        ``delay=0.05`` delays every response by that many seconds. ``throttle=ec2:Describe*&rate=20&burst=100`` adds a
        token bucket for each account and region, shared by all matching operations (``apart=1``: one for each
        operation). ``errors=0.1&pattern=*&seed=7`` makes a share of calls fail. ``clear=1`` drops all rules.
        ``reset=1`` zeroes the statistics and fills the buckets.

        Raises:
            AwsError: An option is unknown or not a number.
        """
        names = {"delay", "throttle", "rate", "burst", "apart", "errors", "pattern", "seed", "clear", "reset"}
        if unknown := sorted(options.keys() - names):
            raise AwsError("UnknownControl", ", ".join(unknown))
        try:
            self._apply(options)
        except ValueError as error:
            raise AwsError("InvalidControl", str(error)) from None
        if options.get("reset", "0") != "0":
            self._reset()

    def _apply(self, options: Mapping[str, str]) -> None:
        if options.get("clear", "0") != "0":
            self.delay, self._failing = 0.0, ("*", 0.0)
            self._throttles.clear()
        self.delay = float(options.get("delay", self.delay))
        if "throttle" in options:
            rate = float(options.get("rate", 1))
            rule = _Throttle(
                options["throttle"], rate, float(options.get("burst", rate)), options.get("apart", "0") != "0"
            )
            self._throttles = [other for other in self._throttles if other.pattern != rule.pattern] + [rule]
        if "errors" in options:
            self._failing = (options.get("pattern", "*"), float(options["errors"]))
            self._random = random.Random(int(options.get("seed", 0)))

    def _reset(self) -> None:
        for operation in self._called:
            operation.calls = operation.throttles = operation.errors = 0
        self._called.clear()
        for rule in self._throttles:
            rule.buckets.clear()
        self.requests = self.bytes = self.hits = 0
        self.connections = self.most_connected = self.connected
        self._since = time.process_time()

    def figures(self) -> dict[str, object]:
        """The content of ``/__stats``; ``cpu`` is the server's processor time in seconds since the last reset."""
        return {
            "requests": self.requests,
            "calls": {op.label: op.calls for op in self._called},
            "throttles": {op.label: op.throttles for op in self._called if op.throttles},
            "errors": {op.label: op.errors for op in self._called if op.errors},
            "connections": self.connections,
            "connected": self.connected,
            "most_connected": self.most_connected,
            "bytes": self.bytes,
            "cached": self.hits,
            "cpu": time.process_time() - self._since,
        }
