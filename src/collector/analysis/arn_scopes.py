"""How a resource pattern reaches a collected entity: by its own name, or by the name of what lies below it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from collector.analysis import authorization
from collector.analysis.actions import Masks, union
from collector.analysis.arntypes import NAMEABLE, SOMETHING, ChildResource, Reference
from collector.analysis.globs import OPEN_END, intersects

if TYPE_CHECKING:
    from collector.analysis.authorization import Form


@dataclass(frozen=True, slots=True, eq=False)
class ArnScope:
    """One way to reach entities of a type, and the actions that can be allowed in that way.

    For the entity itself `separator` is empty. For what lies below, the name is the entity's, `depth` parts between
    separators, then a `remainder`.
    """

    services: tuple[str, ...]
    masks: Masks
    separator: str = ""
    depth: int = 0
    remainder: str = ""
    suffix: str = ""
    prefix: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether the ARNs below the entity are ARNs of another service, with the account that the entity's has not."""
        return self.prefix != ""

    def parents(self, tail: str) -> tuple[str, ...]:
        """Patterns for the names of the entities that a pattern for the resource part of an ARN reaches in this way.

        A pattern for what lies below is cut in front of it. Without a separator only a `*` at its end reaches below. So the
        objects `*-logs/*` are those of the buckets `*-logs`, though IAM's `*` would also take in the slash of another one.
        """
        if not self.separator:
            return (tail, tail[: -len(self.suffix)]) if self.suffix and tail.endswith(self.suffix) else (tail,)
        parts = tail.split(self.separator)
        if len(parts) > self.depth:
            below = self.separator.join(parts[self.depth :])
            found = intersects(below, self.remainder)
            return (self.prefix + self.separator.join(parts[: self.depth]),) if found else ()
        return (self.prefix + tail,) if tail.endswith("*") else ()

    def texts(self, arn: str, owner: str) -> tuple[str, ...]:
        """What a pattern must match, one of these, to take in an entity, or all that lies below it, in this way."""
        if not self.separator:
            return (arn, arn + self.suffix.replace("*", OPEN_END)) if self.suffix else (arn,)
        if self.elsewhere:
            arn = _moved(arn, self.services[0], owner, self.prefix)
        return (arn + self.separator + self.remainder.replace(SOMETHING, OPEN_END),)


@dataclass(frozen=True, slots=True, eq=False)
class ArnType:
    """A collected type that policies can name; the first scope is the entity itself.

    `forms` are those of its ARNs; `colons` says whether their resource parts hold colons.
    """

    type: str
    scopes: tuple[ArnScope, ...]
    forms: tuple[Form, ...]
    colons: bool

    @property
    def bare(self) -> bool:
        """Whether its ARNs leave the account out."""
        return self.forms[0].account == ""

    def can_be(self, start: str) -> bool:
        """Whether a resource part that begins with `start` can be one of this type."""
        for form in self.forms:  # noqa: SIM110 - asked for each pattern and type
            if start.startswith(form.prefix) or form.prefix.startswith(start):
                return True
        return False


@cache
def arn_type(type_: str) -> ArnType | None:
    """How policies name a collected type; None if no ARN of a policy can."""
    nameable = NAMEABLE.get(type_)
    if nameable is None:
        return None
    forms = _forms(nameable.own)
    own = ArnScope(_services(forms), union(map(authorization.masks_of, forms)), suffix=nameable.suffix)
    below = [_below(forms[0], own, one) for one in nameable.below]
    shapes = tuple(map(authorization.shape, forms))
    return ArnType(type_, (own, *below), shapes, any(":" in form.split(":", 5)[5] for form in forms))


@cache
def named_in(arn_service: str) -> tuple[tuple[ArnType, ArnScope], ...]:
    """The collected types that ARNs of a service reach, with each way in which they do."""
    every = filter(None, map(arn_type, NAMEABLE))
    return tuple((one, scope) for one in every for scope in one.scopes if arn_service in scope.services)


def _below(form: str, own: ArnScope, below: ChildResource) -> ArnScope:
    forms = _forms(below.types)
    masks = [*map(authorization.masks_of, forms), *([own.masks] if below.own else [])]
    resource = form.split(":", 5)[5]
    return ArnScope(
        services=(below.service,) if below.service else own.services,
        masks=union(masks),
        separator=below.separator,
        depth=1 if below.prefix else resource.count(below.separator) + 1,
        remainder=below.remainder or forms[0].split(":", 5)[5][len(resource) + 1 :].replace("{}", SOMETHING),
        prefix=below.prefix,
    )


def _forms(references: tuple[Reference, ...]) -> list[str]:
    return [form for service, name in references for form in authorization.forms_of(service, name)]


def _services(forms: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form.split(":", 3)[2] for form in forms))


def _moved(arn: str, service: str, owner: str, prefix: str) -> str:
    """The ARN of the same thing under another service, which writes the account and leaves the prefix out."""
    _, partition, _, region, _, resource = arn.split(":", 5)
    return f"arn:{partition}:{service}:{region}:{owner}:{resource[len(prefix) :]}"
