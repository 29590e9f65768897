"""ECS answers: clusters, container instances, services, tasks and task definitions."""

from typing import Any

from . import container_rows as rows
from . import wire
from .answers import (
    AwsError,
    Fields,
    Numbers,
    Paging,
    Params,
    Row,
    answers,
    every,
    listing,
    named,
    shaped,
    values,
    varied,
)
from .estate import Place
from .ids import basics, digits, groups_of, vpc_of

_HUNDREDS = Paging("maxResults", "nextToken", "nextToken", default=100, maximum=100)
_TENS = Paging("maxResults", "nextToken", "nextToken", default=10, maximum=100)


def _cluster(place: Place, params: Params) -> int:
    return named(place, params.get("cluster", "default"), "aws_ecs_cluster", "ClusterNotFoundException")


def _in_cluster(kind: str) -> Numbers:
    return lambda place, params: range(_cluster(place, params), place.n[kind], place.n["aws_ecs_cluster"])


def _cluster_fields(place: Place, n: int) -> dict[str, str]:
    return {**basics(place, n), "cluster": digits(n)}


def _host_fields(place: Place, n: int) -> dict[str, str]:
    return {**basics(place, n), "host": digits(n), "cluster": digits(n % place.n["aws_ecs_cluster"])}


def _service_fields(place: Place, n: int) -> dict[str, str]:
    subnet = n % place.n["aws_subnet"]
    return {
        **basics(place, n),
        "service": digits(n),
        "cluster": digits(n % place.n["aws_ecs_cluster"]),
        "definition": digits(n % place.n["aws_ecs_task_definition"]),
        "subnet": digits(subnet),
        "group": groups_of(place, vpc_of(place, subnet), n)[0],
    }


def _definition_fields(place: Place, n: int) -> dict[str, str]:
    global_place, repositories = place.global_place, place.n["aws_ecr_repository"]
    registry = f"{place.account}.dkr.ecr.{place.region}.amazonaws.com"
    name = f"{registry}/repo-{place.here}{digits(n % repositories)}" if repositories else "public.ecr.aws/nginx/nginx"
    return {
        **basics(place, n),
        "definition": digits(n),
        "global": global_place.here,
        "role": digits((5 * n + 2) % global_place.n["aws_iam_role"]),
        "helper": digits((5 * n + 7) % global_place.n["aws_iam_role"]),
        "image": f"{name}:latest",
    }


def _hosts(place: Place, task: int) -> range:
    return range(task % place.n["aws_ecs_cluster"], place.n["aws_ecs_container_instance"], place.n["aws_ecs_cluster"])


def _on_host(place: Place, n: int) -> bool:
    return n % 2 == 1 and bool(_hosts(place, n))


def _task_fields(place: Place, n: int) -> dict[str, str]:
    clusters = place.n["aws_ecs_cluster"]
    cluster, turn = n % clusters, n // clusters
    services, hosts = range(cluster, place.n["aws_ecs_service"], clusters), _hosts(place, n)
    service = services[turn % len(services)] if services else None
    definition = (n if service is None else service) % place.n["aws_ecs_task_definition"]
    first = place.n["aws_instance"] + place.n["aws_nat_gateway"]
    return {
        **_definition_fields(place, definition),
        **basics(place, n),
        "cluster": digits(cluster),
        "owner": "family:canned" if service is None else f"service:service-{place.here}{digits(service)}",
        "service": digits(service or 0),
        "host": digits(hosts[turn % len(hosts)]) if hosts else "",
        "subnet": digits(n % place.n["aws_subnet"]),
        "eni": digits(first + n % max(1, place.n["aws_eni"] - first)),
    }


def _described(name: str, items: str, kind: str, row: Row, maximum: int = 100) -> None:
    text = wire.body("ecs", name, {items: "%(rows)s", "failures": []})

    @answers("ecs", name)
    def described(place: Place, params: Params) -> str:
        arns = values(params, items)
        if len(arns) > maximum:
            raise AwsError("InvalidParameterException", f"{items} can have at maximum {maximum} items.")
        numbers = [named(place, arn, kind, "InvalidParameterException") for arn in arns]
        return place.fill(text, {"rows": ",".join([row(place, n) for n in numbers])})


_clusters = shaped("ecs", "DescribeClusters", "clusters", rows.CLUSTER, _cluster_fields)
_host_rows = shaped("ecs", "DescribeContainerInstances", "containerInstances", rows.HOST, _host_fields)
_services = shaped("ecs", "DescribeServices", "services", rows.SERVICE, _service_fields)
_PLACED: dict[bool, Any] = {True: {**rows.TASK, **rows.ON_HOST}, False: {**rows.TASK, **rows.ON_FARGATE}}
_tasks = varied("ecs", "DescribeTasks", "tasks", _PLACED, _on_host, _task_fields)
_described("DescribeClusters", "clusters", "aws_ecs_cluster", _clusters)
_described("DescribeContainerInstances", "containerInstances", "aws_ecs_container_instance", _host_rows)
_described("DescribeServices", "services", "aws_ecs_service", _services, maximum=10)
_described("DescribeTasks", "tasks", "aws_ecs_task", _tasks)


def _listed(name: str, items: str, arn: str, fields: Fields, numbers: Numbers, page: Paging = _HUNDREDS) -> None:
    listing("ecs", name, items, shaped("ecs", name, items, arn, fields), numbers, page)


_listed("ListClusters", "clusterArns", rows.CLUSTER_ARN, _cluster_fields, every("aws_ecs_cluster"))
_listed(
    "ListContainerInstances",
    "containerInstanceArns",
    rows.HOST_ARN,
    _host_fields,
    _in_cluster("aws_ecs_container_instance"),
)
_listed("ListServices", "serviceArns", rows.SERVICE_ARN, _service_fields, _in_cluster("aws_ecs_service"), _TENS)
_listed("ListTasks", "taskArns", rows.TASK_ARN, _task_fields, _in_cluster("aws_ecs_task"))
_listed(
    "ListTaskDefinitions",
    "taskDefinitionArns",
    rows.DEFINITION_ARN,
    _definition_fields,
    every("aws_ecs_task_definition"),
)
_DEFINITION = wire.body("ecs", "DescribeTaskDefinition", {"taskDefinition": rows.DEFINITION, "tags": rows.TAGS})


@answers("ecs", "DescribeTaskDefinition")
def _definition(place: Place, params: Params) -> str:
    family = str(params["taskDefinition"]).removesuffix(":1")
    number = named(place, family, "aws_ecs_task_definition", "ClientException")
    return place.fill(_DEFINITION, _definition_fields(place, number))
