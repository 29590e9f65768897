"""Opens the user's AWS session: profile, region, certificates and proxies, checked before anything else happens."""

from __future__ import annotations

import os
import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies

import aioboto3
from botocore.exceptions import BotoCoreError, InvalidProxiesConfigError

from collector.aws.remedies import CONFIGURATION, AwsConfigurationError, remedy_for
from collector.faults import readable

_CA_BUNDLE = "set AWS_CA_BUNDLE (or `ca_bundle` of the profile) to a PEM file with certificates, or unset it"


def open_session() -> aioboto3.Session:
    """A session with the user's profile and region. `AWS_REGION` goes before `AWS_DEFAULT_REGION`, as in AWS's other SDKs.

    Raises:
        AwsConfigurationError: if the profile, a configuration file, the CA bundle or a proxy cannot be used.
    """
    try:
        session = aioboto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        _ = session.region_name
        ca_bundle = session._session.get_config_variable("ca_bundle")  # noqa: SLF001  (aioboto3 does not expose it)
    except (BotoCoreError, OSError, ValueError) as error:
        raise AwsConfigurationError(readable(str(error)), remedy_for(error)) from error
    if ca_bundle:
        _check_ca_bundle(ca_bundle)
    _check_proxies()
    return session


def _check_ca_bundle(path: str) -> None:
    """Load the certificates as the first request would, which could only say that some file is missing."""
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise AwsConfigurationError(f"cannot read the CA bundle {path}: {readable(reason)}", _CA_BUNDLE) from error


def _check_proxies() -> None:
    for scheme, url in getproxies().items():
        if scheme == "no":
            continue
        try:
            _ = urlsplit(url if "://" in url else f"http://{url}").port  # raises if the host or the port is not valid
        except ValueError:  # its message may repeat a password
            message = f"the proxy for {scheme} is not a valid URL"
            raise AwsConfigurationError(message, CONFIGURATION[InvalidProxiesConfigError]) from None
