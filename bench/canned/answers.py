"""The operations that the server knows, and how their lists page."""

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
Holes: TypeAlias = Callable[[Place, int], Mapping[str, str]]
Numbers: TypeAlias = Callable[[Place, Params], Sequence[int]]

HANDLERS: dict[tuple[str, str], Handler] = {}


class AwsError(Exception):
    """An error answer of AWS: its code, its message, its HTTP status."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message or f"{code} (canned)"
        self.status = status


def answers(service: str, *names: str) -> Callable[[Handler], Handler]:
    """Marks the function that answers these operations of the service."""

    def register(handler: Handler) -> Handler:
        for name in names:
            wire.operation(service, name)
            HANDLERS[service, name] = handler
        return handler

    return register


def constant(service: str, name: str, value: Mapping[str, Any]) -> None:
    """Answers the operation with the same value everywhere, but for the holes of the place."""
    text = wire.body(service, name, value)
    answers(service, name)(lambda place, _: place.fill(text))


@dataclass(frozen=True, slots=True)
class Paging:
    """What an operation calls its page size and its tokens, and how much it gives at once.

    ``most`` bounds what a caller may ask for; with ``cut`` more is cut to that, as some services do, else refused.
    ``more`` is where the answer says whether there is more.
    """

    size: str = "MaxResults"
    token: str = "NextToken"
    answer: str = "NextToken"
    usual: int = 1000
    most: int = 1000
    more: str = ""
    cut: bool = False

    def bounds(self, place: Place, name: str, params: Params) -> tuple[int, int]:
        """First row and number of rows that the request asks for."""
        size = int(params.get(self.size) or self.usual) if self.size else self.usual
        if size > self.most:
            if not self.cut:
                raise AwsError("InvalidParameterValue", f"Value ({size}) for parameter {self.size} is invalid.")
            size = self.most
        token = params.get(self.token)
        return (start_of(place, name, token) if token else 0), size


UNPAGED = Paging("", "", "", usual=1_000_000_000, most=1_000_000_000)


def token_of(place: Place, name: str, start: int) -> str:
    """A token for the page that begins there; it holds nowhere else. Base64, so that callers must encode it well."""
    return b64encode(f"{place.here}/{name}/{start}?>".encode()).decode()


def start_of(place: Place, name: str, token: str) -> int:
    """Where the page of that token begins.

    Raises:
        AwsError: the token is not one that this operation gave out in this place.
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
    """Answers the operation with pages of rows; ``items`` is where the list stands in the answer.

    ``extra`` are further members of the answer, written with ``__`` for a dot; they may hold ``rows``' ``count``
    and the page's ``size``.
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
        asked = numbers(place, params)
        given = asked[start : start + size]
        rows = joint.join([row(place, number) for number in given])
        holes = {"rows": rows, "count": str(len(given)), "size": str(size)}
        if start + size < len(asked):
            holes["token"] = token_of(place, name, start + size)
            return place.fill(middle, holes)
        return place.fill(last, holes)


def inventory(
    service: str, name: str, items: str, kind: str, value: Any, paging: Paging | None = None, holes: Holes = basics
) -> None:
    """Answers the operation with all resources of a type, all of one shape."""
    listing(service, name, items, shaped(service, name, items, value, holes), every(kind), paging)


def shaped(service: str, name: str, items: str, value: Any, holes: Holes = basics) -> Row:
    """Rows that all have one shape and differ in their holes."""
    text = wire.row(service, name, items, value)
    return lambda place, number: place.fill(text, holes(place, number))


def varied(
    service: str, name: str, items: str, shapes: Mapping[Any, Any], which: Callable[[Place, int], Any], holes: Holes
) -> Row:
    """Rows of several shapes; ``which`` says the shape of each."""
    texts = {key: wire.row(service, name, items, value) for key, value in shapes.items()}
    return lambda place, number: place.fill(texts[which(place, number)], holes(place, number))


def detail(service: str, name: str, parameter: str, kind: str, value: Any, missing: str, holes: Holes = basics) -> None:
    """Answers the operation about the one resource that a parameter names by something that ends with its number."""
    text = wire.body(service, name, value)

    @answers(service, name)
    def one(place: Place, params: Params) -> str:
        return place.fill(text, holes(place, named(place, params[parameter], kind, missing)))


def named(place: Place, name: str, kind: str, missing: str) -> int:
    """The number of the resource of that name.

    Raises:
        AwsError: with the code ``missing``; there is none.
    """
    return one_of(place, name, place.n[kind], missing)


def one_of(place: Place, name: str, count: int, missing: str) -> int:
    """As ``named``, for what is not a type of its own: one of so many."""
    number = place.number(str(name), count)
    if number is None:
        raise AwsError(missing, f"{name} does not exist", 404 if missing.startswith(("NoSuch", "Resource")) else 400)
    return number


def every(kind: str) -> Numbers:
    """All resources of that type in the place."""
    return lambda place, _: range(place.n[kind])


def values(params: Params, name: str) -> list[Any]:
    """The values of a list parameter: ``InstanceId.1``, ``Names.member.1``, or a list in JSON."""
    given = params.get(name)
    if given is not None:
        return list(given)
    return [value for key, value in params.items() if key.startswith(f"{name}.")]


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *owners, leaf = path.split(".")
        inside = tree
        for owner in owners:
            inside = inside.setdefault(owner, {})
        inside[leaf] = value
    return tree
