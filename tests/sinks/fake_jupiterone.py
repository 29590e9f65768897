"""A fake of JupiterOne's synchronization service on loopback: strict about states, bodies, sizes and duplicate keys.

Rejected requests are recorded in `violations`, except for 401 and 413. Each step of finalizing takes `pace` status requests.
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
MAX_BYTES = 5_000_000
FINALIZING = ["FINALIZE_PENDING", "FINALIZING_ENTITIES", "FINALIZING_RELATIONSHIPS", "FINISHED"]

Fault = Callable[["FakeJupiterOne", web.Request, str], Awaitable[web.StreamResponse | None]]


@dataclass
class Job:
    """The state of a synchronization job in the service."""

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

    def status_body(self) -> dict[str, Any]:
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
        self.response = web.json_response({"error": {"code": code, "message": message or code}}, status=status)


class FakeJupiterOne:
    """The service. `fault` takes the request and its action (`entities`, `finalize`, …); it returns a response or None."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, pace: int = 1) -> None:
        self.url = ""
        self.jobs: dict[str, Job] = {}
        self.attempts: Counter[str] = Counter()
        self.correlations: list[str] = []
        self.violations: list[str] = []
        self.max_bytes, self.pace = max_bytes, pace
        self.fault: Fault | None = None

    def job(self, account: str) -> Job:
        """The latest job of an account's scope."""
        return [job for job in self.jobs.values() if job.scope == f"aws:{account}"][-1]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        action = request.path.rpartition("/")[2] if request.path.count("/") > PATH.count("/") + 1 else request.method
        self.attempts[action] += 1
        try:
            self._authenticate(request)
            if self.fault is not None:
                response = await self.fault(self, request, action)
                if response is not None:
                    return response
            return await self.take(request)
        except Refusal as refusal:
            if refusal.response.status not in {401, 413}:
                self.violations.append(f"{request.method} {request.path}: {refusal}")
            return refusal.response

    async def take(self, request: web.Request) -> web.StreamResponse:
        rest = request.path.removeprefix(PATH).strip("/").split("/")
        if not request.path.startswith(PATH) or len(rest) > 2:
            raise Refusal(404, "NOT_FOUND")
        if rest == [""]:
            return web.json_response(self._start(await self._body(request)).status_body())
        job = self.jobs.get(rest[0])
        if job is None:
            raise Refusal(404, "JOB_NOT_FOUND")
        if len(rest) == 1:
            self._proceed(job)
            return web.json_response(job.status_body())
        await self._do(job, rest[1], request)
        return web.json_response(job.status_body())

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
        if len(data) > self.max_bytes:
            raise Refusal(413, "RequestEntityTooLargeException")
        body = json.loads(data)
        if not isinstance(body, dict):
            raise Refusal(400, "BODY_IS_NOT_OBJECT")
        return body

    def _start(self, body: dict[str, Any]) -> Job:
        if body.get("source") == "api":
            if not body.get("scope") or "integrationInstanceId" in body:
                raise Refusal(400, "BAD_SCOPE")
        elif body.get("source") != "integration-external" or not body.get("integrationInstanceId") or "scope" in body:
            raise Refusal(400, "BAD_SOURCE")
        if body.get("syncMode", "DIFF") != "DIFF":
            raise Refusal(400, "BAD_MODE")
        job = Job(f"job-{len(self.jobs) + 1}", body)
        self.jobs[job.id] = job
        return job

    async def _do(self, job: Job, action: str, request: web.Request) -> None:
        if job.status != "AWAITING_UPLOADS":
            raise Refusal(400, "JOB_NOT_AWAITING_UPLOADS")
        if action in {"entities", "relationships"}:
            self.correlations.append(request.headers.get("JupiterOne-Correlation-Id", ""))
            self._upload(job, action, await self._body(request))
        elif action == "finalize":
            self._finalize(job, await self._body(request))
        elif action == "abort":
            job.status, job.reason = "ABORTED", str((await self._body(request))["reason"])
        else:
            raise Refusal(404, "NOT_FOUND")

    def _upload(self, job: Job, action: str, body: dict[str, Any]) -> None:
        records = body.get(action)
        if set(body) != {action} or not isinstance(records, list) or not records:
            raise Refusal(400, "ENTITY_IS_NOT_ARRAY")
        keys = Counter(record["_key"] for record in records)
        if max(keys.values()) > 1:
            raise Refusal(400, "DUPLICATE_KEY", str(keys.most_common(1)))
        target, other = (job.entities, job.relationships) if action == "entities" else (job.relationships, job.entities)
        duplicates = keys.keys() & (target.keys() | other.keys())
        if duplicates and not job.started_with.get("ignoreDuplicates"):
            raise Refusal(400, "DUPLICATE_KEY", str(duplicates))
        for record in records:
            self._check(action, record)
            target[record["_key"]] = record

    def _check(self, action: str, record: dict[str, Any]) -> None:
        if action == "entities" and not isinstance(record.get("_class"), list):
            raise Refusal(400, "NOT_AN_ENTITY", record["_key"])
        if action == "relationships" and not (
            {"_fromEntityKey", "_toEntityKey"} <= record.keys() or "_mapping" in record
        ):
            raise Refusal(400, "NOT_A_RELATIONSHIP", record["_key"])
        names = [entry["name"] for entry in record.get("_rawData", [])]
        if len(set(names)) < len(names):
            raise Refusal(400, "DUPLICATE_RAW_DATA_NAME", record["_key"])
        for name, value in record.items():
            if name not in {"_rawData", "_mapping"} and isinstance(value, dict):
                raise Refusal(400, "NESTED_OBJECT", f"{record['_key']} {name}")

    def _finalize(self, job: Job, body: dict[str, Any]) -> None:
        types = body.get("partialDatasets", {"types": []})["types"]
        if set(body) - {"partialDatasets"} or len(set(types)) < len(types):
            raise Refusal(400, "BAD_FINALIZE")
        job.status, job.partial, job.waiting = "FINALIZE_PENDING", types, self.pace

    def _proceed(self, job: Job) -> None:
        if job.status in FINALIZING[:-1]:
            job.waiting -= 1
            if job.waiting < 0:
                job.status, job.waiting = FINALIZING[FINALIZING.index(job.status) + 1], self.pace
