"""How a resource pattern reaches a collected entity: by the entity's own ARN, or by the ARN of a child resource."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from collector.analysis import authorization
from collector.analysis.actions import Masks, union
from collector.analysis.arntypes import ANY_NAME, NAMEABLE, ChildResource, Reference
from collector.analysis.authorization import Form
from collector.analysis.globs import OPEN_END, intersects


@dataclass(frozen=True, slots=True, eq=False)
class ArnScope:
    """One kind of ARN that grants access to entities of a type, and the actions that can be allowed on such ARNs.

    For the entity's own ARN, `separator` is empty. For child resources, the resource part consists of the entity's name (`depth`
    parts between separators), a separator, and `remainder`.
    """

    services: tuple[str, ...]
    masks: Masks
    separator: str = ""
    depth: int = 0
    remainder: str = ""
    suffix: str = ""
    prefix: str = ""

    @property
    def other_service(self) -> bool:
        """Whether the child ARNs belong to another service; they contain the account id, the entity's own ARN does not."""
        return self.prefix != ""

    def parents(self, tail: str) -> tuple[str, ...]:
        """Return the patterns for the names of the entities that `tail`, a pattern for the resource part of an ARN, reaches.

        The part of a pattern that names child resources is cut off. If `tail` has too few separators, it reaches child
        resources only if it ends with `*`. The objects `*-logs/*` are therefore those of the buckets `*-logs`, although
        the `*` of IAM also matches slashes.
        """
        if not self.separator:
            return (tail, tail[: -len(self.suffix)]) if self.suffix and tail.endswith(self.suffix) else (tail,)
        parts = tail.split(self.separator)
        if len(parts) > self.depth:
            reached = intersects(self.separator.join(parts[self.depth :]), self.remainder)
            return (self.prefix + self.separator.join(parts[: self.depth]),) if reached else ()
        return (self.prefix + tail,) if tail.endswith("*") else ()

    def texts(self, arn: str, owner: str) -> tuple[str, ...]:
        """Return the texts of which a pattern must match one to cover the entity, or all of its child resources."""
        if not self.separator:
            return (arn, arn + self.suffix.replace("*", OPEN_END)) if self.suffix else (arn,)
        if self.other_service:
            arn = _with_service(arn, self.services[0], owner, self.prefix)
        return (arn + self.separator + self.remainder.replace(ANY_NAME, OPEN_END),)


@dataclass(frozen=True, slots=True, eq=False)
class ArnType:
    """A collected type that has ARNs; the first of its scopes is the entity itself.

    `forms` are the forms of its ARNs. `colons` is true if the resource part of one of them contains a colon.
    """

    type: str
    scopes: tuple[ArnScope, ...]
    forms: tuple[Form, ...]
    colons: bool

    @property
    def without_account(self) -> bool:
        """Whether the account segment of its ARNs is empty."""
        return self.forms[0].account == ""

    def can_start_with(self, start: str) -> bool:
        """Whether the resource part of an ARN of this type can begin with `start`."""
        for form in self.forms:  # noqa: SIM110 - hot path: called for each pattern and type
            if start.startswith(form.prefix) or form.prefix.startswith(start):
                return True
        return False


@cache
def arn_type(type_: str) -> ArnType | None:
    """Return the ARNs of a collected type, or None if policies cannot name the type."""
    nameable = NAMEABLE.get(type_)
    if nameable is None:
        return None
    forms = _forms(nameable.own)
    services = tuple(dict.fromkeys(form.split(":", 3)[2] for form in forms))
    own = ArnScope(services, union(map(authorization.masks_of, forms)), suffix=nameable.suffix)
    children = [_child_scope(forms[0], own, child) for child in nameable.children]
    shapes = tuple(map(authorization.shape, forms))
    return ArnType(type_, (own, *children), shapes, any(":" in form.split(":", 5)[5] for form in forms))


@cache
def scopes_in(arn_service: str) -> tuple[tuple[ArnType, ArnScope], ...]:
    """Return the scopes of all collected types that ARNs of a service can reach, each with its type."""
    types = filter(None, map(arn_type, NAMEABLE))
    return tuple((kind, scope) for kind in types for scope in kind.scopes if arn_service in scope.services)


def _child_scope(form: str, own: ArnScope, child: ChildResource) -> ArnScope:
    forms = _forms(child.types)
    masks = [*map(authorization.masks_of, forms), *([own.masks] if child.own else [])]
    resource = form.split(":", 5)[5]
    return ArnScope(
        services=(child.service,) if child.service else own.services,
        masks=union(masks),
        separator=child.separator,
        depth=1 if child.prefix else resource.count(child.separator) + 1,
        remainder=child.remainder or forms[0].split(":", 5)[5][len(resource) + 1 :].replace("{}", ANY_NAME),
        prefix=child.prefix,
    )


def _forms(references: tuple[Reference, ...]) -> list[str]:
    return [form for service, name in references for form in authorization.forms_of(service, name)]


def _with_service(arn: str, service: str, owner: str, prefix: str) -> str:
    """Return the ARN under another service, with the account id inserted and the prefix of the resource part removed."""
    _, partition, _, region, _, resource = arn.split(":", 5)
    return f"arn:{partition}:{service}:{region}:{owner}:{resource[len(prefix) :]}"
