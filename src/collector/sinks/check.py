"""Checks that HTTP outputs are reachable and accept the configured credentials, without sending records."""

from __future__ import annotations

import gzip
import uuid
from typing import NamedTuple

from collector.config import ConfigurationError, Settings
from collector.sinks.base import DeliveryError
from collector.sinks.outputs import JUPITERONE, endpoint, is_url
from collector.sinks.synchronization import Synchronization
from collector.sinks.transport import Http, RefusedError, without_query

AUTH_FAILED = frozenset({401, 403})
NOT_FOUND = frozenset({404, 410})


class Fault(NamedTuple):
    """What is wrong with an output, and the remedy."""

    output: str
    fault: str
    remedy: str


async def check(settings: Settings) -> list[Fault]:
    """Return the faults of all outputs that are URLs. Each is tried once, for at most 15 seconds a request."""
    single_attempt = settings.model_copy(
        update={"upload_attempts": 1, "upload_timeout": min(settings.upload_timeout, 15.0)}
    )
    faults = [await _fault(single_attempt, output) for output in settings.output if is_url(output)]
    return [fault for fault in faults if fault is not None]


async def _fault(settings: Settings, output: str) -> Fault | None:
    name = without_query(output)
    try:
        url, http = endpoint(settings, output)
        await http.open()
    except (ConfigurationError, DeliveryError) as error:
        return Fault(name, str(error), "correct the setting")
    try:
        if output.startswith(JUPITERONE):
            await Synchronization(http, url).status(str(uuid.uuid4()))  # of a job that does not exist
        else:
            await _send_empty_batch(http, url)
    except RefusedError as error:
        return _refusal(name, error, output)
    except DeliveryError as error:
        return Fault(name, f"the request failed: {error}", "check the address, and any proxy or firewall on the way")
    finally:
        await http.close()
    return None


async def _send_empty_batch(http: Http, url: str) -> None:
    run = str(uuid.uuid4())
    headers = {
        "Content-Type": "application/x-ndjson",
        "Content-Encoding": "gzip",
        "Idempotency-Key": f"{run}/0",
        "Collector-Run-Id": run,
        "Collector-Batch": "0",
        "Collector-Event": "check",
    }
    await http.post(url, gzip.compress(b""), headers)


def _refusal(name: str, error: RefusedError, output: str) -> Fault | None:
    """Map a rejected check to a fault.

    An endpoint that rejects only the empty batch or the missing job has accepted the credentials: that is no fault.
    """
    is_jupiterone = output.startswith(JUPITERONE)
    token = "JUPITERONE_API_KEY and JUPITERONE_ACCOUNT" if is_jupiterone else "COLLECTOR_UPLOAD_TOKEN"
    if error.status in AUTH_FAILED:
        return Fault(name, f"the token is rejected: {error}", f"set a valid {token}")
    if error.status == 0:
        return Fault(name, str(error), "correct the address, or set --ca-bundle to its certificate authority")
    if error.status in NOT_FOUND and not is_jupiterone:
        return Fault(name, f"no upload endpoint at this address: {error}", "correct the address")
    return None
