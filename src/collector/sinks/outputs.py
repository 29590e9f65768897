"""Builds the sinks for the configured outputs."""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from collector.catalog.catalog import Catalog
from collector.catalog.partial import known_types
from collector.config import ConfigurationError, Settings
from collector.sinks.base import OutputSink
from collector.sinks.credentials import Token
from collector.sinks.fan_out import FanOutSink
from collector.sinks.files import check_file, same_files
from collector.sinks.jupiterone import JupiterOneSink, SyncSettings
from collector.sinks.ndjson import NdjsonSink
from collector.sinks.outbox import SpooledSink
from collector.sinks.spool import Spool, SpoolSettings
from collector.sinks.synchronization import Synchronization
from collector.sinks.transport import Http, HttpSettings, UploadRetryPolicy, without_query
from collector.sinks.upload import UploadSink

JUPITERONE = "jupiterone+"
UNDELIVERED = "collector-undelivered"
"""The directory for undelivered batches if --spool is not set."""


def sink(settings: Settings) -> OutputSink:
    """Build one sink for all configured outputs.

    Raises:
        ConfigurationError: if an output is not valid, or a setting that it needs is missing.
    """
    files = [output for output in settings.output if not is_url(output)]
    if len(set(settings.output)) < len(settings.output) or same_files(files):
        raise ConfigurationError("--output: the same output is given twice")
    if settings.spool is not None and not any(map(is_url, settings.output)):
        raise ConfigurationError("--spool applies to uploads only; no --output is a URL")
    sinks = [_sink(settings, output, index) for index, output in enumerate(settings.output, 1)]
    return sinks[0] if len(sinks) == 1 else FanOutSink(sinks)


def _sink(settings: Settings, output: str, index: int) -> OutputSink:
    if not is_url(output):
        check_file(output)
        return NdjsonSink(output)
    return spooled_sink(settings, Spool(_spool_settings(settings), output, index))


def spooled_sink(settings: Settings, spool: Spool) -> SpooledSink:
    """A sink for the output of a spool.

    Raises:
        ConfigurationError: if the output is not valid, or a setting that it needs is missing.
    """
    url, http = endpoint(settings, spool.output)
    if not spool.output.startswith(JUPITERONE):
        return UploadSink(url, http, spool, width=settings.upload_concurrency)
    sync = SyncSettings(known_types(Catalog.all()), settings.jupiterone_instance, settings.wait)
    return JupiterOneSink(Synchronization(http, url), spool, sync, width=settings.upload_concurrency)


def endpoint(settings: Settings, output: str) -> tuple[str, Http]:
    """The URL of an output, and its HTTP client, which is not open yet.

    Raises:
        ConfigurationError: if the URL is not valid or not allowed, or a setting that it needs is missing.
    """
    url = _url(settings, output)
    retry_policy = UploadRetryPolicy(attempts=settings.upload_attempts)
    if not output.startswith(JUPITERONE):
        token = Token(
            "COLLECTOR_UPLOAD_TOKEN", settings.upload_token, settings.upload_token_file, settings.upload_token_command
        )
        return url, Http(http_settings(settings), token, retry_policy)
    key = Token(
        "JUPITERONE_API_KEY",
        settings.jupiterone_api_key,
        settings.jupiterone_api_key_file,
        settings.jupiterone_api_key_command,
    )
    if not key.is_configured or not settings.jupiterone_account:
        raise ConfigurationError("a JupiterOne output needs JUPITERONE_API_KEY and JUPITERONE_ACCOUNT")
    account = {"JupiterOne-Account": settings.jupiterone_account}
    return url, Http(http_settings(settings, account), key, retry_policy)


def _spool_settings(settings: Settings) -> SpoolSettings:
    if settings.spool is not None:
        return SpoolSettings(settings.spool, settings.spool_size, durable=True)
    folder = Path(UNDELIVERED)
    if not os.access(folder if folder.is_dir() else Path(), os.W_OK):
        folder = Path(tempfile.gettempdir()) / UNDELIVERED
    return SpoolSettings(folder.absolute(), settings.spool_size, durable=False)


def is_url(output: str) -> bool:
    """Whether an output is an endpoint, not a file."""
    return "://" in output


def _url(settings: Settings, output: str) -> str:
    """Validate an output and return its URL, without `jupiterone+` and fragment."""
    url = output.removeprefix(JUPITERONE)
    try:
        parts = urlsplit(url)
        _ = parts.port  # validates it
    except ValueError:
        raise ConfigurationError("--output: the URL is not valid") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"--output: {without_query(output)!r} is not https://… or jupiterone+https://…")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("--output: a URL must not contain credentials; use COLLECTOR_UPLOAD_TOKEN or --header")
    if parts.scheme == "http" and not settings.allow_insecure_upload and not _is_loopback(parts.hostname):
        raise ConfigurationError(
            f"--output: http://{parts.hostname} is not encrypted; use https, or --allow-insecure-upload"
        )
    return parts._replace(fragment="").geturl()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def http_settings(settings: Settings, more: dict[str, str] | None = None) -> HttpSettings:
    """The timeout, headers and certificates of all uploads.

    Raises:
        ConfigurationError: if a header is not valid, or a certificate cannot be read.
    """
    return HttpSettings(
        settings.upload_timeout, {**dict(map(_header, settings.header)), **(more or {})}, _tls(settings)
    )


def _header(text: str) -> tuple[str, str]:
    """Parse a header in curl's format. The error does not contain the value, which may be a secret."""
    name, colon, value = text.partition(":")
    name = name.strip()
    if (
        not colon
        or not name.replace("-", "").replace("_", "").isalnum()
        or not name.isascii()
        or {"\r", "\n"} & {*value}
    ):
        raise ConfigurationError("--header must have the form `Name: value`")
    return name, value.strip()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not (settings.ca_bundle or settings.client_cert):
        if settings.client_key:
            raise ConfigurationError("--client-key needs --client-cert")
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_bundle)
        if settings.client_cert:
            context.load_cert_chain(settings.client_cert, settings.client_key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(f"--client-cert, --client-key, --ca-bundle: {reason}") from None
    return context
