"""Faults of the user's AWS configuration and credentials, each with its remedy.

The tables name the exceptions that botocore raises while it opens a session, obtains credentials, resolves endpoints and
builds clients. A test compares them with all exceptions of `botocore.exceptions`. A table's subclasses count with their base.
"""

from __future__ import annotations

from collections.abc import Mapping

from botocore import exceptions as boto

from collector.config import ConfigurationError
from collector.faults import CallFailed, Reason

UNANSWERED = (Reason.UNREACHABLE, Reason.TIMEOUT)

_PROFILE = "correct the profile in ~/.aws/config or ~/.aws/credentials, or name another one in AWS_PROFILE"
_REGION = "correct AWS_REGION, AWS_DEFAULT_REGION or the region of the profile"
_ENDPOINT = "set AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE> to a URL like http://localhost:4566, or unset them"
_SETTING = "correct the setting in ~/.aws/config or the AWS_… variable of the same name, or remove it"
_METADATA = "correct AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, or unset them"
_MODELS = "correct AWS_DATA_PATH and `api_versions` in ~/.aws/config, or install the collector again"
_LOGIN = "sign in again: `aws sso login` with the same profile"

CONFIGURATION: Mapping[type[Exception], str] = {
    boto.ProfileNotFound: "set AWS_PROFILE to one of the profiles that `aws configure list-profiles` prints",
    boto.ConfigNotFound: "correct AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or unset them",
    boto.ConfigParseError: "correct the syntax of this file: lines like `[default]` and `region = eu-west-1`",
    boto.PartialCredentialsError: "set the access key and the secret key together, in the same place, or neither",
    boto.InvalidConfigError: _PROFILE,
    boto.UnknownCredentialError: _PROFILE,
    boto.BaseEndpointResolverError: _REGION,
    boto.InvalidRegionError: _REGION,
    boto.UnknownRegionError: _REGION,
    boto.ServiceNotInRegionError: _REGION,
    boto.EndpointProviderError: "correct AWS_REGION, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT and AWS_ENDPOINT_URL",
    boto.InvalidHostLabelError: _ENDPOINT,
    boto.InvalidEndpointConfigurationError: _ENDPOINT,
    boto.InvalidEndpointDiscoveryConfigurationError: _SETTING,
    boto.InvalidProxiesConfigError: "correct HTTP_PROXY and HTTPS_PROXY: URLs like http://proxy.example.com:3128",
    boto.InvalidIMDSEndpointError: _METADATA,
    boto.InvalidIMDSEndpointModeError: _METADATA,
    boto.InvalidDefaultsMode: _SETTING,
    boto.InvalidRetryConfigurationError: _SETTING,
    boto.InvalidChecksumConfigError: _SETTING,
    boto.InvalidS3AddressingStyleError: _SETTING,
    boto.InvalidS3UsEast1RegionalEndpointConfigError: _SETTING,
    boto.InvalidSTSRegionalEndpointsConfigError: _SETTING,
    boto.UnsupportedS3ConfigurationError: _SETTING,
    boto.UnsupportedS3ControlConfigurationError: _SETTING,
    boto.UnknownSignatureVersionError: _SETTING,
    boto.UnsupportedSignatureVersionError: _SETTING,
    boto.MissingDependencyException: "install what is missing (`pip install 'botocore[crt]'`), or use another profile",
    boto.DataNotFoundError: _MODELS,
    boto.ApiVersionNotFoundError: _MODELS,
    boto.UnsupportedServiceProtocolsError: _MODELS,
}
"""Settings that cannot be used: no call can be made until the user has corrected them."""

CREDENTIALS: Mapping[type[Exception], str] = {
    boto.NoCredentialsError: "provide credentials: AWS_PROFILE, `aws sso login`, or the role of the machine",
    boto.CredentialRetrievalError: "run what the profile names (`credential_process`, web identity, login) by hand, and correct what it reports",
    boto.MetadataRetrievalError: "check that the container or instance has a role, or set AWS_PROFILE",
    boto.RefreshWithMFAUnsupportedError: "use a session that has a token: `aws sts get-session-token --serial-number … --token-code …`",
    boto.NoAuthTokenError: _LOGIN,
    boto.TokenRetrievalError: _LOGIN,
    boto.SSOError: _LOGIN,
}
"""Credentials that could not be obtained. The settings may be right: the same run can succeed later."""

NETWORK: Mapping[type[Exception], str] = {
    boto.SSLError: "set AWS_CA_BUNDLE to the certificates of the authority that the proxy or endpoint uses",
    boto.ProxyConnectionError: "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and that the proxy answers",
}
"""Failures of the network that have a remedy of their own."""

_REMEDIES = {type_.__name__: text for table in (CONFIGURATION, CREDENTIALS, NETWORK) for type_, text in table.items()}
_CONFIGURATION_CODES = frozenset(type_.__name__ for type_ in CONFIGURATION)


class AwsConfigurationError(ConfigurationError):
    """The AWS settings of this machine cannot be used. `fault` and `remedy` make up the message."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(with_remedy(fault, remedy))
        self.fault = fault
        self.remedy = remedy


def code_of(error: BaseException, table: Mapping[type[Exception], str]) -> str | None:
    """The name of the error's class in the table, or of the nearest base class that is in it; None if there is none."""
    return next((type_.__name__ for type_ in type(error).__mro__ if type_ in table), None)


def remedy_for(error: Exception) -> str:
    """The remedy of a fault that was found while the settings were read. What no table names is a fault of the profile."""
    return _REMEDIES[code_of(error, CONFIGURATION) or boto.InvalidConfigError.__name__]


def is_configuration(code: str) -> bool:
    """Whether the code of a failure names a fault of the configuration."""
    return code in _CONFIGURATION_CODES


def has_remedy(failure: CallFailed) -> bool:
    """Whether the failure is in one of the tables."""
    return failure.code in _REMEDIES


def remedy_of(failure: CallFailed, client: str = "sts") -> str:
    """What the user can do about a failure to sign in to an account, or to reach the endpoint of a client."""
    if has_remedy(failure):
        return _REMEDIES[failure.code]
    if failure.reason in UNANSWERED:
        setting = f"AWS_ENDPOINT_URL_{client.upper().replace('-', '_')}"
        return f"check the network path (proxy, VPC endpoint, firewall), AWS_REGION, AWS_ENDPOINT_URL and {setting}"
    return "renew the credentials, and check that AWS_PROFILE names the right profile"


def explain(failure: CallFailed) -> str:
    """A failure that ended a command, and its remedy, in one line."""
    known = has_remedy(failure) or failure.reason in UNANSWERED or failure.operation == "sts:GetCallerIdentity"
    remedy = remedy_of(failure) if known else "`collector doctor` with the same options says what to change"
    return with_remedy(str(failure), remedy)


def with_remedy(fault: str, remedy: str) -> str:
    """A fault and its remedy, in one line."""
    return f"{fault.rstrip('.: ')}; {remedy}"
