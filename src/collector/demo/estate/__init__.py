"""Seeds the sample estate through boto3: at least one resource of each type and one relationship of each kind.

Each function of a module is one step. ``STEPS`` orders them so that resources precede those that refer to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from collector.demo.estate import (
    access,
    compute,
    containers,
    delivery,
    identity,
    naming,
    network,
    operations,
    storage,
)
from collector.demo.estate.cloud import Cloud
from collector.demo.estate.seeded import SeededIds

Step: TypeAlias = Callable[[Cloud, SeededIds], None]

STEPS: tuple[Step, ...] = (
    identity.organization,
    identity.account,
    identity.policies,
    identity.users,
    identity.roles,
    identity.trusted_outsiders,
    network.key,
    network.vpc,
    network.security_groups,
    network.peering,
    operations.log_groups,
    storage.buckets,
    network.flow_logs,
    compute.instance,
    compute.disks,
    compute.addresses,
    compute.instance_abroad,
    compute.scaling_group,
    compute.functions,
    compute.batch,
    containers.registry,
    containers.cluster,
    containers.kubernetes,
    storage.table,
    storage.databases,
    storage.warehouse,
    storage.caches,
    storage.search,
    storage.files,
    delivery.certificates,
    delivery.load_balancers,
    delivery.classic_load_balancer,
    delivery.rest_api,
    delivery.http_api,
    delivery.web_firewalls,
    delivery.distributions,
    naming.domain,
    naming.zones,
    operations.trail,
    operations.messages,
    operations.alarm,
    operations.event_rules,
    operations.config_rules,
    operations.stack,
    access.threat_detection,
    access.file_transfer,
    access.desktop,
    access.hardware_security,
    identity.credential_report,
)


def seed(url: str) -> SeededIds:
    """Seeds the estate on the empty server at `url` and returns the ids of its resources."""
    cloud = Cloud(url)
    ids = SeededIds()
    for step in STEPS:
        step(cloud, ids)
    cloud.close()
    return ids
