"""Plans for XML bodies, which read the elements that ElementTree's C parser builds.

Members of a structure are in the order of the body; botocore returns them in the order of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from xml.etree.ElementTree import ParseError, XMLParser

from botocore.parsers import ResponseParserError

from collector.aws.parsers.plans import OUTSIDE_BODY, Compiler, FallbackError, Plan, fall_back, or_unreadable
from collector.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from xml.etree.ElementTree import Element

    Gather = Callable[[dict[str, Any], Element], None]
    """Adds one element of a flattened list or map to its structure."""

T = TypeVar("T")


class _ByTag(dict[str, T], Generic[T]):
    """Values keyed by element tag; a tag with a namespace is looked up by its local name and then cached."""

    def __missing__(self, tag: str) -> T | None:
        found = self.get(local_name(tag))
        if found is not None:
            self[tag] = found
        return found


class _Member(NamedTuple):
    name: str
    read: Plan | None
    """None for a string, which the structure's plan reads inline."""
    gather: Gather | None


def read_xml(body: bytes) -> Element:
    """The root element of an XML body, read as botocore reads it.

    Raises:
        ResponseParserError: if the body is empty, not XML, or an HTML page, as proxies return.
    """
    # Safe: expat itself rejects entities that expand exponentially.
    parser = XMLParser(encoding="utf-8")  # noqa: S314
    try:
        parser.feed(body)
        root = parser.close()
    except ParseError as error:
        # Does not quote the body, as botocore's messages do: it may be megabytes.
        raise ResponseParserError(f"Invalid XML in a successful response of {len(body)} bytes: {error}") from error
    if local_name(root.tag).lower() == "html":
        raise ResponseParserError(f"HTML page in a successful response of {len(body)} bytes")
    return root


