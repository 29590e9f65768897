"""Loads the handlers of all services."""

from importlib import import_module

_MODULES = (
    "account",
    "balancers",
    "classic",
    "containers",
    "databases",
    "distributions",
    "domains",
    "ec2_disks",
    "ec2_gateways",
    "ec2_instances",
    "ec2_interfaces",
    "ec2_network",
    "functions",
    "iam",
    "iam_people",
    "kms",
    "listeners",
    "messages",
    "registry",
    "s3",
    "watch",
    "zones",
)


def load() -> None:
    """Imports every module of handlers; each registers its handlers."""
    for name in _MODULES:
        import_module(f".{name}", __package__)
