"""The parsers of the protocols: aiobotocore's, with plans reading the bodies of successful answers."""

from __future__ import annotations

import logging
from http import HTTPStatus
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from aiobotocore.parsers import (
    AioEC2QueryParser,
    AioJSONParser,
    AioQueryParser,
    AioResponseParserFactory,
    AioRestJSONParser,
    AioRestXMLParser,
)
from botocore.parsers import ResponseParserError

from collector.aws.parsers.json import JsonCompiler, RestJsonCompiler, read_json
from collector.aws.parsers.plans import ODD, OutputPlan, OutputPlans
from collector.aws.parsers.timestamps import parse_timestamp
from collector.aws.parsers.xml import XmlCompiler, child_named, read_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collector.aws.parsers.plans import Compiler, Plan

LOG = logging.getLogger(__name__)


class Planned:
    """Stands before a parser of aiobotocore: plans read what succeeded, the parser all errors and all that is odd.

    A successful answer that cannot be read raises ``ResponseParserError``, whatever is wrong with it.
    """

    _compiler: Callable[[Plan, Plan], Compiler]
    _read: Callable[[bytes], Any]

    # Given by the parser that this stands before.
    _timestamp_parser: Any
    _blob_parser: Any
    _inject_response_metadata: Any
    _parse_non_payload_attrs: Any
    _populate_response_metadata: Any

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)
        self._plans = OutputPlans(lambda: self._compiler(self._timestamp_parser, self._blob_parser))

    def planned(self, response: Any, shape: Any) -> dict[str, Any] | None:
        """A successful answer as its plan reads it; None where there is no plan, or it does not fit."""
        plan = self._plans.of(shape) if shape is not None else None
        if plan is None:
            return None
        try:
            return self._parse_by_plan(response, shape, plan)
        except ODD as error:
            LOG.debug("The plan of %s does not fit, botocore decides: %.200r", shape.name, error)
            return None

    async def _do_parse(self, response: Any, shape: Any) -> Any:
        if (
            response["status_code"] < HTTPStatus.MULTIPLE_CHOICES
            and (parsed := self.planned(response, shape)) is not None
        ):
            return parsed
        return await self._parse_as_botocore(response, shape)

    def _parse_by_plan(self, response: Any, shape: Any, plan: OutputPlan) -> dict[str, Any]:
        raise NotImplementedError

    async def _parse_as_botocore(self, response: Any, shape: Any) -> Any:
        try:
            parsed = super()._do_parse(response, shape)  # type: ignore[misc]  # of the parser that this stands before
            if isawaitable(parsed):
                parsed = await parsed
        except ODD as error:
            raise ResponseParserError(f"An answer is not as its model says: {error!r:.200}") from error
        if not isinstance(parsed, dict):
            raise ResponseParserError(f"An answer is not a structure: {type(parsed).__name__}")
        return parsed

    def _content(self, response: Any, plan: OutputPlan) -> Any:
        """What the body holds.

        Raises:
            ResponseParserError: it is malformed, or empty where members are read from it.  botocore takes an empty body,
                and text that is not JSON, for an answer in which every member is absent.
        """
        body = response["body"]
        if body:
            return plan.read(self._read(body))
        if plan.has_body:
            raise ResponseParserError("A successful answer with an empty body, where the model has members in it")
        return {}


class _PlannedQuery(Planned):
    _read = staticmethod(read_xml)
    _compiler = XmlCompiler

    def _parse_by_plan(self, response: Any, shape: Any, plan: OutputPlan) -> dict[str, Any]:  # noqa: ARG002  # REST needs it
        root = self._read(response["body"])  # in these protocols no answer is empty: it has at least its request's id
        parsed: dict[str, Any] = plan.read(root if plan.wrapper is None else child_named(root, plan.wrapper))
        self._inject_response_metadata(root, parsed)
        return parsed


class _PlannedRest(Planned):
    def _parse_by_plan(self, response: Any, shape: Any, plan: OutputPlan) -> dict[str, Any]:
        parsed: dict[str, Any] = {"ResponseMetadata": self._populate_response_metadata(response)}
        self._parse_non_payload_attrs(response, shape, shape.members, parsed)
        content = self._content(response, plan)
        if plan.payload is None:
            parsed.update(content)
        else:
            parsed[plan.payload] = content
        return parsed


class CompiledQueryParser(_PlannedQuery, AioQueryParser):  # type: ignore[misc]  # aiobotocore is untyped
    """Reads the ``query`` protocol: IAM, RDS, SNS, Auto Scaling, CloudFormation and others."""


class CompiledEC2QueryParser(_PlannedQuery, AioEC2QueryParser):  # type: ignore[misc]  # aiobotocore is untyped
    """Reads the ``ec2`` protocol."""


class CompiledRestXMLParser(_PlannedRest, AioRestXMLParser):  # type: ignore[misc]  # aiobotocore is untyped
    """Reads the ``rest-xml`` protocol: S3, Route 53, CloudFront."""

    _read = staticmethod(read_xml)
    _compiler = XmlCompiler


class CompiledRestJSONParser(_PlannedRest, AioRestJSONParser):  # type: ignore[misc]  # aiobotocore is untyped
    """Reads the ``rest-json`` protocol: Lambda, API Gateway, EKS and others."""

    _read = staticmethod(read_json)
    _compiler = RestJsonCompiler


class CompiledJSONParser(Planned, AioJSONParser):  # type: ignore[misc]  # aiobotocore is untyped
    """Reads the ``json`` protocol: DynamoDB, ECS, KMS and others."""

    _read = staticmethod(read_json)
    _compiler = JsonCompiler

    def _parse_by_plan(self, response: Any, shape: Any, plan: OutputPlan) -> dict[str, Any]:  # noqa: ARG002  # REST needs it
        parsed: dict[str, Any] = self._content(response, plan)
        self._inject_response_metadata(parsed, response["headers"])
        return parsed


_PARSERS: Mapping[str, type[Planned]] = {
    "ec2": CompiledEC2QueryParser,
    "query": CompiledQueryParser,
    "json": CompiledJSONParser,
    "rest-json": CompiledRestJSONParser,
    "rest-xml": CompiledRestXMLParser,
}


class CompiledParserFactory(AioResponseParserFactory):  # type: ignore[misc]  # aiobotocore is untyped
    """A ``response_parser_factory`` of a session whose clients then parse by plan; CBOR is left to aiobotocore.

    One parser per protocol serves all clients and answers, for it keeps nothing but plans; aiobotocore asks for a parser at
    every answer.
    """

    _defaults: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self._parsers: dict[str, Any] = {}
        self.set_parser_defaults(timestamp_parser=parse_timestamp)

    def set_parser_defaults(self, **defaults: Any) -> None:
        """Set what parsers made from now on are given: ``timestamp_parser``, ``blob_parser``."""
        super().set_parser_defaults(**defaults)
        self._parsers.clear()

    def create_parser(self, protocol_name: str) -> Any:
        """The parser of a protocol, by botocore's name for it."""
        if protocol_name not in self._parsers:
            parser = _PARSERS.get(protocol_name)
            self._parsers[protocol_name] = parser(**self._defaults) if parser else super().create_parser(protocol_name)
        return self._parsers[protocol_name]
