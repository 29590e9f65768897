"""Client of JupiterOne's synchronization API: jobs that accept entities and relationships until they are finalized or aborted.

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
from collector.sinks.encoding import GZIP_LEVEL, Lines
from collector.sinks.shrink import shrink
from collector.sinks.transport import Http, RefusedError, TooLargeError

log = structlog.get_logger()

PATH = "/persister/synchronization/jobs"
BODY_BYTES = 5_000_000
"""Maximum size of one upload body before compression. The SDK limits its batches likewise."""

AWAITING = "AWAITING_UPLOADS"
FINISHED = "FINISHED"
UNDER_WAY = frozenset({"FINALIZE_PENDING", "FINALIZING_ENTITIES", "FINALIZING_RELATIONSHIPS"})
JOB_ENDED = "JOB_NOT_AWAITING_UPLOADS"
HEADERS = {"Content-Type": "application/json"}

RecordKind: TypeAlias = Literal["entities", "relationships"]
JobStatus: TypeAlias = Mapping[str, Any]


class JobEndedError(DeliveryError):
    """The job accepts no more uploads, because it was finalized or aborted."""


class Synchronization:
    """The calls of the API. Job states are returned as the service sends them. All methods raise `DeliveryError`."""

    def __init__(self, http: Http, base: str) -> None:
        """`base`: for instance `https://api.us.jupiterone.io`; a URL that ends with the API's path is used as it is."""
        self.http = http
        self.base = base.rstrip("/")
        self._jobs = self.base if self.base.endswith(PATH) else self.base + PATH

    async def start(self, source: Mapping[str, Any]) -> str:
        """Start a job and return its id.

        Duplicate keys overwrite each other: a body that is resent after a broken connection may have been accepted already.
        """
        job = await self._post("", {**source, "syncMode": "DIFF", "ignoreDuplicates": True})
        if not isinstance(job.get("id"), str):
            raise DeliveryError("JupiterOne returned no id for the new job")
        return str(job["id"])

    async def status(self, job: str) -> JobStatus:
        """Return the state of a job."""
        return _job(await self.http.get(f"{self._jobs}/{job}", HEADERS))

    async def finalize(self, job: str, partial: Iterable[str]) -> JobStatus:
        """End the uploads of a job; the service then deletes missing records, except those of the types in `partial`.

        Succeeds if the job is already being finalized, because the response to an earlier attempt may have been lost.
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
        """Discard what was uploaded to a job."""
        await self._post(f"/{job}/abort", {"reason": reason})

    async def upload(self, job: str, kind: RecordKind, lines: Lines) -> None:
        """Upload records, in more than one body if they are too large for one."""
        for part in _parts(lines, BODY_BYTES - len(_body(kind, []))):
            await self._upload(job, kind, part)

    async def _upload(self, job: str, kind: RecordKind, lines: Lines) -> None:
        body = _body(kind, lines)
        try:
            compressed = await to_thread.run_sync(gzip.compress, body, GZIP_LEVEL)
            headers = {"Content-Encoding": "gzip", "JupiterOne-Correlation-Id": str(uuid.uuid4())}
            await self._send(f"/{job}/{kind}", compressed, headers)
        except TooLargeError:
            parts = await to_thread.run_sync(_smaller, lines, len(body) // 2)
            if not parts:
                raise
            for part in parts:
                await self._upload(job, kind, part)

    async def _post(self, path: str, content: Mapping[str, Any]) -> JobStatus:
        return _job(await self._send(path, orjson.dumps(content), {}))

    async def _send(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        try:
            return await self.http.post(self._jobs + path, body, {**HEADERS, **headers})
        except RefusedError as error:
            if error.code == JOB_ENDED:
                raise JobEndedError(str(error)) from error
            raise


def _smaller(lines: Lines, goal: int) -> list[Lines]:
    """Replace a body that was too large: by one with less raw data, else by two halves. Empty for a single record."""
    smaller = shrink(lines, goal)
    if smaller is not None:
        log.warning("raw data was truncated because the upload was too large", records=len(lines))
        return [smaller]
    middle = len(lines) // 2
    return [lines[:middle], lines[middle:]] if middle else []


def _parts(lines: Lines, limit: int) -> Iterator[Lines]:
    """Group records into parts of at most `limit` bytes; a larger record is a part of its own."""
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


def _job(response: bytes) -> JobStatus:
    try:
        content = orjson.loads(response)
    except orjson.JSONDecodeError:
        raise DeliveryError("JupiterOne's response is not JSON") from None
    job = content.get("job") if isinstance(content, dict) else None
    if not isinstance(job, dict):
        raise DeliveryError("JupiterOne's response contains no job")
    return job
