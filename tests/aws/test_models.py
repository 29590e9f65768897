"""Equivalence of the stripped service models with botocore's."""

from __future__ import annotations

import json
from functools import cache

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from collector.aws.models import EXTRAS, ReadingModels, install_models
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


def _added():
    """The clients, shapes and members that our extras add; the member of a new shape is None."""
    for path in sorted(EXTRAS.rglob("*.json")):
        client, version, _ = path.relative_to(EXTRAS).parts
        for name, shape in json.loads(path.read_text())["merge"]["shapes"].items():
            for member in shape.get("members", (None,)):
                yield client, version, name, member


ADDED = list(_added())


@pytest.mark.parametrize(("client", "version", "shape", "member"), ADDED)
def test_what_our_extras_add_is_in_the_models_of_a_run(client, version, shape, member):
    loader = _loader()
    install_models(loader)
    model = _model(loader, client)
    assert model.api_version == version, f"move the extras of {client} to the folder {model.api_version}"
    assert member is None or model.shape_for(shape).members[member].type_name


@pytest.mark.parametrize(("client", "version", "shape", "member"), ADDED)
def test_the_installed_models_do_not_have_what_our_extras_add(client, version, shape, member):
    theirs = _model(_loader(), client)
    known = shape in theirs.shape_names and (member is None or member in theirs.shape_for(shape).members)
    assert not known, f"superfluous: botocore knows {shape}.{member}; take it out of {EXTRAS.name}/{client}/{version}"


def test_extras_are_added_to_a_loader_once():
    loader = _loader()
    install_models(loader)
    install_models(loader)
    assert loader.search_paths.count(str(EXTRAS)) == 1
