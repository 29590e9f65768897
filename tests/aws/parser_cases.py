"""Answers of AWS made up from botocore's models: valid by their shape, and as odd as AWS could make them."""

import base64
import json
from collections.abc import Iterator
from random import Random
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from botocore.awsrequest import HeadersDict

TEXTS = ("", " ", "x", "prod key", " padded\t", "two\nlines", "äöü €", "日本語", "🚀", "<&>\"'", "null", "true", "0", "a" * 300)
NUMBERS = (0, 1, -1, 7, 443, 65_536, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
FRACTIONS = (0.0, -0.5, 1.5, 1e-7, 1e22, 99.999, 3.0)
ISO_8601 = (
    "2024-01-02T03:04:05Z",
    "2024-02-29T23:59:59.999Z",
    "2021-12-31T00:00:00.000Z",
    "2024-01-02T03:04:05.123456Z",
    "2024-01-02T03:04:05.123456789Z",
    "2024-01-02T03:04:05+00:00",
    "2024-01-02T03:04:05.000+0000",
    "2024-07-02T03:04:05-07:00",
    "2024-01-02 03:04:05",
    "2024-01-02",
    "1970-01-01T00:00:00Z",
)
RFC_822 = ("Tue, 02 Jan 2024 03:04:05 GMT", "Thu, 29 Feb 2024 23:59:59 +0000")
EPOCHS = (0, 1704164645, 1704164645.123, 1.704164645e9, 1.7e9, -86400, 253402300799)
SCALARS: dict[str, tuple[Any, ...]] = {
    "boolean": (True, False),
    "integer": NUMBERS,
    "long": NUMBERS,
    "float": FRACTIONS,
    "double": FRACTIONS,
    "blob": tuple(base64.b64encode(raw).decode() for raw in (b"", b"\x00\xff", b"credential,report\n", b"x" * 100)),
}
OUTSIDE_BODY = ("header", "headers", "statusCode")
# The share of its members that a structure is given, by its depth: shapes that hold themselves must come to an end.
DENSITY = (1.0, 1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.0)
DEEPEST = len(DENSITY) - 1


def answer(shape: Any, protocol: str, random: Random) -> dict[str, Any]:
    """A successful response as aiobotocore gives it to a parser."""
    body: bytes
    payload = shape.serialization.get("payload") if shape else None
    content = shape.members[payload] if payload else shape
    if payload and content.type_name in ("string", "blob"):
        body = random.choice(TEXTS).encode()
    elif protocol in ("json", "rest-json"):
        body = json_body(content, random)
    else:
        body = XmlWriter(random).body(content, protocol)
    return {"status_code": 200, "headers": headers(shape, random), "body": body, "context": {"operation_name": "Op"}}


def headers(shape: Any, random: Random) -> Any:
    made = {"Content-Type": "text/plain", "x-AMZN-requestId": "8f7724cf"} if random.random() < 0.6 else {}
    if random.random() < 0.5:
        made["x-amz-request-id"] = "4442587FB7D0A2F9"
        made["x-amz-id-2"] = random.choice(TEXTS[:4])
    for name, member in shape.members.items() if shape else ():
        location = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if location == "headers":
            made |= {f"{key}{random.choice('abc')}": random.choice(TEXTS[:4]), key.upper() + "Z": "upper"}
        elif location == "header" and random.random() < 0.8:
            made[key] = header(member, random)
    return HeadersDict(made)


def header(shape: Any, random: Random) -> str:
    if shape.serialization.get("jsonvalue"):
        return base64.b64encode(json.dumps(document(random)).encode()).decode()
    if shape.type_name == "list":
        return random.choice(("", "one", "one, two ,three"))
    if shape.type_name == "timestamp":
        return random.choice(RFC_822 + ISO_8601)
    values = SCALARS.get(shape.type_name, TEXTS[:4])
    return str(random.choice(values))


def document(random: Random, depth: int = 0) -> Any:
    leaves = [None, True, 1, 2.5, *TEXTS]
    nested = [{"a": leaves, "b": {}}, [1, [None]], {random.choice(TEXTS): random.choice(leaves)}]
    return random.choice(leaves if depth else nested)


def chosen(shape: Any, random: Random, depth: int) -> Iterator[tuple[str, Any]]:
    """The members that one structure is given, mostly in the order of the model."""
    members = [item for item in shape.members.items() if item[1].serialization.get("location") not in OUTSIDE_BODY]
    if shape.is_tagged_union:
        yield random.choice(members)
        return
    density = random.choice((0.4, 0.8, 1.0)) * DENSITY[min(depth, DEEPEST)]
    if random.random() < 0.2:
        random.shuffle(members)
    yield from (item for item in members if random.random() < density)


def size(random: Random, depth: int) -> int:
    return 0 if depth >= DEEPEST else random.choice((0, 1, 1, 2, 3) if depth < 4 else (0, 1, 1, 1, 2))


def json_body(shape: Any, random: Random) -> bytes:
    value = {} if shape is None else json_value(shape, random, 0)
    return json.dumps(value, ensure_ascii=random.random() < 0.5, indent=random.choice((None, 1))).encode()


def json_value(shape: Any, random: Random, depth: int) -> Any:
    match shape.type_name:
        case "structure" if shape.is_document_type:
            return document(random)
        case "structure":
            return json_structure(shape, random, depth)
        case "list":
            return [json_value(shape.member, random, depth + 1) for _ in range(size(random, depth))]
        case "map":
            return {random.choice(TEXTS): json_value(shape.value, random, depth + 1) for _ in range(size(random, depth))}
        case "timestamp":
            return random.choice(EPOCHS + ISO_8601 + ("1704164645", "1704164645.5"))
        case "integer" | "long" | "float" | "double" if random.random() < 0.2:
            return random.choice((3, 4.0, "5"))
        case "boolean" if random.random() < 0.1:
            return random.choice(("true", "False", 1, 0))
        case scalar:
            return random.choice(SCALARS.get(scalar, TEXTS))


def json_structure(shape: Any, random: Random, depth: int) -> dict[str, Any]:
    value = {}
    for name, member in chosen(shape, random, depth):
        value[member.serialization.get("name", name)] = json_value(member, random, depth + 1)
    if shape.is_tagged_union:
        if random.random() < 0.2:
            value = {"memberOfTomorrow": document(random)}
        return {**value, **random.choice(({}, {"__type": "Tagged"}, {"absent": None}))}
    for name, member in shape.members.items():
        if random.random() < 0.1:
            value[member.serialization.get("name", name)] = None
    if random.random() < 0.3:
        value[random.choice(("fieldOfTomorrow", "__type", "ResponseMetadataOfTomorrow"))] = document(random)
    if random.random() < 0.003 and value:
        value[random.choice(list(value))] = random.choice(([], {}, "text", 5, [None], {"a": None}))
    return value


class XmlWriter:
    """Writes XML bodies of one style: namespaces, white space and the way empty elements are written."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.space = random.choice(("", "", "\n  "))
        self.prefix = random.choice(("", "", "", "ns1:"))
        self.empty_tags = random.random() < 0.5

    def body(self, shape: Any, protocol: str) -> bytes:
        namespace = 'xmlns:ns1="urn:aws"' if self.prefix else self.random.choice(("", 'xmlns="https://aws/doc/2010-05-08/"'))
        content = self.content(shape, 0) if shape else ""
        if protocol == "query":
            wrapper = shape.serialization.get("resultWrapper") if shape else None
            content = self.element(wrapper, content) if wrapper else content
            metadata = self.element("RequestId", "r-1") + self.element("Other", "")
            content += self.element("ResponseMetadata", metadata) if self.random.random() < 0.9 else ""
        elif protocol == "ec2":
            content = self.element("requestId", "r-2") + content
        declaration = self.random.choice(("", '<?xml version="1.0" encoding="UTF-8"?>\n'))
        return f"{declaration}<{self.prefix}Root {namespace}>{content}</{self.prefix}Root>".encode()

    def element(self, name: str, content: str, attributes: str = "") -> str:
        tag = f"{self.prefix}{name}{attributes}"
        if not content and self.empty_tags:
            return f"<{tag}/>{self.space}"
        return f"<{tag}>{content}</{self.prefix}{name}>{self.space}"

    def content(self, shape: Any, depth: int) -> str:
        match shape.type_name:
            case "structure":
                return self.space + "".join(self.members(shape, depth))
            case "list":
                name = shape.member.serialization.get("name", "member")
                items = (self.of(shape.member, name, depth + 1) for _ in range(size(self.random, depth)))
                return self.space + "".join(items)
            case "map":
                return "".join(self.element("entry", pair) for pair in self.pairs(shape, depth))
            case "timestamp":
                return str(self.random.choice(ISO_8601 + ISO_8601[:4] * 3 + ("1704164645", "1704164645.25")))
            case "boolean":
                return self.random.choice(("true", "false", "TRUE", "", "1"))
            case scalar if scalar in SCALARS:
                return str(self.random.choice(SCALARS[scalar]))
        text = self.random.choice(TEXTS)
        return f"<![CDATA[{text}]]>" if self.random.random() < 0.1 else escape(text) + self.random.choice(("", "<!-- c -->"))

    def pairs(self, shape: Any, depth: int) -> Iterator[str]:
        for _ in range(size(self.random, depth)):
            key = self.of(shape.key, shape.key.serialization.get("name", "key"), depth + 1)
            value = self.of(shape.value, shape.value.serialization.get("name", "value"), depth + 1)
            yield value + key if self.random.random() < 0.2 else key + value

    def of(self, shape: Any, name: str, depth: int) -> str:
        return self.element(name, self.content(shape, depth), self.attributes(shape))

    def attributes(self, shape: Any) -> str:
        written = ""
        for member in shape.members.values() if shape.type_name == "structure" else ():
            if member.serialization.get("xmlAttribute") and self.random.random() < 0.8:
                value = quoteattr(self.random.choice(TEXTS[:4]))
                written += f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" {member.serialization["name"]}={value}'
        return written

    def members(self, shape: Any, depth: int) -> Iterator[str]:
        if shape.is_tagged_union and self.random.random() < 0.2:
            yield self.element("memberOfTomorrow", "x")
            return
        for name, member in chosen(shape, self.random, depth):
            if not member.serialization.get("xmlAttribute"):
                yield from self.member(member, name, depth)
        if self.random.random() < 0.2 and not shape.is_tagged_union:
            yield self.element("memberOfTomorrow", self.element("item", "x") + self.element("item", ""))

    def member(self, shape: Any, name: str, depth: int) -> Iterator[str]:
        serialization = shape.serialization
        name = serialization.get("name", name)
        if serialization.get("flattened") and shape.type_name == "list":
            name = shape.member.serialization.get("name", name)
            yield from (self.of(shape.member, name, depth + 1) for _ in range(size(self.random, depth)))
        elif serialization.get("flattened") and shape.type_name == "map":
            yield from (self.element(name, pair) for pair in self.pairs(shape, depth))
        else:
            yield self.of(shape, name, depth + 1)
            if self.random.random() < 0.001:
                yield self.of(shape, name, depth + 1)  # twice what should be there once
