"""Whether the outputs that are addresses answer, and take our token: asked without sending any record."""

from __future__ import annotations

import gzip
import uuid
from typing import TYPE_CHECKING, NamedTuple

from collector.config import ConfigurationError
from collector.sinks.base import DeliveryError
from collector.sinks.outputs import JUPITERONE, endpoint
from collector.sinks.synchronization import Synchronization
from collector.sinks.transport import Http, RefusedError, shown

if TYPE_CHECKING:
    from collector.config import Settings

NOT_LET_IN = frozenset({401, 403})
NOT_HERE = frozenset({404, 410})


class Fault(NamedTuple):
    """What is wrong with an output, and the remedy."""

    output: str
    fault: str
    remedy: str


async def check(settings: Settings) -> list[Fault]:
    """The faults of all outputs that are addresses."""
    wanted = [where for where in settings.output if "://" in where]
    hasty = settings.model_copy(update={"upload_attempts": 1, "upload_timeout": min(settings.upload_timeout, 15.0)})
    found = [await _fault(hasty, where) for where in wanted]
    return [fault for fault in found if fault is not None]


async def _fault(settings: Settings, where: str) -> Fault | None:
    name = shown(where)
    try:
        url, http = endpoint(settings, where)
        await http.open()
    except (ConfigurationError, DeliveryError) as error:
        return Fault(name, str(error), "correct the setting")
    try:
        await (_ask_jupiterone(http, url) if where.startswith(JUPITERONE) else _send_nothing(http, url))
    except RefusedError as error:
        return _refusal(name, error, where)
    except DeliveryError as error:
        return Fault(
            name, f"it does not answer usefully: {error}", "see to the address and to the way there (proxy, firewall)"
        )
    finally:
        await http.close()
    return None


async def _send_nothing(http: Http, url: str) -> None:
    """A batch without records, as the first of a run that sends no more."""
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


async def _ask_jupiterone(http: Http, url: str) -> None:
    """For a job that does not exist."""
    await Synchronization(http, url).status(str(uuid.uuid4()))


def _refusal(name: str, error: RefusedError, where: str) -> Fault | None:
    """What a refusal tells. Whoever finds fault with an empty batch, or with a job that does not exist, has let us in."""
    is_jupiterone = where.startswith(JUPITERONE)
    token = "JUPITERONE_API_KEY and JUPITERONE_ACCOUNT" if is_jupiterone else "COLLECTOR_UPLOAD_TOKEN"
    if error.status in NOT_LET_IN:
        return Fault(name, f"the token is refused: {error}", f"give the right {token}")
    if error.status == 0:
        return Fault(name, str(error), "correct the address, or give its certificate authority with --ca-bundle")
    if error.status in NOT_HERE and not is_jupiterone:
        return Fault(name, f"nothing takes uploads there: {error}", "correct the address")
    return None
