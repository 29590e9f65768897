"""What a bench may ask of the server while it runs: slow answers, throttles, failures, figures."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .answers import AwsError
from .estate import Place
from .faults import Bucket, failure, throttle
from .routes import Operation


@dataclass(slots=True)
class _Throttle:
    pattern: str
    rate: float
    burst: float
    apart: bool
    buckets: dict[tuple[str, str, str], Bucket] = field(default_factory=dict)

    def lets_through(self, operation: Operation, place: Place) -> bool:
        key = (place.account, place.region, operation.label if self.apart else "")
        bucket = self.buckets.get(key)
        if bucket is None:
            bucket = self.buckets[key] = Bucket(self.rate, self.burst)
        return bucket.take()


class Controls:
    """The rules in force and the figures of the whole server."""

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
        """Whether no rule can turn an answer into an error."""
        return not self._throttles and not self._failing[1]

    def count(self, operation: Operation) -> None:
        """Counts one call."""
        self.requests += 1
        if not operation.calls:
            self._called.append(operation)
        operation.calls += 1

    def check(self, operation: Operation, place: Place) -> None:
        """Counts and raises the error that a rule makes of this call, if any does."""
        for rule in self._throttles:
            if fnmatchcase(operation.label, rule.pattern) and not rule.lets_through(operation, place):
                operation.throttles += 1
                raise throttle(operation)
        pattern, chance = self._failing
        if chance and fnmatchcase(operation.label, pattern) and self._random.random() < chance:
            operation.errors += 1
            raise failure(operation)

    def obey(self, told: Mapping[str, str]) -> None:
        """Changes the rules, as the query of a control request tells.

        ``delay=0.05``; ``throttle=ec2:Describe*&rate=20&burst=100`` (one bucket for what the pattern matches, in each
        account and region; ``apart=1`` for one of each operation); ``errors=0.1&pattern=*&seed=7``; ``clear=1`` drops
        all rules; ``reset=1`` sets the figures to zero and fills the buckets.

        Raises:
            AwsError: something told is not known, or not a number.
        """
        known = {"delay", "throttle", "rate", "burst", "apart", "errors", "pattern", "seed", "clear", "reset"}
        if unknown := sorted(told.keys() - known):
            raise AwsError("UnknownControl", ", ".join(unknown))
        try:
            self._change(told)
        except ValueError as error:
            raise AwsError("InvalidControl", str(error)) from None
        if told.get("reset", "0") != "0":
            self._reset()

    def _change(self, told: Mapping[str, str]) -> None:
        if told.get("clear", "0") != "0":
            self.delay, self._failing = 0.0, ("*", 0.0)
            self._throttles.clear()
        self.delay = float(told.get("delay", self.delay))
        if "throttle" in told:
            rate = float(told.get("rate", 1))
            rule = _Throttle(told["throttle"], rate, float(told.get("burst", rate)), told.get("apart", "0") != "0")
            self._throttles = [known for known in self._throttles if known.pattern != rule.pattern] + [rule]
        if "errors" in told:
            self._failing = (told.get("pattern", "*"), float(told["errors"]))
            self._random = random.Random(int(told.get("seed", 0)))

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
        """What ``/__stats`` answers; ``cpu`` is the server's own seconds since the last reset."""
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