def local_name(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


def child_named(root: Element, name: str) -> Element:
    """The first child with the given local name.  Raises ``FallbackError`` if there is none."""
    for child in root:
        if local_name(child.tag) == name:
            return child
    raise FallbackError


def _text(node: Element) -> str:
    return node.text or ""


def _integer(node: Element) -> int | Unreadable:
    text = node.text or ""
    try:
        return int(text)
    except ValueError:
        return Unreadable(text)


def _real(node: Element) -> float | Unreadable:
    text = node.text or ""
    try:
        return float(text)
    except ValueError:
        return Unreadable(text)


class XmlCompiler(Compiler):
    """Plans for the ``query``, ``ec2`` and ``rest-xml`` protocols."""

    def __init__(self, timestamp: Plan, blob: Plan) -> None:
        super().__init__()
        readable_blob = or_unreadable(blob)
        self._scalars: Mapping[str, Plan] = {
            "string": _text,
            "character": _text,
            "boolean": lambda node: node.text == "true",
            "integer": _integer,
            "long": _integer,
            "float": _real,
            "double": _real,
            "timestamp": lambda node: timestamp(node.text or ""),
            "blob": lambda node: readable_blob(node.text or ""),
        }

    def _build(self, shape: Any) -> Plan:
        flattened = shape.serialization.get("flattened")
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                item = self._plan(shape.member)
                # botocore reads a flattened list outside a structure as a single item.
                return (lambda node: [item(node)]) if flattened else _list(item)
            case "map":
                add = _add_pair(shape, self._plan(shape.key), self._plan(shape.value))
                return _map(add, lambda node: (node,)) if flattened else _map(add, iter)
            case scalar:
                return self._scalars.get(scalar, fall_back)

    def _plan(self, shape: Any) -> Plan:
        return self.compile(shape) or fall_back

    def _structure(self, shape: Any) -> Plan:
        if shape.metadata.get("exception"):
            return fall_back
        members: _ByTag[_Member | None] = _ByTag()
        for name, member in shape.members.items():
            serialization = member.serialization
            if serialization.get("location") in OUTSIDE_BODY or serialization.get("eventheader"):
                continue
            tag = _tag(member, name)
            # Two members may share an element, as in S3's deprecated notification configurations.
            members[tag] = _Member(name, fall_back, None) if tag in members else self._member(member, name)
        read = _structure(members)
        if shape.is_tagged_union:
            names = frozenset(member.serialization.get("name", name) for name, member in shape.members.items())
            return _union(read, names)
        attributes = {
            name: member.serialization["name"]
            for name, member in shape.members.items()
            if member.serialization.get("xmlAttribute")
        }
        return _with_attributes(read, attributes) if attributes else read

    def _member(self, shape: Any, name: str) -> _Member:
        gather: Gather | None = None
        read = self._plan(shape)
        if shape.serialization.get("flattened"):
            if shape.type_name == "list":
                gather = _gather_list(name, self._plan(shape.member))
            elif shape.type_name == "map":
                gather = _gather_map(name, _add_pair(shape, self._plan(shape.key), self._plan(shape.value)))
        return _Member(name, None if read is _text else read, gather)


def _tag(shape: Any, name: str) -> str:
    """The tag of a member, as in ``botocore.parsers.BaseXMLResponseParser._member_key_name``."""
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        item: str | None = shape.member.serialization.get("name")
        if item is not None:
            return item
    tag: str = shape.serialization.get("name", name)
    return tag


def _structure(members: _ByTag[_Member | None]) -> Plan:
    def read(node: Element) -> dict[str, Any]:
        parsed: dict[str, Any] = {}
        for child in node:
            member = members[child.tag]
            if member is None:
                continue
            name, plan, gather = member
            if gather is not None:
                gather(parsed, child)
            elif name in parsed:
                raise FallbackError  # a single-valued member occurs twice
            else:
                parsed[name] = (child.text or "") if plan is None else plan(child)
        return parsed

    return read


def _with_attributes(read: Plan, attributes: Mapping[str, str]) -> Plan:
    """Like ``read``, plus the members in attributes of the element, such as ``xsi:type`` of S3's grantees."""
    # Like botocore, this ignores the actual namespace of an attribute and assumes the prefix of the model.
    expected = [(name, attribute, attribute.split(":")[0] + ":") for name, attribute in attributes.items()]

    def read_with_attributes(node: Element) -> dict[str, Any]:
        parsed: dict[str, Any] = read(node)
        for name, attribute, prefix in expected:
            if name not in parsed:
                for key, value in node.attrib.items():
                    if attribute == (prefix + local_name(key) if "}" in key else key):
                        parsed[name] = value
        return parsed

    return read_with_attributes


def _union(read: Plan, members: frozenset[str]) -> Plan:
    """Like ``read``, but falls back to botocore unless the union has exactly one member and the model has it."""

    def read_union(node: Element) -> Any:
        present = {local_name(child.tag) for child in node}
        if len(present) != 1 or not present <= members:
            raise FallbackError
        return read(node)

    return read_union


def _list(item: Plan) -> Plan:
    if item is _text:
        return lambda node: [child.text or "" for child in node]
    return lambda node: [item(child) for child in node]


def _gather_list(name: str, item: Plan) -> Gather:
    def gather(parsed: dict[str, Any], node: Element) -> None:
        parsed.setdefault(name, []).append(item(node))

    return gather


def _gather_map(name: str, add: Gather) -> Gather:
    return lambda parsed, node: add(parsed.setdefault(name, {}), node)


def _map(add: Gather, pairs: Callable[[Element], Iterable[Element]]) -> Plan:
    def read(node: Element) -> dict[str, Any]:
        parsed: dict[str, Any] = {}
        for pair in pairs(node):
            add(parsed, pair)
        return parsed

    return read


def _add_pair(shape: Any, key: Plan, value: Plan) -> Gather:
    """Adds one entry to a map; falls back to botocore unless its elements are exactly one key and one value."""
    is_key: _ByTag[bool | None] = _ByTag()
    is_key[shape.key.serialization.get("name") or "key"] = True
    is_key[shape.value.serialization.get("name") or "value"] = False

    def add(parsed: dict[str, Any], node: Element) -> None:
        first, second = node
        kinds = is_key[first.tag], is_key[second.tag]
        if kinds == (True, False):
            parsed[key(first)] = value(second)
        elif kinds == (False, True):
            parsed[key(second)] = value(first)
        else:
            raise FallbackError

    return add
