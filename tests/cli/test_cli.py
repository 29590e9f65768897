"""The command against the sample estate: in a process of its own where the test is about pipes or signals, else in this one."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import pytest
import zstandard

from collector.cli.main import main
from collector.cli.run_command import finish
from collector.demo.stub import Effect, Fault
from collector.engine.run import RunResult
from collector.report import Exit, Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.demo.server import EstateServer

COMMAND = (sys.executable, "-m", "collector")
SQS = ("--services", "sqs", "--regions", "us-east-1", "--no-progress")
PIPE_SIZE = 4096
"""The smallest pipe that Linux makes."""

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")

SECONDS = 60
"""More than any of these takes; a process that hangs fails its test."""


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command in this process. Returns its exit code and what it wrote."""

    def run(*arguments: str | Path) -> Done:
        with pytest.raises(SystemExit) as exited:
            main([*map(str, arguments)])
        return Done(exited.value.code, *capfd.readouterr())  # type: ignore[arg-type]

    return run


@contextmanager
def _running(*arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run whose output is a narrow pipe that nobody reads until the test does."""
    words = (*COMMAND, *map(str, arguments))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        try:
            yield process
        finally:
            process.kill()


def _records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _report(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def _scope(report: dict[str, Any], service: str, region: str) -> dict[str, Any]:
    (scope,) = [each for each in report["scopes"] if (each["service"], each["region"]) == (service, region)]
    return dict(scope)


def test_a_whole_run_ends_with_zero_data_on_standard_output_and_everything_else_on_standard_error(estate, tmp_path):
    words = (*COMMAND, *SQS, "--report", str(tmp_path / "r.json"))
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == Exit.COMPLETE
    assert {"aws_sqs", "aws_sqs_queue"} <= {record["_type"] for record in _records(done.stdout)}
    assert done.stdout.endswith("\n")
    assert "complete: " in done.stderr
    records = len(_records(done.stdout))
    assert re.search(rf"\ndelivered {records} records in \d+ batch\w* \([\d.]+ kB\) to standard output\n", done.stderr)
    assert _report(tmp_path / "r.json")["status"] == "complete"


def test_a_denied_operation_ends_the_run_with_three_and_the_rest_delivered(run, estate, tmp_path):
    estate.stub.faults.append(Fault("sqs", "ListQueues", status=403, code="AccessDenied"))
    done = run("--services", "sqs,sns", "--regions", "us-east-1", "--report", tmp_path / "r.json")
    assert done.returncode == Exit.PARTIAL
    assert {"aws_sqs", "aws_sns_topic"} <= {record["_type"] for record in _records(done.stdout)}
    assert "sqs:ListQueues: denied (AccessDenied" in done.stderr
    assert "aws_sqs_queue" in _report(tmp_path / "r.json")["partialDatasets"]["types"]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_invalid_endpoint_of_one_service_costs_that_service_only(run, processes, estate, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "nonsense")
    done = run("--services", "sqs,sns", "--regions", "us-east-1", "--no-progress", "--processes", processes)
    assert done.returncode == Exit.PARTIAL
    assert "aws_sns_topic" in {record["_type"] for record in _records(done.stdout)}
    assert "us-east-1 sqs:ListQueues: error (InvalidEndpointConfigurationError, 1 time)" in done.stderr
    assert "Traceback" not in done.stderr


def test_refused_credentials_end_the_run_with_four_one_line_and_a_report_that_says_so(run, estate, tmp_path):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    done = run(*SQS, "--report", tmp_path / "r.json")
    assert (done.returncode, done.stdout) == (Exit.NO_ACCOUNT, "")
    assert done.stderr.startswith("collector: nothing could be collected: sts:GetCallerIdentity")
    assert done.stderr.count("\n") == 1
    report = _report(tmp_path / "r.json")
    assert report["status"] == "failed"
    assert [problem["code"] for scope in report["scopes"] for problem in scope["problems"]] == ["InvalidClientTokenId"]
    assert "aws_sqs_queue" in report["partialDatasets"]["types"]


def test_without_any_credentials_the_run_ends_with_four_and_one_line(run, estate, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    done = run(*SQS)
    assert (done.returncode, done.stdout) == (Exit.NO_ACCOUNT, "")
    assert "nothing could be collected" in done.stderr
    assert done.stderr.count("\n") == 1
    assert estate.stub.calls == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--rates nosuch=1", "[rates]: no client or operation that is called is named 'nosuch'"),
        ("--regions mars-1", "--regions: 'mars-1' is not a region's name"),
        ("--services sqz", "unknown service 'sqz'"),
        ("--skip-services sqz", "unknown service 'sqz'"),
        ("--config {tmp}/nowhere.toml", "cannot read {tmp}/nowhere.toml: No such file or directory"),
        ("--config {tmp}", "cannot read {tmp}: Is a directory"),
        ("--output {tmp}/nowhere/out.ndjson", "cannot write {tmp}/nowhere/out.ndjson"),
        ("--output {tmp}", "cannot write {tmp}: Is a directory"),
        (
            "--output {tmp}/out.parquet",
            "--output: '{tmp}/out.parquet' has no known suffix; known are .ndjson, .jsonl, ",
        ),
        ("--output {tmp}/a.ndjson --output {tmp}/b", "--output: '{tmp}/b' has no known suffix; known are .ndjson, "),
        ("--output {tmp}/a.ndjson --output {tmp}/no/b.json", "cannot write {tmp}/no/b.json: No such file"),
        ("--report {tmp}/nowhere/r.json", "cannot write the report: {tmp}/nowhere is not a directory"),
        ("--report {tmp}", "cannot write the report: {tmp} is a directory"),
        ("--max-concurrency none", "--max-concurrency: input should be a valid integer"),
        ("--colour", "No such option"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_touched(run, arguments, message, estate, tmp_path):
    code, out, err = run("--services", "sqs", *shlex.split(arguments.format(tmp=tmp_path)))
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith(f"collector: {message.format(tmp=tmp_path)}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert estate.stub.calls == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("polcy --format json", "unknown command 'polcy'; did you mean 'policy'?"),
        ("qqq", "unknown command 'qqq'; commands are: collect, demo, upload, schema, plan, policy, doctor"),
        ("plan --regoins x", "No such option '--regoins'"),
        ("--regoins x", "No such option '--regoins'"),
    ],
)
def test_a_misspelled_word_suggests_the_nearest(run, words, message):
    code, _, err = run(*shlex.split(words))
    assert code == Exit.USAGE
    assert err.startswith(f"collector: {message}")


def test_an_unknown_variable_is_a_warning_that_names_it(run, estate, monkeypatch):
    monkeypatch.setenv("COLLECTOR_REGOINS", "us-east-1")
    result = run(*SQS)
    assert result.returncode == Exit.COMPLETE
    warning = json.loads(result.stderr.splitlines()[0])
    assert (warning["event"], warning["variable"]) == ("unknown environment variable", "COLLECTOR_REGOINS")
    assert warning["did_you_mean"] == "COLLECTOR_REGIONS"


def test_options_may_be_repeated_and_a_switch_turned_off(run, estate, monkeypatch, tmp_path):
    monkeypatch.setenv("COLLECTOR_RAW", "true")
    report = tmp_path / "r.json"
    result = run("--services", "sqs", "--services", "sns,kms", "--regions", "us-east-1", "--no-raw", "--report", report)
    assert {scope["service"] for scope in _report(report)["scopes"]} == {"account", "kms", "sns", "sqs"}
    assert "_rawData" not in result.stdout


def test_an_unknown_region_is_refused_before_anything_is_collected(run, estate, tmp_path):
    done = run("--services", "sqs", "--regions", "us-east-77", "--report", tmp_path / "r.json")
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr == "collector: unknown region 'us-east-77' in partition aws\n"
    assert not any(call.service == "sqs" for call in estate.stub.calls)
    assert list(tmp_path.iterdir()) == []


@needs_full
def test_a_full_disk_ends_the_run_with_five_a_line_and_the_report(run, estate, tmp_path):
    done = run(*SQS, "--output", "/dev/full", "--report", tmp_path / "r.json")
    assert done.returncode == Exit.UNDELIVERED
    assert "collector: cannot write /dev/full: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert _report(tmp_path / "r.json")["runId"]


@needs_full
def test_a_report_that_cannot_be_written_costs_no_data(run, estate):
    done = run(*SQS, "--report", "/dev/full")
    assert done.returncode == Exit.UNDELIVERED
    assert "aws_sqs_queue" in {record["_type"] for record in _records(done.stdout)}
    assert done.stderr.endswith("collector: cannot write the report: No space left on device\n")


def test_a_closed_pipe_ends_a_run_with_much_left_to_write(estate):
    with _running("--services", "iam", "--regions", "us-east-1", "--log-level", "error") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(SECONDS) == 128 + signal.SIGPIPE


@pytest.fixture
def held(estate: EstateServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SQS does not answer until the test is over, so that a run is surely in the middle."""
    over = Event()
    monkeypatch.setattr(estate.stub, "_sleep", lambda _: over.wait(SECONDS))
    estate.stub.faults.append(Fault("sqs", "ListQueues", effect=Effect.NONE, delay=1))
    yield
    over.set()


def _interrupted(number: signal.Signals, *options: str | Path) -> list[dict[str, Any]]:
    """What a run writes that gets a signal when its first line has come."""
    with _running(*options) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert (first + rest).endswith(b"\n")
    assert b"Traceback" not in errors
    return _records((first + rest).decode())


@pytest.mark.parametrize(("number", "processes"), [(signal.SIGTERM, "1"), (signal.SIGINT, "2")])
def test_a_signal_in_the_middle_leaves_whole_lines_a_report_and_its_number(number, processes, held, tmp_path):
    where = ("--services", "sqs,sns", "--regions", "us-east-1", "--report", tmp_path / "r.json")
    records = _interrupted(number, *where, "--processes", processes)
    types = {record["_type"] for record in records}
    assert types & {"aws_sqs", "aws_sns"}
    assert "aws_sqs_queue" not in types
    report = _report(tmp_path / "r.json")
    assert report["status"] == "partial"
    assert _scope(report, "sqs", "us-east-1")["problems"][0]["code"] == number.name
    assert "aws_sqs_queue" in report["partialDatasets"]["types"]


def test_a_signal_ends_accounts_that_are_collected_in_other_processes(held, tmp_path):
    accounts = ("--accounts", "123456789012,222233334444", "--role-name", "audit", "--processes", "2")
    where = ("--services", "sqs,sns", "--regions", "us-east-1", "--report", tmp_path / "r.json")
    _interrupted(signal.SIGTERM, *accounts, *where)
    report = _report(tmp_path / "r.json")
    assert report["status"] == "partial"
    assert {problem["code"] for scope in report["scopes"] for problem in scope["problems"]} == {"SIGTERM"}


def test_a_second_signal_ends_the_process_at_once(held):
    with _running("--services", "iam,sqs", "--regions", "us-east-1", "--log-format", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(10):  # a batch wider than the pipe is on its way, and nobody reads on
            assert process.stdout.readline(), process.stderr.read()
        process.send_signal(signal.SIGTERM)
        while b'"stopping"' not in (line := process.stderr.readline()):
            assert line.startswith(b"{"), line + process.stderr.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 128 + signal.SIGTERM


def test_compressed_files_hold_what_standard_output_would_have_had(run, estate, tmp_path):
    plain = _records(run(*SQS).stdout)
    for suffix in ("gz", "zst"):
        done = run(*SQS, "--output", tmp_path / f"out.ndjson.{suffix}")
        assert (done.returncode, done.stdout) == (Exit.COMPLETE, "")
    gz = gzip.decompress((tmp_path / "out.ndjson.gz").read_bytes()).decode()
    with zstandard.open(tmp_path / "out.ndjson.zst", "rt", encoding="utf-8") as file:
        zst = file.read()
    for text in (gz, zst):
        assert sorted(_records(text), key=str) == sorted(plain, key=str)


def test_a_run_that_failed_leaves_yesterdays_files_and_one_that_is_partial_replaces_them(run, estate, tmp_path):
    files = [tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz"]
    for file in files:
        file.write_text("yesterday's")
    outputs = ("--output", files[0], "--output", files[1])
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    assert run(*SQS, *outputs).returncode == Exit.NO_ACCOUNT
    assert [file.read_text() for file in files] == ["yesterday's"] * 2
    estate.stub.faults[:] = [Fault("sqs", "ListQueues", status=403, code="AccessDenied")]
    assert run(*SQS, *outputs).returncode == Exit.PARTIAL
    assert _records(files[0].read_text()) == _records(gzip.decompress(files[1].read_bytes()).decode())
    assert sorted(tmp_path.iterdir()) == files


@pytest.mark.parametrize(("number", "replaced"), [(signal.SIGTERM, True), (signal.SIGKILL, False)])
def test_a_crash_leaves_yesterdays_file_and_a_part_and_a_stopped_run_replaces_it(number, replaced, held, tmp_path):
    file = tmp_path / "out.ndjson"
    file.write_text("yesterday's")
    where = ("--services", "sqs,sns", "--regions", "us-east-1", "--output", "-", "--output", file)
    with _running(*where) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert file.read_text() == "yesterday's"
        process.send_signal(number)
        process.communicate(timeout=SECONDS)
    assert (file.read_text() != "yesterday's") is replaced
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.ndjson"] + ["out.ndjson.part"] * (not replaced)


def test_standard_output_by_its_path_is_appended_to(estate, tmp_path):
    file = tmp_path / "all.ndjson"
    file.write_text('{"_type": "before"}\n')
    with file.open("ab") as out:
        words = (*COMMAND, *SQS, "--output", "/dev/stdout")
        subprocess.run(words, stdout=out, stderr=subprocess.PIPE, timeout=SECONDS, check=True)
    assert {"before", "aws_sqs_queue"} <= {record["_type"] for record in _records(file.read_text())}


def test_logs_are_json_lines_on_standard_error(run, estate):
    estate.stub.faults.append(Fault("sqs", code="Throttling", message="Rate exceeded", times=2))
    done = run(*SQS, "--log-format", "json", "--log-level", "debug")
    logs = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert logs
    assert all({"event", "level", "timestamp"} <= line.keys() for line in logs)
    assert all("_key" in record for record in _records(done.stdout))


def test_json_logs_end_with_a_summary_and_hold_nothing_else(run, estate):
    done = run(*SQS, "--log-format", "json")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert (lines[-1]["event"], lines[-1]["status"]) == ("run ended", "complete")
    assert lines[-1]["entities"] > 0
    records, size = len(_records(done.stdout)), len(done.stdout.encode())
    assert [(each["output"], each["records"], each["size"]) for each in lines[-1]["delivered"]] == [
        ("standard output", records, size)
    ]


def test_a_quiet_run_prints_errors_only(run, estate):
    assert run(*SQS, "-q").stderr == ""


def test_an_option_goes_before_the_environment_and_that_before_the_file(run, estate, tmp_path, monkeypatch):
    file = tmp_path / "collector.toml"
    file.write_text(f'services = "sns"\nregions = ["eu-west-1"]\nreport = "{tmp_path}/r.json"\n')
    monkeypatch.setenv("COLLECTOR_REGIONS", "us-east-1")
    monkeypatch.setenv("COLLECTOR_SERVICES", "iam")
    assert run("--config", file, "--services", "sqs").returncode == Exit.COMPLETE
    scopes = {(scope["service"], scope["region"]) for scope in _report(tmp_path / "r.json")["scopes"]}
    assert ("sqs", "us-east-1") in scopes
    assert not {service for service, _ in scopes} & {"sns", "iam"}
    assert not {region for _, region in scopes} & {"eu-west-1"}


def test_the_demo_needs_no_account_and_shows_how_much_of_the_data_model_it_covers(run, monkeypatch):
    # Not seeded, which takes seconds: `make demo` collects the seeded estate.
    server = [sys.executable, "-c", "from collector.demo.server import main; main(seeded=False)"]
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: start(server, **options))
    with mock.patch.dict(os.environ, {"AWS_PROFILE": "nowhere", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        done = run("demo", "--services", "ec2", "--regions", "us-east-1")
    assert done.returncode == Exit.COMPLETE
    assert "aws_vpc" in {record["_type"] for record in _records(done.stdout)}
    assert f"delivered {len(_records(done.stdout)):,} records in" in done.stderr
    assert re.search(r"[1-9] of 94 types, [1-9]\d* of 154 rows", done.stderr.splitlines()[-1])


def test_the_schema_is_printed_for_programs(run):
    done = run("schema", "--format", "json")
    queue = next(each for each in json.loads(done.stdout)["entities"] if each["type"] == "aws_sqs_queue")
    assert queue["class"] == ["Queue"]
    assert "sqs:ListQueues" in queue["operations"]
    assert "sqs:ListQueues" in queue["actions"]
    assert {"from": "aws_sqs", "class": "HAS", "to": "aws_sqs_queue"} in queue["edges"]


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (RunResult(Report(status="complete")), 0),
        (RunResult(Report(status="partial")), 3),
        (RunResult(Report(status="failed")), 4),
        (RunResult(Report(status="complete"), bug=True), 1),
        (RunResult(Report(status="partial"), stopped_by=signal.SIGTERM, bug=True), 143),
        (RunResult(Report(status="partial"), closed=True), 141),
    ],
)
def test_the_exit_code_tells_how_a_run_ended(result, code):
    with pytest.raises(SystemExit) as caught:
        finish(result)
    assert caught.value.code == code
