"""All answers that the server knows of."""

from importlib import import_module

_MODULES = ("ec2_instances", "kms")


def load() -> None:
    """Brings in every module of answers: each registers what it answers."""
    for name in _MODULES:
        import_module(f".{name}", __package__)
