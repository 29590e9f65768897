"""All answers that the server knows of."""

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
    """Brings in every module of answers: each registers what it answers."""
    for name in _MODULES:
        import_module(f".{name}", __package__)
