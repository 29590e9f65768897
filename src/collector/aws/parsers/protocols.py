"""aiobotocore's parsers for each protocol, with plans for the bodies of successful responses."""

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
from collector.aws.parsers.plans import MISMATCH_ERRORS, OutputPlan, OutputPlans
from collector.aws.parsers.timestamps import parse_timestamp
from collector.aws.parsers.xml import XmlCompiler, child_named, read_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collector.aws.parsers.plans import Compiler, Plan

LOG = logging.getLogger(__name__)


class PlannedParser:
    """Mixin for a parser of aiobotocore: reads successful responses by plan, and leaves the rest to the parser.

    An unreadable body of a successful response always raises ``ResponseParserError``.
    """

    _compiler: Callable[[Plan, Plan], Compiler]
    _read: Callable[[bytes], Any]

    # Provided by aiobotocore's parser.
    _timestamp_parser: Any
    _blob_parser: Any
    _inject_response_metadata: Any
    _parse_non_payload_attrs: Any
    _populate_response_metadata: Any

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)
        self._plans = OutputPlans(lambda: self._compiler(self._timestamp_parser, self._blob_parser))

    def parse_by_plan(self, response: Any, shape: Any) -> dict[str, Any] | None:
        """Parse a successful response; None if its shape has no plan or the body does not fit the plan."""
        plan = self._plans.of(shape) if shape is not None else None
        if plan is None:
            return None
        try:
            return self._apply(response, shape, plan)
        except MISMATCH_ERRORS as error:
            LOG.debug("The body does not fit the plan of %s, falling back to botocore: %.200r", shape.name, error)
            return None

    async def _do_parse(self, response: Any, shape: Any) -> Any:
        if (
            response["status_code"] < HTTPStatus.MULTIPLE_CHOICES
            and (parsed := self.parse_by_plan(response, shape)) is not None
        ):
            return parsed
        return await self._parse_as_botocore(response, shape)

    def _apply(self, response: Any, shape: Any, plan: OutputPlan) -> dict[str, Any]:
        raise NotImplementedError

    async def _parse_as_botocore(self, response: Any, shape: Any) -> Any:
        try:
            parsed = super()._do_parse(response, shape)  # type: ignore[misc]  # aiobotocore's parser
            if isawaitable(parsed):
                parsed = await parsed
        except MISMATCH_ERRORS as error:
            raise ResponseParserError(f"The response does not match its model: {error!r:.200}") from error
        if not isinstance(parsed, dict):
            raise ResponseParserError(f"The response is not a structure: {type(parsed).__name__}")
        return parsed

    def _content(self, response: Any, plan: OutputPlan) -> Any:
        """The parsed body.

        Raises:
            ResponseParserError: if the body is malformed, or empty although the model reads members from it.  botocore
                treats an empty body, and text that is not JSON, as a response without members.
        """
        body = response["body"]
        if body:
            return plan.read(self._read(body))
        if plan.has_body:
            raise ResponseParserError("Empty body in a successful response, although the model reads members from it")
        return {}


class _PlannedQuery(PlannedParser):
    _read = staticmethod(read_xml)
    _compiler = XmlCompiler

    def _apply(self, response: Any, shape: Any, plan: OutputPlan) -> dict[str, Any]:  # noqa: ARG002  # REST needs it
        root = self._read(response["body"])  # never empty in these protocols: it contains at least the request id
        parsed: dict[str, Any] = plan.read(root if plan.wrapper is None else child_named(root, plan.wrapper))
        self._inject_response_metadata(root, parsed)
        return parsed


class _PlannedRest(PlannedParser):
    def _apply(self, response: Any, shape: Any, plan: OutputPlan) -> dict[str, Any]:
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


class CompiledJSONParser(PlannedParser, AioJSONParser):  # type: ignore[misc]  # aiobotocore is untyped
    """Reads the ``json`` protocol: DynamoDB, ECS, KMS and others."""

    _read = staticmethod(read_json)
    _compiler = JsonCompiler

    def _apply(self, response: Any, shape: Any, plan: OutputPlan) -> dict[str, Any]:  # noqa: ARG002  # REST needs it
        parsed: dict[str, Any] = self._content(response, plan)
        self._inject_response_metadata(parsed, response["headers"])
        return parsed


_PARSERS: Mapping[str, type[PlannedParser]] = {
    "ec2": CompiledEC2QueryParser,
    "query": CompiledQueryParser,
    "json": CompiledJSONParser,
    "rest-json": CompiledRestJSONParser,
    "rest-xml": CompiledRestXMLParser,
}


class CompiledParserFactory(AioResponseParserFactory):  # type: ignore[misc]  # aiobotocore is untyped
    """A session's ``response_parser_factory`` that creates compiled parsers; CBOR is left to aiobotocore.

    aiobotocore requests a parser for every response.  One parser per protocol serves all clients: it holds only plans.
    """

    _defaults: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self._parsers: dict[str, Any] = {}
        self.set_parser_defaults(timestamp_parser=parse_timestamp)

    def set_parser_defaults(self, **defaults: Any) -> None:
        """Set the arguments of parsers created from now on: ``timestamp_parser``, ``blob_parser``."""
        super().set_parser_defaults(**defaults)
        self._parsers.clear()

    def create_parser(self, protocol_name: str) -> Any:
        """The parser of a protocol, given botocore's name for it."""
        if protocol_name not in self._parsers:
            parser = _PARSERS.get(protocol_name)
            self._parsers[protocol_name] = parser(**self._defaults) if parser else super().create_parser(protocol_name)
        return self._parsers[protocol_name]
