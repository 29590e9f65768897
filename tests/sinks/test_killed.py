"""Real processes: killed in the middle, ended by dead endpoints, and what `collector upload` makes of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from random import Random

import pytest

from tests.sinks.endpoint import Endpoint, answering, serving
from tests.sinks.made import batch, lines

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t-token"


def _environment(**more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    return {**plain, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONUNBUFFERED": "1", **more}


async def _collector(*words: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "collector", *words, cwd=cwd, env=_environment(**environment),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, told = await process.communicate()
    return process.returncode or 0, out.decode(), told.decode()


@pytest.mark.parametrize("seed", range(10))
async def test_killed_at_a_random_moment_nothing_that_was_collected_is_lost(tmp_path, seed):
    endpoint, fate = Endpoint(), Random(seed)

    async def dawdle(_, request, key):
        await asyncio.sleep(fate.random() * 0.02)

    endpoint.fault = dawdle
    async with serving(endpoint.handle) as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "tests/sinks/run_until_killed.py"), url, str(tmp_path / "spool"),
            env=_environment(), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        said = [await process.stdout.readline() for _ in range(fate.randrange(1, 150))]
        await asyncio.sleep(fate.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        said += (await process.stdout.read()).splitlines(keepends=True)
        assert await process.wait() == -signal.SIGKILL
        collected = [int(line) for line in said if line.endswith(b"\n")]
        before = len(endpoint.accepted)
        code, _, told = await _collector("upload", str(tmp_path / "spool"), cwd=tmp_path)
        assert (code, endpoint.violations) == (0, []), told
    made = [batch(sequence, entities=20, links=5) for sequence in collected]
    last = batch(max(collected) + 1, entities=20, links=5)  # may have been on disk, and not yet reported
    assert set(lines(made)) <= set(endpoint.lines) <= set(lines([*made, last]))
    assert len(endpoint.lines) == len(set(endpoint.lines))
    assert before < len(endpoint.accepted)
    assert endpoint.reports == []
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_dead_endpoint_is_exit_code_5_with_the_place_and_the_report_and_upload_completes_it(estate, tmp_path):
    endpoint = Endpoint()
    endpoint.token = SECRET
    endpoint.fault = answering(403, times=10**6)
    async with serving(endpoint.handle) as url:
        code, out, told = await _collector(
            "collect", "--services", "sqs,ec2", "--regions", "us-east-1", "--report", "report.json",
            "--output", url, "--output", "out.ndjson",
            cwd=tmp_path, COLLECTOR_UPLOAD_TOKEN=SECRET,
        )  # fmt: skip
        assert (code, out) == (5, "")
        (place,) = (tmp_path / "collector-undelivered").iterdir()
        assert f"collector upload {place}" in told
        assert "Traceback" not in told
        report = json.loads((tmp_path / "report.json").read_bytes())
        assert report["status"] == "complete"
        code, _, told = await _collector("upload", str(place), cwd=tmp_path, COLLECTOR_UPLOAD_TOKEN="wrong")
        assert code == 5
        endpoint.fault = None
        code, _, told = await _collector("upload", "collector-undelivered", cwd=tmp_path, COLLECTOR_UPLOAD_TOKEN=SECRET)
        assert code == 0, told
        assert f"{report['counts']['batches']} batches sent" in told
    assert endpoint.lines == sorted((tmp_path / "out.ndjson").read_text().splitlines())
    assert [each["runId"] for each in endpoint.reports] == [report["runId"]]
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in everything + told.encode()
    assert endpoint.violations == []


async def test_upload_finds_nothing_in_an_empty_folder_and_refuses_what_is_none(tmp_path):
    code, _, told = await _collector("upload", str(tmp_path), cwd=tmp_path)
    assert (code, "nothing is left to send" in told) == (0, True)
    code, _, told = await _collector("upload", str(tmp_path / "nowhere"), cwd=tmp_path)
    assert (code, told) == (2, f"collector: {tmp_path / 'nowhere'} is not a folder\n")
