"""Generates synthetic responses from botocore's models: valid for their shape, in every variation AWS may send."""

import base64
import json
from collections.abc import Iterator
from random import Random
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from botocore.awsrequest import HeadersDict

from tests.aws.parser_choices import EPOCHS, ISO_8601, RFC_822, SCALARS, TEXTS, Choices


def answer(shape: Any, protocol: str, random: Random, *, complete: bool = False) -> dict[str, Any]:
    """A successful response as aiobotocore passes it to a parser."""
    choices = Choices(random, complete=complete)
    payload = shape.serialization.get("payload") if shape else None
    content = shape.members[payload] if payload else shape
    if payload and content.type_name in ("string", "blob"):
        body = choices.one(TEXTS).encode()
    elif protocol in ("json", "rest-json"):
        body = json_body(content, choices)
    else:
        body = XmlWriter(choices).body(content, protocol)
    return {"status_code": 200, "headers": headers(shape, choices), "body": body, "context": {"operation_name": "Op"}}


def headers(shape: Any, choices: Choices) -> Any:
    values = {"Content-Type": "text/plain", "x-AMZN-requestId": "8f7724cf"} if choices.often(0.6) else {}
    if choices.often(0.5):
        values["x-amz-request-id"] = "4442587FB7D0A2F9"
        values["x-amz-id-2"] = choices.one(TEXTS[:4])
    for name, member in shape.members.items() if shape else ():
        location = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if location == "headers":
            values |= {f"{key}{choices.one('abc')}": choices.one(TEXTS[:4]), key.upper() + "Z": "upper"}
        elif location == "header" and choices.often(0.8):
            values[key] = header(member, choices)
    return HeadersDict(values)


def header(shape: Any, choices: Choices) -> str:
    if shape.serialization.get("jsonvalue"):
        return base64.b64encode(json.dumps(choices.document()).encode()).decode()
    if shape.type_name == "list":
        return choices.one(("", "one", "one, two ,three"))
    if shape.type_name == "timestamp":
        return choices.one(RFC_822 + ISO_8601)
    return str(choices.one(SCALARS.get(shape.type_name, TEXTS[:4])))


def json_body(shape: Any, choices: Choices) -> bytes:
    value = {} if shape is None else json_value(shape, choices, ())
    return json.dumps(value, ensure_ascii=choices.often(0.5), indent=choices.one((None, 1))).encode()


def json_value(shape: Any, choices: Choices, parents: tuple[str, ...]) -> Any:
    match shape.type_name:
        case "structure" if shape.is_document_type:
            return choices.document()
        case "structure":
            return json_structure(shape, choices, parents)
        case "list":
            return [json_value(shape.member, choices, parents) for _ in range(choices.size(parents))]
        case "map":
            return {choices.one(TEXTS): json_value(shape.value, choices, parents) for _ in range(choices.size(parents))}
    return json_scalar(shape.type_name, choices)


def json_scalar(type_name: str, choices: Choices) -> Any:
    match type_name:
        case "timestamp":
            return choices.one((*EPOCHS, *ISO_8601, "1704164645", "1704164645.5"))
        case "integer" | "long" | "float" | "double" if choices.often(0.2):
            return choices.one((3, 4.0, "5"))
        case "boolean" if choices.often(0.1):
            return choices.one(("true", "False", 1, 0))
    return choices.one(SCALARS.get(type_name, TEXTS))


def json_structure(shape: Any, choices: Choices, parents: tuple[str, ...]) -> dict[str, Any]:
    value = {
        member.serialization.get("name", name): json_value(member, choices, (*parents, shape.name))
        for name, member in choices.members(shape, parents)
    }
    if shape.is_tagged_union:
        if choices.often(0.2):
            value = {"memberOfTomorrow": choices.document()}
        return {**value, **choices.one(({}, {"__type": "Tagged"}, {"absent": None}))}
    for name, member in shape.members.items():
        if choices.often(0.03):
            value[member.serialization.get("name", name)] = None
    if choices.often(0.3):
        value[choices.one(("memberOfTomorrow", "__type", "message"))] = choices.document()
    if choices.corrupted(0.003) and value:
        value[choices.one(tuple(value))] = choices.one(([], {}, "text", 5, [None], {"a": None}))
    return value


