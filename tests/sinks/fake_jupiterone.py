"""A fake of JupiterOne's synchronization service on loopback: strict about states, bodies, sizes and duplicate keys.

What it refuses stands in `violations` too, unless it was told to refuse. Finalizing takes as many status requests as `pace`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY, ACCOUNT = "j1-key", "j1-account"
PATH = "/persister/synchronization/jobs"
MOST_BYTES = 5_000_000
FINALIZING = ["FINALIZE_PENDING", "FINALIZING_ENTITIES", "FINALIZING_RELATIONSHIPS", "FINISHED"]

Fault = Callable[["FakeJupiterOne", web.Request, str], Awaitable[web.StreamResponse | None]]


@dataclass
class Job:
    """A synchronization job as the service holds it."""

    id: str
    started_with: dict[str, Any]
    status: str = "AWAITING_UPLOADS"
    entities: dict[str, dict[str, Any]] = field(default_factory=dict)
    relationships: dict[str, dict[str, Any]] = field(default_factory=dict)
    partial: list[str] | None = None
    reason: str | None = None
    waiting: int = 0
    uncounted: int = 0

    @property
    def scope(self) -> str:
        return str(self.started_with.get("scope") or self.started_with.get("integrationInstanceId"))

    def told(self) -> dict[str, Any]:
        return {
            "job": {
                "id": self.id,
                "status": self.status,
                "done": self.status in {"FINISHED", "ABORTED"},
                **self.started_with,
                "numEntitiesUploaded": len(self.entities) - self.uncounted,
                "numRelationshipsUploaded": len(self.relationships),
                "numRelationshipCreateErrors": 0,
            }
        }


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.answer = web.json_response({"error": {"code": code, "message": message or code}}, status=status)


class FakeJupiterOne:
    """The service. Faults get the request and its last word (`entities`, `finalize`, …), and answer in its place or not."""

    def __init__(self, *, most_bytes: int = MOST_BYTES, pace: int = 1) -> None:
        self.url = ""
        self.jobs: dict[str, Job] = {}
        self.tries: Counter[str] = Counter()
        self.correlations: list[str] = []
        self.violations: list[str] = []
        self.most_bytes, self.pace = most_bytes, pace
        self.fault: Fault | None = None

    def job(self, account: str) -> Job:
        """The last job of an account's scope."""
        return [job for job in self.jobs.values() if job.scope == f"aws:{account}"][-1]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        word = request.path.rpartition("/")[2] if request.path.count("/") > PATH.count("/") + 1 else request.method
        self.tries[word] += 1
        try:
            self._authenticate(request)
            if self.fault is not None:
                answer = await self.fault(self, request, word)
                if answer is not None:
                    return answer
            return await self.take(request)
        except Refusal as refusal:
            if refusal.answer.status not in {401, 413}:
                self.violations.append(f"{request.method} {request.path}: {refusal}")
            return refusal.answer

    async def take(self, request: web.Request) -> web.StreamResponse:
        rest = request.path.removeprefix(PATH).strip("/").split("/")
        if not request.path.startswith(PATH) or len(rest) > 2:
            raise Refusal(404, "NOT_FOUND")
        if rest == [""]:
            return web.json_response(self._start(await self._body(request)).told())
        job = self.jobs.get(rest[0])
        if job is None:
            raise Refusal(404, "JOB_NOT_FOUND")
        if len(rest) == 1:
            self._proceed(job)
            return web.json_response(job.told())
        await self._do(job, rest[1], request)
        return web.json_response(job.told())

    def _authenticate(self, request: web.Request) -> None:
        if (
            request.headers.get("Authorization") != f"Bearer {KEY}"
            or request.headers.get("JupiterOne-Account") != ACCOUNT
        ):
            raise Refusal(401, "UNAUTHORIZED")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        if request.method != "POST" or request.content_type != "application/json":
            raise Refusal(415, "UNSUPPORTED")
        data = await request.read()
        if len(data) > self.most_bytes:
            raise Refusal(413, "RequestEntityTooLargeException")
        told = json.loads(data)
        if not isinstance(told, dict):
            raise Refusal(400, "BODY_IS_NOT_OBJECT")
        return told

    def _start(self, told: dict[str, Any]) -> Job:
        if told.get("source") == "api":
            if not told.get("scope") or "integrationInstanceId" in told:
                raise Refusal(400, "BAD_SCOPE")
        elif told.get("source") != "integration-external" or not told.get("integrationInstanceId") or "scope" in told:
            raise Refusal(400, "BAD_SOURCE")
        if told.get("syncMode", "DIFF") != "DIFF":
            raise Refusal(400, "BAD_MODE")
        job = Job(f"job-{len(self.jobs) + 1}", told)
        self.jobs[job.id] = job
        return job

    async def _do(self, job: Job, word: str, request: web.Request) -> None:
        if job.status != "AWAITING_UPLOADS":
            raise Refusal(400, "JOB_NOT_AWAITING_UPLOADS")
        if word in {"entities", "relationships"}:
            self.correlations.append(request.headers.get("JupiterOne-Correlation-Id", ""))
            self._upload(job, word, await self._body(request))
        elif word == "finalize":
            self._finalize(job, await self._body(request))
        elif word == "abort":
            job.status, job.reason = "ABORTED", str((await self._body(request))["reason"])
        else:
            raise Refusal(404, "NOT_FOUND")

    def _upload(self, job: Job, word: str, told: dict[str, Any]) -> None:
        records = told.get(word)
        if set(told) != {word} or not isinstance(records, list) or not records:
            raise Refusal(400, "ENTITY_IS_NOT_ARRAY")
        keys = Counter(record["_key"] for record in records)
        if max(keys.values()) > 1:
            raise Refusal(400, "DUPLICATE_KEY", str(keys.most_common(1)))
        kept, other = (job.entities, job.relationships) if word == "entities" else (job.relationships, job.entities)
        known = keys.keys() & (kept.keys() | other.keys())
        if known and not job.started_with.get("ignoreDuplicates"):
            raise Refusal(400, "DUPLICATE_KEY", str(known))
        for record in records:
            self._check(word, record)
            kept[record["_key"]] = record

    def _check(self, word: str, record: dict[str, Any]) -> None:
        if word == "entities" and not isinstance(record.get("_class"), list):
            raise Refusal(400, "NOT_AN_ENTITY", record["_key"])
        if word == "relationships" and not (
            {"_fromEntityKey", "_toEntityKey"} <= record.keys() or "_mapping" in record
        ):
            raise Refusal(400, "NOT_A_RELATIONSHIP", record["_key"])
        names = [entry["name"] for entry in record.get("_rawData", [])]
        if len(set(names)) < len(names):
            raise Refusal(400, "DUPLICATE_RAW_DATA_NAME", record["_key"])
        for name, value in record.items():
            if name not in {"_rawData", "_mapping"} and isinstance(value, dict):
                raise Refusal(400, "NESTED_OBJECT", f"{record['_key']} {name}")

    def _finalize(self, job: Job, told: dict[str, Any]) -> None:
        types = told.get("partialDatasets", {"types": []})["types"]
        if set(told) - {"partialDatasets"} or len(set(types)) < len(types):
            raise Refusal(400, "BAD_FINALIZE")
        job.status, job.partial, job.waiting = "FINALIZE_PENDING", types, self.pace

    def _proceed(self, job: Job) -> None:
        if job.status in FINALIZING[:-1]:
            job.waiting -= 1
            if job.waiting < 0:
                job.status, job.waiting = FINALIZING[FINALIZING.index(job.status) + 1], self.pace
