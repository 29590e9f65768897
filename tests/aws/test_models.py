"""Equivalence of the stripped service models with botocore's."""

from __future__ import annotations

from functools import cache

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from collector.aws.models import ReadingModels
from collector.catalog.catalog import Catalog, declarations, operations

OPERATIONS = {
    operation
    for service in Catalog.all().services
    for each in declarations(service)
    for operation in operations(service, each)
} | {("sts", "assume_role"), ("sts", "get_caller_identity")}
CLIENTS = sorted({client for client, _ in OPERATIONS})


available = cache(Loader().list_available_services)


def _loader():
    loader = Loader()
    loader.list_available_services = available  # searches every folder
    return loader


def _ours():
    loader = _loader()
    loader.file_loader = ReadingModels()
    return loader


def _model(loader, name):
    return ServiceModel(loader.load_service_model(name, "service-2"), name)


def _described(shape: Shape | None, seen: tuple[str, ...] = ()) -> object:
    """Everything that serializers and parsers read of a shape."""
    if shape is None or shape.name in seen:
        return shape and shape.name
    path = (*seen, shape.name)
    members = {name: _described(member, path) for name, member in getattr(shape, "members", {}).items()}
    inner = [_described(getattr(shape, name), path) for name in ("member", "key", "value") if hasattr(shape, name)]
    return shape.name, shape.type_name, shape.serialization, shape.metadata, members, inner


@pytest.mark.parametrize("name", CLIENTS)
def test_the_operations_and_shapes_that_a_client_uses_exist_and_are_unchanged(name):
    ours, theirs = _model(_ours(), name), _model(_loader(), name)
    assert ours.metadata == theirs.metadata
    assert ours.client_context_parameters == theirs.client_context_parameters
    assert set(ours.shape_names) <= set(theirs.shape_names)
    assert {shape.name for shape in ours.error_shapes} == {shape.name for shape in theirs.error_shapes}
    assert {op for client, op in OPERATIONS if client == name} <= set(map(xform_name, ours.operation_names))
    for api in ours.operation_names:
        one, other = ours.operation_model(api), theirs.operation_model(api)
        for trait in ("http", "auth_type", "static_context_parameters"):
            assert getattr(one, trait) == getattr(other, trait)
        assert _described(one.input_shape) == _described(other.input_shape)
        assert _described(one.output_shape) == _described(other.output_shape)


@pytest.mark.parametrize("kind", ["endpoint-rule-set-1", "paginators-1"])
def test_endpoint_rules_and_paginators_are_unchanged(kind):
    names = set(CLIENTS) & set(available(kind))
    assert names
    for name in names:
        assert _ours().load_service_model(name, kind) == _loader().load_service_model(name, kind)


def test_a_missing_file_is_none():
    assert ReadingModels().load_file("/nowhere/service-2") is None
