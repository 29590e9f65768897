"""Registers the handlers of operations, and paginates their lists."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import wire
from .estate import Place
from .ids import basics

Params: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Place, Params], str]
Row: TypeAlias = Callable[[Place, int], str]
Fields: TypeAlias = Callable[[Place, int], Mapping[str, str]]
Numbers: TypeAlias = Callable[[Place, Params], Sequence[int]]

HANDLERS: dict[tuple[str, str], Handler] = {}


class AwsError(Exception):
    """An AWS error: its code, its message, its HTTP status."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message or f"{code} (canned)"
        self.status = status


def answers(service: str, *names: str) -> Callable[[Handler], Handler]:
    """Registers a function as the handler of these operations of the service."""

    def register(handler: Handler) -> Handler:
        for name in names:
            wire.operation(service, name)
            HANDLERS[service, name] = handler
        return handler

    return register


def constant(service: str, name: str, value: Mapping[str, Any]) -> None:
    """Answers the operation with the same value everywhere, except for the placeholders of the place."""
    text = wire.body(service, name, value)
    answers(service, name)(lambda place, _: place.fill(text))


@dataclass(frozen=True, slots=True)
class Paging:
    """The pagination of an operation: parameter names, and the default and maximum page size.

    `size` and `token` are parameters; `answer` is the path of the next token in the response, `more` that of its
    IsTruncated flag. A page size above `maximum` is reduced with `clamp`, and an error otherwise, as AWS does.
    """

    size: str = "MaxResults"
    token: str = "NextToken"
    answer: str = "NextToken"
    default: int = 1000
    maximum: int = 1000
    more: str = ""
    clamp: bool = False

    def bounds(self, place: Place, name: str, params: Params) -> tuple[int, int]:
        """The first row and the number of rows of the requested page."""
        size = int(params.get(self.size) or self.default) if self.size else self.default
        if size > self.maximum:
            if not self.clamp:
                raise AwsError("InvalidParameterValue", f"Value ({size}) for parameter {self.size} is invalid.")
            size = self.maximum
        token = params.get(self.token)
        return (start_of(place, name, token) if token else 0), size


UNPAGED = Paging("", "", "", default=1_000_000_000, maximum=1_000_000_000)


def token_of(place: Place, name: str, start: int) -> str:
    """A token for the page that begins at row `start`. It is Base64, so that callers must encode it correctly."""
    return b64encode(f"{place.here}/{name}/{start}?>".encode()).decode()


def start_of(place: Place, name: str, token: str) -> int:
    """The first row of the page of that token.

    Raises:
        AwsError: The token was not issued by this operation in this place.
    """
    try:
        here, owner, start = b64decode(token, validate=True).decode().removesuffix("?>").split("/")
    except ValueError:
        here = owner = start = ""
    if (here, owner) != (place.here, name):
        raise AwsError("InvalidNextToken", "The token is not valid.")
    return int(start)


def listing(
    service: str, name: str, items: str, row: Row, numbers: Numbers, paging: Paging | None = None, **extra: Any
) -> None:
    """Answers the operation with pages of rows; ``items`` is the path of the list in the response.

    ``extra`` are further members of the response, with ``__`` for a dot in their path. They may have the placeholders
    ``count`` (number of rows) and ``size`` (page size).
    """
    paging = paging or Paging()
    base = {items: "%(rows)s", **{key.replace("__", "."): value for key, value in extra.items()}}
    flag = {paging.more: True} if paging.more else {}
    token = {paging.answer: "%(token)s"} if paging.answer else {}
    middle = wire.body(service, name, _nested({**base, **flag, **token}))
    last = wire.body(service, name, _nested({**base, **dict.fromkeys(flag, False)}))
    joint = "," if "json" in wire.model(service).protocol else ""

    @answers(service, name)
    def page(place: Place, params: Params) -> str:
        start, size = paging.bounds(place, name, params)
        selected = numbers(place, params)
        current = selected[start : start + size]
        rows = joint.join([row(place, number) for number in current])
        fields = {"rows": rows, "count": str(len(current)), "size": str(size)}
        if start + size < len(selected):
            fields["token"] = token_of(place, name, start + size)
            return place.fill(middle, fields)
        return place.fill(last, fields)


def inventory(
    service: str, name: str, items: str, kind: str, value: Any, paging: Paging | None = None, fields: Fields = basics
) -> None:
    """Answers the operation with all resources of a type, which share one template."""
    listing(service, name, items, shaped(service, name, items, value, fields), every(kind), paging)


def shaped(service: str, name: str, items: str, value: Any, fields: Fields = basics) -> Row:
    """Rows that share one template."""
    text = wire.row(service, name, items, value)
    return lambda place, number: place.fill(text, fields(place, number))


def varied(
    service: str, name: str, items: str, shapes: Mapping[Any, Any], which: Callable[[Place, int], Any], fields: Fields
) -> Row:
    """Rows of different shapes; ``which`` returns the key of a row's shape."""
    texts = {key: wire.row(service, name, items, value) for key, value in shapes.items()}
    return lambda place, number: place.fill(texts[which(place, number)], fields(place, number))


def detail(
    service: str, name: str, parameter: str, kind: str, value: Any, missing: str, fields: Fields = basics
) -> None:
    """Answers the operation about one resource, identified by a parameter whose value ends with its number."""
    text = wire.body(service, name, value)

    @answers(service, name)
    def one(place: Place, params: Params) -> str:
        return place.fill(text, fields(place, named(place, params[parameter], kind, missing)))


def named(place: Place, name: str, kind: str, missing: str) -> int:
    """The number of the resource of that name.

    Raises:
        AwsError: There is none; its code is ``missing``.
    """
    return one_of(place, name, place.n[kind], missing)


def one_of(place: Place, name: str, count: int, missing: str) -> int:
    """As ``named``, for a number of resources that is not the count of a type."""
    number = place.number(str(name), count)
    if number is None:
        raise AwsError(missing, f"{name} does not exist", 404 if missing.startswith(("NoSuch", "Resource")) else 400)
    return number


def every(kind: str) -> Numbers:
    """All resources of that type in the place."""
    return lambda place, _: range(place.n[kind])


def values(params: Params, name: str) -> list[Any]:
    """The values of a list parameter: ``InstanceId.1``, ``Names.member.1``, or a list in JSON."""
    listed = params.get(name)
    if listed is not None:
        return list(listed)
    return [value for key, value in params.items() if key.startswith(f"{name}.")]


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *owners, leaf = path.split(".")
        node = tree
        for owner in owners:
            node = node.setdefault(owner, {})
        node[leaf] = value
    return tree
