"""From what the user asked for to the sinks that do it."""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import structlog

from collector.config import ConfigurationError, Settings
from collector.sinks.credentials import Token
from collector.sinks.jupiterone import Aims, JupiterOneSink
from collector.sinks.layout import found
from collector.sinks.ndjson import NdjsonSink
from collector.sinks.several import SeveralSinks
from collector.sinks.spool import Room, Spool, taken_over
from collector.sinks.synchronization import Synchronization
from collector.sinks.transport import Http, Manner, UploadRetryPolicy
from collector.sinks.upload import UploadSink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.sinks.base import Sink

log = structlog.get_logger()

JUPITERONE = "jupiterone+"
UNDELIVERED = "collector-undelivered"
"""The folder for what could not be delivered, where no --spool says otherwise."""


@dataclass(frozen=True, slots=True)
class Types:
    """All types there are, and those of which a run with these settings cannot see everything."""

    every: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()


def sink(settings: Settings, types: Types) -> Sink:
    """The outputs that the settings name, as one sink.

    Raises:
        ConfigurationError: when one of them cannot be meant, or lacks what it needs.
    """
    if len(set(settings.output)) < len(settings.output):
        raise ConfigurationError("--output names the same place twice")
    if settings.spool is not None and not any(map(_is_address, settings.output)):
        raise ConfigurationError("--spool is for uploads; no --output is an address")
    sinks = [_output(settings, types, where, index) for index, where in enumerate(settings.output, 1)]
    return sinks[0] if len(sinks) == 1 else SeveralSinks(sinks)


def left(settings: Settings, types: Types, place: Path) -> Iterator[tuple[Spool, UploadSink | JupiterOneSink]]:
    """What lies in a spool, and the sinks that send it: to where it was meant for, unless `--output` says otherwise.

    Raises:
        ConfigurationError: when there is no such folder, or no address to send to.
        DeliveryError: when the folder cannot be read.
    """
    if not place.is_dir():
        raise ConfigurationError(f"{place} is not a folder")
    given = [where for where in settings.output if _is_address(where)]
    if len(given) > 1:
        raise ConfigurationError("a spool is sent to one --output")
    for folder in found(place):
        spool = taken_over(folder, settings.spool_size)
        if spool is None:
            log.warning("left alone: its run is still going on", spool=str(folder))
            continue
        spool.output = given[0] if given else spool.output
        if not spool.output:
            raise ConfigurationError(f"{folder} does not say where it was to go: use --output")
        yield spool, _sender(settings, types, spool)


def _output(settings: Settings, types: Types, where: str, index: int) -> Sink:
    if not _is_address(where):
        return NdjsonSink(where)
    return _sender(settings, types, Spool(_room(settings), where, index))


def _sender(settings: Settings, types: Types, spool: Spool) -> UploadSink | JupiterOneSink:
    url, http = endpoint(settings, spool.output)
    if not spool.output.startswith(JUPITERONE):
        return UploadSink(url, http, spool, width=settings.upload_concurrency)
    aims = Aims(types.every, types.unseen, settings.jupiterone_instance, settings.wait)
    return JupiterOneSink(Synchronization(http, url), spool, aims, width=settings.upload_concurrency)


def endpoint(settings: Settings, where: str) -> tuple[str, Http]:
    """The address of an output, and the way to it with its token; not open yet.

    Raises:
        ConfigurationError: when the address cannot be meant, or something is lacking for it.
    """
    url = _address(settings, where)
    patience = UploadRetryPolicy(attempts=settings.upload_attempts)
    if not where.startswith(JUPITERONE):
        token = Token(
            "COLLECTOR_UPLOAD_TOKEN", settings.upload_token, settings.upload_token_file, settings.upload_token_command
        )
        return url, Http(_manner(settings), token, patience)
    key = Token(
        "JUPITERONE_API_KEY",
        settings.jupiterone_api_key,
        settings.jupiterone_api_key_file,
        settings.jupiterone_api_key_command,
    )
    if not key.given or not settings.jupiterone_account:
        raise ConfigurationError("a JupiterOne output needs JUPITERONE_API_KEY and JUPITERONE_ACCOUNT")
    return url, Http(_manner(settings, {"JupiterOne-Account": settings.jupiterone_account}), key, patience)


def _room(settings: Settings) -> Room:
    if settings.spool is not None:
        return Room(settings.spool, settings.spool_size, durable=True)
    here = Path(UNDELIVERED)
    folder = (
        here if os.access(here if here.is_dir() else Path(), os.W_OK) else Path(tempfile.gettempdir()) / UNDELIVERED
    )
    return Room(folder.absolute(), settings.spool_size, durable=False)


def _is_address(where: str) -> bool:
    return "://" in where


def _address(settings: Settings, where: str) -> str:
    """The URL of an output, if it is one that may be sent to."""
    url = where.removeprefix(JUPITERONE)
    parts = _parts(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"--output: {where.partition('?')[0]!r} is not https://… or jupiterone+https://…")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("--output: an address takes no credentials; use COLLECTOR_UPLOAD_TOKEN or --header")
    if parts.scheme == "http" and not settings.allow_insecure_upload and not _is_loopback(parts.hostname):
        raise ConfigurationError(
            f"--output: http://{parts.hostname} is not encrypted; use https, or --allow-insecure-upload"
        )
    return parts._replace(fragment="").geturl()


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError("--output: the address is not valid") from None
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _manner(settings: Settings, more: dict[str, str] | None = None) -> Manner:
    return Manner(settings.upload_timeout, {**dict(map(_header, settings.header)), **(more or {})}, _tls(settings))


def _header(text: str) -> tuple[str, str]:
    """A header as `curl` takes it. What is wrong is told without its value, which may be a secret."""
    name, colon, value = text.partition(":")
    name = name.strip()
    if (
        not colon
        or not name.replace("-", "").replace("_", "").isalnum()
        or not name.isascii()
        or {"\r", "\n"} & {*value}
    ):
        raise ConfigurationError("--header takes `Name: value`")
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
