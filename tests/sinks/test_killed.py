"""Real processes: runs that are killed or whose endpoint fails, and the `collector upload` that follows."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from collector.cli.main import main
from collector.sinks.encoding import encode
from tests.sinks.endpoint import Endpoint, answering, serving
from tests.sinks.factories import batch, lines, spool

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t-token"


def _environment(**more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    return {**plain, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONUNBUFFERED": "1", **more}


async def _collector(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "collector", *arguments, cwd=cwd, env=_environment(**environment),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    stdout, stderr = await process.communicate()
    return process.returncode or 0, stdout.decode(), stderr.decode()


@pytest.mark.parametrize("seed", range(6))
async def test_a_run_killed_at_a_random_moment_loses_nothing_that_was_collected(tmp_path, seed):
    endpoint, random, killed = Endpoint(), Random(seed), asyncio.Event()

    async def delay(_, request, key):
        await asyncio.sleep(random.random() * 0.02)
        if key.endswith("/1") and not killed.is_set():  # so that at least one batch is left for `upload`
            await killed.wait()
            return web.Response(status=503)
        return None

    endpoint.fault = delay
    async with serving(endpoint.handle) as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "tests/sinks/run_until_killed.py"), url, str(tmp_path / "spool"),
            env=_environment(), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        printed = [await process.stdout.readline() for _ in range(random.randrange(1, 60))]
        await asyncio.sleep(random.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        printed += (await process.stdout.read()).splitlines(keepends=True)
        assert await process.wait() == -signal.SIGKILL
        killed.set()
        collected = [int(line) for line in printed if line.endswith(b"\n")]
        before = len(endpoint.accepted)
        code, _, stderr = await _collector("upload", str(tmp_path / "spool"), cwd=tmp_path)
        assert (code, endpoint.violations) == (0, []), stderr
    made = [batch(sequence, entities=20, links=5) for sequence in collected]
    last = batch(max(collected) + 1, entities=20, links=5)  # may be on disk without having been printed
    assert set(lines(made)) <= set(endpoint.lines) <= set(lines([*made, last]))
    assert len(endpoint.lines) == len(set(endpoint.lines))
    assert before < len(endpoint.accepted)
    assert endpoint.reports == []
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_failing_endpoint_exits_5_and_upload_completes_the_delivery(estate, tmp_path):
    endpoint = Endpoint()
    endpoint.token = SECRET
    endpoint.fault = answering(403, times=10**6)
    async with serving(endpoint.handle) as url:
        code, stdout, stderr = await _collector(
            "collect", "--services", "sqs", "--regions", "us-east-1", "--report", "report.json",
            "--output", url, "--output", "out.ndjson",
            cwd=tmp_path, COLLECTOR_UPLOAD_TOKEN=SECRET,
        )  # fmt: skip
        assert (code, stdout) == (5, "")
        (place,) = (tmp_path / "collector-undelivered").iterdir()
        assert f"collector upload {place}" in stderr
        assert "Traceback" not in stderr
        report = json.loads((tmp_path / "report.json").read_bytes())
        assert report["status"] == "complete"
        code, _, stderr = await _collector("upload", str(place), cwd=tmp_path, COLLECTOR_UPLOAD_TOKEN="wrong")
        assert code == 5
        endpoint.fault = None
        code, _, stderr = await _collector(
            "upload", "collector-undelivered", cwd=tmp_path, COLLECTOR_UPLOAD_TOKEN=SECRET
        )
        assert code == 0, stderr
        assert f"{report['counts']['batches']} batches sent" in stderr
    assert endpoint.lines == sorted((tmp_path / "out.ndjson").read_text().splitlines())
    assert [each["runId"] for each in endpoint.reports] == [report["runId"]]
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in everything + stderr.encode()
    assert endpoint.violations == []


@pytest.mark.parametrize(
    ("folder", "code", "message"),
    [("", 0, "nothing is left to send in {}\n"), ("nowhere", 2, "collector: {} is not a folder\n")],
)
def test_upload_accepts_an_empty_folder_and_rejects_a_missing_one(tmp_path, capsys, folder, code, message):
    with pytest.raises(SystemExit) as exited:
        main(["upload", str(tmp_path / folder)])
    assert (exited.value.code, capsys.readouterr().err) == (code, message.format(tmp_path / folder))


def test_upload_exits_5_and_names_a_folder_that_cannot_be_sent(tmp_path, capsys):
    kept = spool(tmp_path, "https://example", durable=True)
    kept.add(encode(batch(1)))
    kept.release()
    (kept.place / "output.json").unlink()
    with pytest.raises(SystemExit) as exited:
        main(["upload", str(tmp_path)])
    assert exited.value.code == 5
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"collector: {kept.place}: its original output is unknown; set --output"
    )
