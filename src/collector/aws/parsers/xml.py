"""Plans for XML bodies, over the elements that ElementTree's C parser builds.

Members of a structure stand in the order of the body, where botocore puts them into the order of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from xml.etree.ElementTree import ParseError, XMLParser

from botocore.parsers import ResponseParserError

from collector.aws.parsers.plans import OUTSIDE_BODY, Compiler, Plan, UnplannedError, unplanned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from xml.etree.ElementTree import Element

    Gather = Callable[[dict[str, Any], Element], None]
    """Adds one element of a flattened list or map to its structure."""

T = TypeVar("T")


class _ByTag(dict[str, T], Generic[T]):
    """What belongs to an element, by its tag; asked once with a namespace, it knows the tag with it from then on."""

    def __missing__(self, tag: str) -> T | None:
        found = self.get(local_name(tag))
        if found is not None:
            self[tag] = found
        return found


class _Member(NamedTuple):
    name: str
    read: Plan | None
    """None for a text, which is read in place."""
    gather: Gather | None


def read_xml(body: bytes) -> Element:
    """The root element of an XML body, read as botocore reads it.

    Raises:
        ResponseParserError: the body is not XML, or empty, or a page of HTML: a proxy's, without any member that is known.
    """
    # Entities that expand without end are refused by expat itself.
    parser = XMLParser(encoding="utf-8")  # noqa: S314
    try:
        parser.feed(body)
        root = parser.close()
    except ParseError as error:
        # Without the body, which botocore's messages quote: it may be megabytes.
        raise ResponseParserError(f"Invalid XML in a successful answer of {len(body)} bytes: {error}") from error
    if local_name(root.tag).lower() == "html":
        raise ResponseParserError(f"A page of HTML as a successful answer of {len(body)} bytes")
    return root


def local_name(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


def child_named(root: Element, name: str) -> Element:
    """The first child of that name."""
    for child in root:
        if local_name(child.tag) == name:
            return child
    raise UnplannedError


def _text(node: Element) -> str:
    return node.text or ""


class XmlCompiler(Compiler):
    """Plans for the ``query``, ``ec2`` and ``rest-xml`` protocols."""

    def __init__(self, timestamp: Plan, blob: Plan) -> None:
        super().__init__()
        self._scalars: Mapping[str, Plan] = {
            "string": _text,
            "character": _text,
            "boolean": lambda node: node.text == "true",
            "integer": lambda node: int(node.text),
            "long": lambda node: int(node.text),
            "float": lambda node: float(node.text),
            "double": lambda node: float(node.text),
            "timestamp": lambda node: timestamp(node.text or ""),
            "blob": lambda node: blob(node.text or ""),
        }

    def _build(self, shape: Any) -> Plan:
        flattened = shape.serialization.get("flattened")
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                item = self._plan(shape.member)
                # A flattened list that is not a member of a structure is, to botocore, one item.
                return (lambda node: [item(node)]) if flattened else _list(item)
            case "map":
                add = _add_pair(shape, self._plan(shape.key), self._plan(shape.value))
                return _map(add, lambda node: (node,)) if flattened else _map(add, iter)
            case scalar:
                return self._scalars.get(scalar, unplanned)

    def _plan(self, shape: Any) -> Plan:
        return self.compile(shape) or unplanned

    def _structure(self, shape: Any) -> Plan:
        if shape.metadata.get("exception"):
            return unplanned
        members: _ByTag[_Member | None] = _ByTag()
        for name, member in shape.members.items():
            serialization = member.serialization
            if serialization.get("location") in OUTSIDE_BODY or serialization.get("eventheader"):
                continue
            tag = _tag(member, name)
            # Two members that read one element: S3's deprecated notification configurations.
            members[tag] = _Member(name, unplanned, None) if tag in members else self._member(member, name)
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
    """The element of a member, as ``botocore.parsers.BaseXMLResponseParser._member_key_name`` has it."""
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
                raise UnplannedError  # twice what should be there once
            else:
                parsed[name] = (child.text or "") if plan is None else plan(child)
        return parsed

    return read


def _with_attributes(read: Plan, attributes: Mapping[str, str]) -> Plan:
    """Like ``read``, with the members that stand in attributes of the element: ``xsi:type`` of S3's grantees."""
    # botocore gives every namespace of the element's attributes the prefix that the model expects.
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


def _union(read: Plan, known: frozenset[str]) -> Plan:
    """Like ``read``, but leaves it to botocore to judge a union with a member that is unknown, missing or one too many."""

    def read_union(node: Element) -> Any:
        given = {local_name(child.tag) for child in node}
        if len(given) != 1 or not given <= known:
            raise UnplannedError
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
    """Adds one key and its value to a map; botocore judges elements that are not exactly these two."""
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
            raise UnplannedError

    return add
