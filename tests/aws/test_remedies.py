"""Every exception of botocore that a user's settings can cause has a remedy, and ends a command with one line."""

from __future__ import annotations

import inspect
import string
from typing import Any

import aioboto3
import pytest
from aiobotocore.session import AioSession
from botocore import exceptions as boto

from collector.aws.faults import classify
from collector.aws.remedies import CONFIGURATION, CREDENTIALS, NETWORK, code_of, has_remedy, remedy_of
from collector.cli.main import main
from collector.faults import CallFailed, Reason
from collector.report import Exit

NETWORK_WITHOUT_OWN_REMEDY = {
    "ConnectTimeoutError", "ConnectionClosedError", "ConnectionError", "EndpointConnectionError", "HTTPClientError",
    "ReadTimeoutError", "ResponseStreamingError",
}  # fmt: skip
"""Raised by requests. `classify` gives them a reason, and `remedy_of` one remedy for all."""

ELSEWHERE = {
    "BotoCoreError": "the base class",
    "ClientError": "an answer of AWS",
    "EventStreamError": "an answer of AWS in a stream",
    "ImminentRemovalWarning": "a warning",
    "UnsupportedTLSVersionWarning": "a warning",
    "AliasConflictParameterError": "a parameter of a call, which tests check",
    "ParamValidationError": "a parameter of a call, which tests check",
    "RangeError": "a parameter of a call, which tests check",
    "UnknownKeyError": "a parameter of a call, which tests check",
    "UnknownParameterError": "a parameter of a call, which tests check",
    "ValidationError": "a parameter of a call, which tests check",
    "MissingParametersError": "a parameter of a call, which tests check",
    "UnknownClientMethodError": "an operation of a declaration, which tests check",
    "OperationNotPageableError": "botocore's paginators are not used",
    "PaginationError": "botocore's paginators are not used",
    "WaiterConfigError": "no waiter is used",
    "WaiterError": "no waiter is used",
    "StubAssertionError": "only botocore's stubber raises it",
    "StubResponseError": "only botocore's stubber raises it",
    "UnStubbedResponseError": "only botocore's stubber raises it",
    "AwsChunkedWrapperError": "only for uploads",
    "UnseekableStreamError": "only for uploads",
    "MD5UnavailableError": "only for uploads",
    "ChecksumError": "only for downloads",
    "FlexibleChecksumError": "only for downloads",
    "IncompleteReadError": "a body that ended early, which is retried",
    "CapacityNotAvailableError": "only in the adaptive retry mode, which is off",
    "InvalidDNSNameError": "only in virtual-hosted addressing, which is off",
    "InvalidExpressionError": "only for paginators and waiters",
    "UnsupportedOutpostResourceError": "only for buckets that are named by ARN",
    "UnsupportedS3AccesspointConfigurationError": "only for buckets that are named by ARN",
    "UnsupportedS3ArnError": "only for buckets that are named by ARN",
    "UnsupportedS3ControlArnError": "only for buckets that are named by ARN",
    "MissingServiceIdError": "a model that is incomplete, which tests would notice",
    "UndefinedModelAttributeError": "a model that is incomplete, which tests would notice",
    "UnknownServiceStyle": "only for models of the past",
}
"""Exceptions that neither session, credentials, endpoints nor clients raise, with the reason."""

CLASSES = {
    name: each
    for name, each in vars(boto).items()
    if inspect.isclass(each) and issubclass(each, Exception) and each.__module__ == boto.__name__
}
BY_SETTINGS = sorted(
    name for name, each in CLASSES.items() if any(issubclass(each, base) for base in (*CONFIGURATION, *CREDENTIALS))
)


def made(name: str) -> Exception:
    """An exception of the class, whose message has all its parts; each part is two lines."""
    each = CLASSES[name]
    fields = {field for _, field, _, _ in string.Formatter().parse(getattr(each, "fmt", "")) if field}
    return each(**dict.fromkeys(fields, f"the part\nof {name}"))


def test_every_exception_of_botocore_has_a_remedy_or_a_reason_to_have_none():
    tables = (*CONFIGURATION, *CREDENTIALS, *NETWORK)
    with_remedy = {name for name, each in CLASSES.items() if issubclass(each, tables)}
    assert with_remedy | NETWORK_WITHOUT_OWN_REMEDY | ELSEWHERE.keys() == CLASSES.keys()
    assert not with_remedy & NETWORK_WITHOUT_OWN_REMEDY
    assert not with_remedy & ELSEWHERE.keys()
    assert not NETWORK_WITHOUT_OWN_REMEDY & ELSEWHERE.keys()


@pytest.mark.parametrize("name", BY_SETTINGS)
def test_a_fault_of_the_settings_is_classified_once_and_not_retried(name):
    found = classify(made(name))
    is_configuration = code_of(made(name), CONFIGURATION) is not None
    assert found.reason is (Reason.ERROR if is_configuration else Reason.EXPIRED)
    assert (found.transient, found.expired, found.unconnected) == (False, False, False)
    failure = CallFailed("sts:GetCallerIdentity", found.reason, found.code, found.message)
    assert has_remedy(failure)
    assert remedy_of(failure).isprintable()


@pytest.mark.parametrize("name", sorted(NETWORK_WITHOUT_OWN_REMEDY | {each.__name__ for each in NETWORK}))
def test_a_fault_of_the_network_has_a_remedy(name):
    found = classify(made(name))
    assert remedy_of(CallFailed("sts:GetCallerIdentity", found.reason, found.code, found.message))


def _in_session(raised: Exception, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(aioboto3, "Session", _raising(raised))


def _in_client(raised: Exception, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AioSession, "_create_client", _awaited(raised))


def _in_credentials(raised: Exception, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AioSession, "get_credentials", _awaited(raised))


def _raising(raised: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise raised

    return fail


def _awaited(raised: Exception) -> Any:
    async def fail(*_: object, **__: object) -> None:
        raise raised

    return fail


@pytest.mark.parametrize("stage", [_in_session, _in_client, _in_credentials])
@pytest.mark.parametrize("name", BY_SETTINGS)
def test_a_fault_of_the_settings_ends_a_command_with_one_line(name, stage, monkeypatch, capsys):
    stage(made(name), monkeypatch)
    with pytest.raises(SystemExit) as exited:
        main(["plan", "--services", "sqs"])
    out, err = capsys.readouterr()
    configuration = stage is _in_session or code_of(made(name), CONFIGURATION) is not None
    assert (exited.value.code, out) == (Exit.USAGE if configuration else Exit.NO_ACCOUNT, "")
    assert err.startswith("collector: ")
    assert err.count("\n") == 1
    assert "; " in err


@pytest.mark.parametrize("raised", [ValueError("no"), OSError(2, "No such file"), AttributeError("get"), KeyError("x")])
def test_whatever_a_source_of_credentials_raises_is_a_failure_to_obtain_them(raised, monkeypatch, capsys):
    _in_credentials(raised, monkeypatch)
    with pytest.raises(SystemExit) as exited:
        main(["plan", "--services", "sqs"])
    out, err = capsys.readouterr()
    assert (exited.value.code, out, err.count("\n")) == (Exit.NO_ACCOUNT, "", 1)
    assert (
        f"CredentialRetrievalError: Error when retrieving credentials from the configured source: {type(raised).__name__}"
        in err
    )
