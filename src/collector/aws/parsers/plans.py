"""Plans: readers compiled from the shapes of botocore's models.

botocore interprets the shape anew for each value that it parses.  A compiler interprets each shape once and returns a
closure that only reads.  Plans are written for bodies as AWS sends them; on an unexpected body a plan raises one of
``MISMATCH_ERRORS``, and botocore's own parser then decides.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from collector.model import Unreadable

Plan = Callable[[Any], Any]
"""Reads one value of a body: an XML element, or a decoded JSON value."""

# Locations of members outside the body, as in botocore.parsers.ResponseParser.KNOWN_LOCATIONS.
OUTSIDE_BODY = frozenset({"header", "headers", "statusCode"})


class FallbackError(ValueError):
    """The plan does not support this body: botocore has to parse it."""


MISMATCH_ERRORS = (ArithmeticError, AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError)
"""Exceptions that a plan, or botocore's own code, raises for a value that does not match its shape."""


def or_unreadable(convert: Plan) -> Plan:
    """A plan of scalars: a value that is not of its type becomes ``Unreadable``, and costs nothing but itself."""

    def read(value: Any) -> Any:
        try:
            return convert(value)
        except (ArithmeticError, TypeError, ValueError):
            return Unreadable(str(value or ""))

    return read


def fall_back(_value: object) -> Any:
    """The plan of a shape that no response in use has: always raises ``FallbackError``."""
    raise FallbackError


class Compiler(ABC):
    """Compiles the shapes of one service model into plans.

    A plan depends only on the name of the shape and on whether it is flattened: the other traits of a member
    (``location``, ``locationName``, ``xmlAttribute``) concern the enclosing structure.
    """

    def __init__(self) -> None:
        self._plans: dict[tuple[str, bool], Plan | None] = {}

    def compile(self, shape: Any) -> Plan | None:
        """The plan of ``shape``, or None if its values need no conversion."""
        key = (shape.name, bool(shape.serialization.get("flattened")))
        if key not in self._plans:
            # Placeholder for recursive shapes, which look it up while their plan is being built.
            self._plans[key] = lambda value: self._read(key, value)
            self._plans[key] = self._build(shape)
        return self._plans[key]

    def _read(self, key: tuple[str, bool], value: Any) -> Any:
        plan = self._plans[key]
        return value if plan is None else plan(value)

    @abstractmethod
    def _build(self, shape: Any) -> Plan | None:
        """Build the plan of a shape that is not cached."""


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """How to read the bodies of one operation's successful responses."""

    read: Plan
    payload: str | None
    """REST protocols: the member that the whole body represents."""
    wrapper: str | None
    """Query protocol: the element below the root that contains the members."""
    has_body: bool
    """Whether any member is read from the body; if so, an empty body is invalid."""


class OutputPlans:
    """The plans of output shapes, compiled on first use.

    Plans are keyed weakly by shape, which lives as long as its client's model: short-lived clients do not leak plans.
    """

    def __init__(self, compiler: Callable[[], Compiler]) -> None:
        self._compiler = compiler
        self._plans: WeakKeyDictionary[Any, OutputPlan | None] = WeakKeyDictionary()

    def of(self, shape: Any) -> OutputPlan | None:
        """The plan of an output shape; None if botocore has to parse it (streams, and bodies of one raw value)."""
        try:
            return self._plans[shape]
        except KeyError:
            plan = self._plans[shape] = self._compile(shape)
            return plan

    def _compile(self, shape: Any) -> OutputPlan | None:
        payload = shape.serialization.get("payload")
        body = shape if payload is None else shape.members[payload]
        if body.type_name != "structure" or body.serialization.get("eventstream") or shape.event_stream_name:
            return None
        members = shape.members.values()
        return OutputPlan(
            read=self._compiler().compile(body) or fall_back,
            payload=payload,
            wrapper=shape.serialization.get("resultWrapper"),
            has_body=any(member.serialization.get("location") not in OUTSIDE_BODY for member in members),
        )
