"""The models that clients are built from against botocore's own."""

from __future__ import annotations

import aioboto3
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from collector.aws.clients import Clients
from collector.aws.models import ReadingModels
from collector.catalog.catalog import Catalog, declarations, operations

OPERATIONS = {
    operation
    for service in Catalog.all().services
    for each in declarations(service)
    for operation in operations(service, each)
} | {("sts", "assume_role"), ("sts", "get_caller_identity")}
CLIENTS = sorted({client for client, _ in OPERATIONS})


def _ours():
    loader = Loader()
    loader.file_loader = ReadingModels()
    return loader


def _model(loader, name):
    return ServiceModel(loader.load_service_model(name, "service-2"), name)


def _told(shape: Shape | None, seen: tuple[str, ...] = ()) -> object:
    """Everything that serialisers and parsers ask a shape about."""
    if shape is None or shape.name in seen:
        return shape and shape.name
    below = (*seen, shape.name)
    members = {name: _told(member, below) for name, member in getattr(shape, "members", {}).items()}
    inner = [_told(getattr(shape, name), below) for name in ("member", "key", "value") if hasattr(shape, name)]
    return shape.name, shape.type_name, shape.serialization, shape.metadata, members, inner


@pytest.mark.parametrize("name", CLIENTS)
def test_what_a_client_reads_of_its_model_is_unchanged(name):
    ours, theirs = _model(_ours(), name), _model(Loader(), name)
    assert ours.metadata == theirs.metadata
    assert ours.client_context_parameters == theirs.client_context_parameters
    assert set(ours.shape_names) <= set(theirs.shape_names)
    assert {shape.name for shape in ours.error_shapes} == {shape.name for shape in theirs.error_shapes}
    for api in ours.operation_names:
        one, other = ours.operation_model(api), theirs.operation_model(api)
        assert (one.http, one.auth_type, one.static_context_parameters) == (
            other.http,
            other.auth_type,
            other.static_context_parameters,
        )
        assert _told(one.input_shape) == _told(other.input_shape)
        assert _told(one.output_shape) == _told(other.output_shape)


async def test_every_operation_that_the_catalogue_uses_is_there():
    async with Clients(aioboto3.Session(), "us-east-1") as clients:
        missing = {(name, op) for name, op in OPERATIONS if op not in (await clients.get(name)).apis}
    assert missing == set()


@pytest.mark.parametrize("kind", ["endpoint-rule-set-1", "paginators-1"])
def test_rules_and_paginators_are_unchanged(kind):
    for name in CLIENTS:
        if kind in {k for k in ("endpoint-rule-set-1", "paginators-1") if name in Loader().list_available_services(k)}:
            assert _ours().load_service_model(name, kind) == Loader().load_service_model(name, kind)


def test_a_file_that_is_not_there_is_nothing():
    assert ReadingModels().load_file("/nowhere/service-2") is None