class XmlWriter:
    """Writes XML bodies in one style of namespaces, white space and empty elements."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._space = choices.one(("", "", "\n  "))
        self._prefix = choices.one(("", "", "", "ns1:"))
        self._empty_tags = choices.often(0.5)

    def body(self, shape: Any, protocol: str) -> bytes:
        namespace = self._choices.one(("", 'xmlns="https://aws/doc/2010-05-08/"'))
        content = self.content(shape, ()) if shape else ""
        if protocol == "query":
            wrapper = shape.serialization.get("resultWrapper") if shape else None
            content = self.element(wrapper, content) if wrapper else content
            metadata = self.element("RequestId", "r-1") + self.element("Other", "")
            content += self.element("ResponseMetadata", metadata) if self._choices.often(0.9) else ""
        elif protocol == "ec2":
            content = self.element("requestId", "r-2") + content
        declaration = self._choices.one(("", '<?xml version="1.0" encoding="UTF-8"?>\n'))
        return (
            f'{declaration}<{self._prefix}Root xmlns:ns1="urn:aws" {namespace}>{content}</{self._prefix}Root>'.encode()
        )

    def element(self, name: str, content: str, attributes: str = "") -> str:
        tag = f"{self._prefix}{name}"
        if not content and self._empty_tags:
            return f"<{tag}{attributes}/>{self._space}"
        return f"<{tag}{attributes}>{content}</{tag}>{self._space}"

    def content(self, shape: Any, parents: tuple[str, ...]) -> str:
        match shape.type_name:
            case "structure":
                return self._space + "".join(self.members(shape, parents))
            case "list":
                name = shape.member.serialization.get("name", "member")
                return self._space + "".join(self.items(shape, name, parents))
            case "map":
                return "".join(self.element("entry", pair) for pair in self.pairs(shape, parents))
        return self.scalar(shape.type_name)

    def scalar(self, type_name: str) -> str:
        match type_name:
            case "timestamp":
                return self._choices.one((*ISO_8601, *ISO_8601[:4], "1704164645", "1704164645.25"))
            case "boolean":
                return self._choices.one(("true", "false", "TRUE", "", "1"))
            case scalar if scalar in SCALARS:
                return str(self._choices.one(SCALARS[scalar]))
        text = self._choices.one(TEXTS)
        return (
            f"<![CDATA[{text}]]>" if self._choices.often(0.1) else escape(text) + self._choices.one(("", "<!-- c -->"))
        )

    def items(self, shape: Any, name: str, parents: tuple[str, ...]) -> Iterator[str]:
        return (self.of(shape.member, name, parents) for _ in range(self._choices.size(parents)))

    def pairs(self, shape: Any, parents: tuple[str, ...]) -> Iterator[str]:
        for _ in range(self._choices.size(parents)):
            key = self.of(shape.key, shape.key.serialization.get("name", "key"), parents)
            value = self.of(shape.value, shape.value.serialization.get("name", "value"), parents)
            yield value + key if self._choices.often(0.2) else key + value

    def of(self, shape: Any, name: str, parents: tuple[str, ...]) -> str:
        return self.element(name, self.content(shape, parents), self.attributes(shape))

    def attributes(self, shape: Any) -> str:
        written = ""
        for member in shape.members.values() if shape.type_name == "structure" else ():
            if member.serialization.get("xmlAttribute") and self._choices.often(0.8):
                value = quoteattr(self._choices.one(TEXTS[:4]))
                written += (
                    f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" {member.serialization["name"]}={value}'
                )
        return written

    def members(self, shape: Any, parents: tuple[str, ...]) -> Iterator[str]:
        unknown = self.element("memberOfTomorrow", self.element("item", "x") + self.element("item", ""))
        if shape.is_tagged_union and self._choices.often(0.2):
            yield unknown
            return
        for name, member in self._choices.members(shape, parents):
            if not member.serialization.get("xmlAttribute"):
                yield from self.member(member, name, (*parents, shape.name))
        if self._choices.often(0.2) and not shape.is_tagged_union:
            yield unknown

    def member(self, shape: Any, name: str, parents: tuple[str, ...]) -> Iterator[str]:
        serialization = shape.serialization
        name = serialization.get("name", name)
        if serialization.get("flattened") and shape.type_name == "list":
            yield from self.items(shape, shape.member.serialization.get("name", name), parents)
        elif serialization.get("flattened") and shape.type_name == "map":
            yield from (self.element(name, pair) for pair in self.pairs(shape, parents))
        else:
            yield self.of(shape, name, parents)
            if self._choices.corrupted(0.001):
                yield self.of(shape, name, parents)  # a single-valued member occurs twice
