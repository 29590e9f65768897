"""Plans: what a shape of botocore's model says about reading a value, worked out once instead of at every value.

botocore walks shape and value together and asks the shape the same questions for each of them.  A compiler here asks once
per shape and leaves a closure that only reads.  Plans are written for bodies as AWS sends them; whatever is odd makes a plan
raise one of ``ODD``, and the body is then given to botocore's own parser, whose word is final.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

Plan = Callable[[Any], Any]
"""Reads one value of a body: an XML element, or what the JSON reader made of it."""

# As botocore.parsers.ResponseParser.KNOWN_LOCATIONS: members that stand outside the body.
OUTSIDE_BODY = frozenset({"header", "headers", "statusCode"})


class UnplannedError(ValueError):
    """The body has a form that the plan leaves to botocore."""


ODD = (ArithmeticError, AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError)
"""What a plan, or botocore's own code, raises over a value that is not as its shape says."""


def unplanned(_value: object) -> Any:
    """The plan of what no AWS answer in use has: leave the body to botocore."""
    raise UnplannedError


class Compiler(ABC):
    """Compiles the shapes of one service model into plans.

    A shape's name and whether it is flattened decide its plan: all other traits of a member (``location``,
    ``locationName``, ``xmlAttribute``) concern the structure that holds it.
    """

    def __init__(self) -> None:
        self._plans: dict[tuple[str, bool], Plan | None] = {}

    def compile(self, shape: Any) -> Plan | None:
        """The plan of ``shape``, or None when its values are taken as they are."""
        key = (shape.name, bool(shape.serialization.get("flattened")))
        if key not in self._plans:
            # Found by a shape that holds itself, while its plan is still being built.
            self._plans[key] = lambda value: self._read(key, value)
            self._plans[key] = self._build(shape)
        return self._plans[key]

    def _read(self, key: tuple[str, bool], value: Any) -> Any:
        plan = self._plans[key]
        return value if plan is None else plan(value)

    @abstractmethod
    def _build(self, shape: Any) -> Plan | None:
        """The plan of a shape that was not met before."""


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """How the body of one operation's answers is read."""

    read: Plan
    payload: str | None
    """The member that the whole body is, in the REST protocols."""
    wrapper: str | None
    """The element below the root that holds the members, in the query protocol."""
    has_body: bool
    """Whether any member is read from the body; if so, an empty body is no answer."""


class OutputPlans:
    """The plans of output shapes, each compiled when first asked for.

    An output shape lives as long as its client's service model and its plan as long as the shape, so many short-lived
    clients leave nothing behind.
    """

    def __init__(self, compiler: Callable[[], Compiler]) -> None:
        self._compiler = compiler
        self._plans: WeakKeyDictionary[Any, OutputPlan | None] = WeakKeyDictionary()

    def of(self, shape: Any) -> OutputPlan | None:
        """The plan of an output shape, or None where botocore must read: streams, and bodies that are one raw value."""
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
            read=self._compiler().compile(body) or unplanned,
            payload=payload,
            wrapper=shape.serialization.get("resultWrapper"),
            has_body=any(member.serialization.get("location") not in OUTSIDE_BODY for member in members),
        )
