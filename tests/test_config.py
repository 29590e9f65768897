from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.cli.main import cli
from collector.config import ConfigurationError, Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"COLLECTOR_{name.upper()}", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that says how many requests, at which level, and where."""
    path = tmp_path / "collector.toml"
    path.write_text('max-concurrency = 7\nlog_level = "debug"\nregions = ["eu-west-1", "us-east-1"]\n')
    return path


def test_without_anything_said_the_defaults_hold():
    chosen = load_settings({})
    assert (chosen.regions, chosen.services, chosen.output, chosen.report) == ((), (), ("-",), None)
    assert (chosen.max_concurrency, chosen.rate_share, chosen.progress, chosen.raw) == (100, 0.5, True, False)


def test_an_option_goes_before_the_environment_and_that_before_the_file(file, monkeypatch):
    assert load_settings({}, file).max_concurrency == 7
    monkeypatch.setenv("COLLECTOR_MAX_CONCURRENCY", "8")
    assert load_settings({}, file).max_concurrency == 8
    assert load_settings({"max_concurrency": "9"}, file).max_concurrency == 9
    assert load_settings({"max_concurrency": "9"}, file).log_level == "debug"


def test_lists_are_separated_by_commas_or_are_lists(file, monkeypatch):
    assert load_settings({}, file).regions == ("eu-west-1", "us-east-1")
    monkeypatch.setenv("COLLECTOR_REGIONS", "us-east-2, us-west-1,")
    assert load_settings({}, file).regions == ("us-east-2", "us-west-1")
    assert load_settings({"regions": ""}).regions == ()


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        load_settings({}).raw = True


def test_what_conversion_needs_is_handed_on():
    chosen = load_settings({"account_name": "Acme", "tag_account_name": True, "raw": True}).options()
    assert (chosen.account_name, chosen.tag_account_name, chosen.tag_production, chosen.raw) == (
        "Acme",
        True,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regions": "mars-1"}, "--regions: 'mars-1' is not a region's name"),
        ({"max_concurrency": "0"}, "--max-concurrency: input should be greater than or equal to 1 (given: '0')"),
        ({"max_concurrency": "many"}, "--max-concurrency: input should be a valid integer"),
        ({"rate_share": "2"}, "--rate-share: input should be less than or equal to 1"),
        ({"log_level": "loud"}, "--log-level: input should be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_value_that_cannot_be_is_told_in_one_line(options, message):
    with pytest.raises(ConfigurationError) as told:
        load_settings(options)
    assert str(told.value).startswith(message)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accounts": "111122223333"}, "--accounts and --org need --role-name"),
        ({"accounts": "111122223333", "org": True, "role_name": "audit"}, "--accounts and --org cannot be combined"),
        ({"role_name": "audit"}, "--role-name needs --accounts or --org"),
        (
            {"role_arn": "arn:aws:iam::111122223333:role/audit", "org": True, "role_name": "audit"},
            "--role-arn is for a single account",
        ),
    ],
)
def test_ways_to_the_accounts_that_exclude_each_other_are_told(options, message):
    with pytest.raises(ConfigurationError, match=message) as told:
        load_settings(options)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("regions = [", "is not valid TOML"),
        ("reginos = []", "unknown setting 'reginos'"),
        ("max-concurrency = []", "--max-concurrency: input should be a valid integer"),
    ],
)
def test_a_file_that_says_nothing_sensible_is_told_in_one_line(text, message, tmp_path):
    path = tmp_path / "collector.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as told:
        load_settings({}, path)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("path", "why"), [("nowhere.toml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_told_in_one_line(path, why, tmp_path):
    with pytest.raises(ConfigurationError, match=f"cannot read .*: {why}"):
        load_settings({}, tmp_path / path)


def test_a_file_that_is_not_text_is_told_in_one_line(tmp_path):
    path = tmp_path / "collector.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        load_settings({}, path)


@hypothesis.settings(deadline=None)
@given(st.text(max_size=40))
def test_any_region_is_accepted_or_refused_in_one_line(text):
    try:
        chosen = load_settings({"regions": text})
    except ConfigurationError as told:
        assert "\n" not in str(told) or "\n" in text  # noqa: PT017  (either is right)
    else:
        assert all(region in text for region in chosen.regions)


FOR_FILES = {"rates"}
"""Settings that are tables, and have their place in a file alone."""

SECRETS = {"jupiterone_api_key", "upload_token"}
"""Settings that a command line, which everybody on the machine can read, shall not hold."""


def test_every_setting_is_an_option_of_collect_and_the_other_way_round():
    options = {parameter.name for parameter in cli.commands["collect"].params}
    settable = set(Settings.model_fields) - {"progress"}
    assert options - {"config", "no_progress"} == settable - FOR_FILES - SECRETS
