from __future__ import annotations

import json

import pytest
import structlog
from structlog.testing import capture_logs

from collector.config import ConfigurationError, load_settings
from collector.sinks.encoding import encode, to_file
from collector.sinks.resend import resend
from collector.sinks.spool import RunSummary, Spool, SpoolSettings
from tests.sinks.endpoint import answering
from tests.sinks.factories import RUN, batch, batches, lines, report


@pytest.fixture
def left(endpoint, tmp_path):
    """Leaves a spool with a batch for each sequence, as a run does whose endpoint failed. Returns its folder."""

    def leave(index, *sequences, output=None):
        kept = Spool(SpoolSettings(tmp_path, 10_000_000, durable=True), output or endpoint.url, index)
        for sequence in sequences:
            kept.add(encode(batch(sequence)))
        kept.finish(RunSummary(report()))
        kept.release()
        return kept.place

    return leave


async def sent(place, **options):
    return await resend(load_settings({"upload_attempts": 1, **options}), place)


def _change(folder, **values):
    path = folder / "output.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | values))


async def test_every_run_is_sent_to_its_own_output_and_its_folder_removed(endpoint, left, tmp_path):
    left(1, 1, 2)
    left(2, 3, output=f"{endpoint.url}/other")
    result = await sent(tmp_path)
    assert (result.batches, result.lost, result.problems) == (3, 0, [])
    assert endpoint.lines == lines(batches(3))
    assert len(endpoint.reports) == 2
    assert list(tmp_path.iterdir()) == []


def _remove_description(folder):
    (folder / "output.json").unlink()


def _tear_description(folder):
    (folder / "output.json").write_bytes(b'{"format": 1, "ru')


def _replace_description(folder):
    (folder / "output.json").write_text('["output"]')


def _use_a_later_format(folder):
    _change(folder, format=2)


def _make_the_address_invalid(folder):
    _change(folder, output="ftp://example/")


def _block_the_lock(folder):
    (folder / "lock").unlink()
    (folder / "lock").mkdir()


BAD = {
    _remove_description: "{}: its original output is unknown; set --output",
    _tear_description: "{}: its original output is unknown; set --output",
    _replace_description: "{}: its original output is unknown; set --output",
    _use_a_later_format: "{}/output.json has format 2, which this version does not know",
    _make_the_address_invalid: "{}: --output: 'ftp://example/' is not https://… or jupiterone+https://…",
    _block_the_lock: "cannot write {}: Is a directory",
}


@pytest.mark.parametrize("index", [1, 3], ids=["the first", "the last"])
@pytest.mark.parametrize(("spoil", "problem"), BAD.items(), ids=[spoil.__name__ for spoil in BAD])
async def test_a_folder_that_cannot_be_sent_is_told_and_the_others_are_sent(
    endpoint, left, tmp_path, spoil, problem, index
):
    left(2, 2)
    bad = left(index, 1)
    spoil(bad)
    result = await sent(tmp_path)
    assert (result.batches, result.problems) == (1, [problem.format(bad)])
    assert endpoint.lines == lines([batch(2)])
    assert list(tmp_path.iterdir()) == [bad]
    assert (bad / "00000001.batch").exists()


@pytest.mark.parametrize("spoil", [_remove_description, _tear_description, _replace_description])
async def test_batches_without_their_description_are_sent_to_the_given_output(endpoint, left, tmp_path, spoil):
    spoil(left(1, 1))
    result = await sent(tmp_path, output=endpoint.url)
    assert (result.batches, result.problems) == (1, [])
    assert list(endpoint.accepted) == [f"{RUN}/1"]
    assert list(tmp_path.iterdir()) == []


async def test_a_spool_of_another_format_is_not_touched_even_with_an_output(endpoint, left, tmp_path):
    folder = left(1, 1)
    _change(folder, format=2)
    (folder / "00000002.batch.tmp").touch()
    before = sorted(folder.iterdir())
    result = await sent(tmp_path, output=endpoint.url)
    assert (result.batches, len(result.problems)) == (0, 1)
    assert sorted(folder.iterdir()) == before


async def test_a_folder_of_another_program_is_told_and_keeps_its_files(endpoint, left, tmp_path):
    left(1, 1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "output.json").write_text("{}")
    result = await sent(tmp_path, output=endpoint.url)
    assert result.batches == 1
    assert result.problems == [f"{tmp_path}/other holds no batches, and output.json in it cannot be read"]
    assert (tmp_path / "other" / "output.json").read_text() == "{}"


async def test_foreign_files_stay_and_cost_nothing(endpoint, left, tmp_path):
    folder = left(1, 1, 2)
    files = {"notes.txt", "1.batch", "00000003.batch.gz", "00000004.batch~", "editor.tmp"}
    folders = {"00000005.batch", "00000006.batch.tmp"}
    for name in files:
        (folder / name).write_text("foreign")
    for name in folders:
        (folder / name).mkdir()
    (tmp_path / "file").write_text("foreign")
    result = await sent(tmp_path)
    assert (result.batches, result.lost, result.problems) == (2, 0, [])
    assert endpoint.lines == lines(batches(2))
    assert {path.name for path in folder.iterdir()} == files | folders


async def test_a_file_that_is_no_batch_or_another_one_costs_only_itself(endpoint, left, tmp_path):
    folder = left(1, 1, 2)
    (folder / "00000003.batch").write_bytes(b"foreign")
    (folder / "00000004.batch").write_bytes(to_file(encode(batch(9))))
    left(2, 5)
    result = await sent(tmp_path)
    assert endpoint.lines == lines([batch(1), batch(2), batch(5)])
    assert result.lost == 2
    (problem,) = result.problems
    assert problem.startswith("2 batches were not delivered to ")
    assert {"00000003.batch.torn", "00000004.batch.torn"} <= {path.name for path in folder.iterdir()}


async def test_a_run_that_is_refused_does_not_stop_the_next(endpoint, left, tmp_path):
    left(1, 1)
    left(2, 2)
    endpoint.fault = answering(400, only="/1")
    result = await sent(tmp_path)
    assert (result.batches, len(result.problems)) == (1, 1)
    assert endpoint.lines == lines([batch(2)])


async def test_the_spool_of_a_run_in_progress_is_skipped_with_a_warning(endpoint, left, tmp_path):
    left(1, 1)
    running = Spool(SpoolSettings(tmp_path, 10_000_000, durable=True), endpoint.url, 2)
    running.add(encode(batch(2)))
    structlog.reset_defaults()
    try:
        with capture_logs() as logs:
            assert (await sent(tmp_path)).batches == 1
    finally:
        running.release()
    assert [(entry["log_level"], entry["spool"]) for entry in logs] == [("warning", str(running.place))]
    assert (await sent(tmp_path)).batches == 1
    assert endpoint.lines == lines(batches(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "https://a/,https://b/"}, "a spool can be sent to one output only"),
        ({"output": "ftp://example/"}, "'ftp://example/' is not https://…"),
        ({"header": ("X",)}, "--header must have the form"),
    ],
)
async def test_a_setting_that_is_not_valid_is_refused_before_anything_is_sent(
    endpoint, left, tmp_path, options, message
):
    left(1, 1)
    with pytest.raises(ConfigurationError, match=message):
        await sent(tmp_path, **options)
    assert endpoint.accepted == {}


async def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="is not a folder"):
        await sent(tmp_path / "nowhere")
