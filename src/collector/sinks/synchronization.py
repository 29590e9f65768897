"""JupiterOne's synchronization API: jobs that take entities and relationships until they are finalized or aborted.

Source: JupiterOne's docs and the published SDK (integration-sdk-runtime, synchronization): paths, bodies, error codes, states.
"""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

import orjson
import structlog
from anyio import to_thread

from collector.sinks.base import DeliveryError
from collector.sinks.encoding import LEVEL, Lines
from collector.sinks.shrink import shrunk
from collector.sinks.transport import Http, RefusedError, TooLargeError

log = structlog.get_logger()

PATH = "/persister/synchronization/jobs"
BODY_BYTES = 5_000_000
"""Of JSON in one upload, before compression: where the SDK closes a batch."""

AWAITING = "AWAITING_UPLOADS"
FINISHED = "FINISHED"
UNDER_WAY = frozenset({"FINALIZE_PENDING", "FINALIZING_ENTITIES", "FINALIZING_RELATIONSHIPS"})
JOB_ENDED = "JOB_NOT_AWAITING_UPLOADS"

RecordKind: TypeAlias = Literal["entities", "relationships"]
JobStatus: TypeAlias = Mapping[str, Any]


class JobEndedError(DeliveryError):
    """The job takes no more uploads: it was finalized or aborted, by whomever."""


class Synchronization:
    """The API's calls; what comes back is the job as the service sees it. All raise `DeliveryError`."""

    def __init__(self, http: Http, base: str) -> None:
        """`base`: `https://api.us.jupiterone.io`, with another path if the API lies elsewhere."""
        self.http = http
        self.base = base.rstrip("/")
        self._jobs = self.base if self.base.endswith(PATH) else self.base + PATH

    async def start(self, what: Mapping[str, Any]) -> str:
        """Open a job; its id.

        A key that comes twice overwrites what came before: a body that is sent again after a broken connection may have been
        accepted already.
        """
        job = await self._post("", {**what, "syncMode": "DIFF", "ignoreDuplicates": True})
        if not isinstance(job.get("id"), str):
            raise DeliveryError("JupiterOne answers the start of a job without an id")
        return str(job["id"])

    async def status(self, job: str) -> JobStatus:
        """What has become of a job."""
        return _job(await self.http.get(f"{self._jobs}/{job}", _headers()))

    async def finalize(self, job: str, partial: Iterable[str]) -> JobStatus:
        """All has been uploaded; of the types in `partial` nothing that is missing is to be deleted.

        A job that is being finalized already, because the answer to an earlier attempt was lost, is as good.
        """
        types = sorted(partial)
        try:
            return await self._post(f"/{job}/finalize", {"partialDatasets": {"types": types}} if types else {})
        except JobEndedError:
            status = await self.status(job)
            if status.get("status") in UNDER_WAY or status.get("status") == FINISHED:
                return status
            raise

    async def abort(self, job: str, reason: str) -> None:
        """Throw away what was uploaded to a job."""
        await self._post(f"/{job}/abort", {"reason": reason})

    async def upload(self, job: str, kind: RecordKind, lines: Lines) -> None:
        """Upload records, in several bodies if they are too large for one."""
        for part in _parts(lines, BODY_BYTES - len(_body(kind, []))):
            await self._upload(job, kind, part)

    async def _upload(self, job: str, kind: RecordKind, lines: Lines) -> None:
        body = _body(kind, lines)
        try:
            packed = await to_thread.run_sync(gzip.compress, body, LEVEL)
            await self._sent(
                f"/{job}/{kind}", packed, {"Content-Encoding": "gzip", "JupiterOne-Correlation-Id": str(uuid.uuid4())}
            )
        except TooLargeError:
            parts = await to_thread.run_sync(_smaller, lines, len(body) // 2)
            if not parts:
                raise
            for part in parts:
                await self._upload(job, kind, part)

    async def _post(self, path: str, told: Mapping[str, Any]) -> JobStatus:
        return _job(await self._sent(path, orjson.dumps(told), {}))

    async def _sent(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        try:
            return await self.http.post(self._jobs + path, body, {**_headers(), **headers})
        except RefusedError as error:
            if error.code == JOB_ENDED:
                raise JobEndedError(str(error)) from error
            raise


def _smaller(lines: Lines, goal: int) -> list[Lines]:
    """What to send instead of a body that was too large: less raw data, else halves; nothing when it is a single record."""
    less = shrunk(lines, goal)
    if less is not None:
        log.warning("raw data was shortened: the body was too large", records=len(lines))
        return [less]
    middle = len(lines) // 2
    return [lines[:middle], lines[middle:]] if middle else []


def _parts(lines: Lines, limit: int) -> Iterator[Lines]:
    """Records by bodies of at most `limit` bytes; one that is larger goes alone."""
    part: Lines = []
    size = 0
    for line in lines:
        if part and size + len(line) + 1 > limit:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield part


def _body(kind: RecordKind, lines: Lines) -> bytes:
    return b'{"' + kind.encode() + b'":[' + b",".join(lines) + b"]}"


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json"}


def _job(answer: bytes) -> JobStatus:
    try:
        told = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise DeliveryError("JupiterOne's answer is not JSON") from None
    job = told.get("job") if isinstance(told, dict) else None
    if not isinstance(job, dict):
        raise DeliveryError("JupiterOne's answer has no job")
    return job
