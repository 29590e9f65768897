from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import hypothesis
import pytest
import rich_click as click
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.cli.main import cli
from collector.config import SETTINGS, ConfigurationError, Settings, env_name, load_settings, unknown_variables

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that says how many requests, at which level, and where."""
    path = tmp_path / "collector.toml"
    path.write_text('max-concurrency = 7\nlog_level = "debug"\nregions = ["eu-west-1", "us-east-1"]\n')
    return path


def test_without_anything_said_the_defaults_hold():
    settings = load_settings({})
    assert (settings.regions, settings.services, settings.output, settings.report) == ((), (), ("-",), None)
    assert (settings.max_concurrency, settings.rate_share, settings.progress, settings.raw) == (100, 0.5, True, False)


def test_an_option_goes_before_the_environment_and_that_before_the_file(file, monkeypatch):
    assert load_settings({"config": file}).max_concurrency == 7
    monkeypatch.setenv("COLLECTOR_MAX_CONCURRENCY", "8")
    assert load_settings({"config": file}).max_concurrency == 8
    assert load_settings({"config": file, "max_concurrency": "9"}).max_concurrency == 9
    assert load_settings({"config": file, "max_concurrency": "9"}).log_level == "debug"


def test_lists_are_separated_by_commas_or_are_lists(file, monkeypatch):
    assert load_settings({"config": file}).regions == ("eu-west-1", "us-east-1")
    monkeypatch.setenv("COLLECTOR_REGIONS", "us-east-2, us-west-1,")
    assert load_settings({"config": file}).regions == ("us-east-2", "us-west-1")
    assert load_settings({"regions": ""}).regions == ()


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        load_settings({}).raw = True


def test_what_conversion_needs_is_handed_on():
    settings = load_settings({"account_name": "Acme", "tag_account_name": True, "raw": True}).options()
    assert (settings.account_name, settings.tag_account_name, settings.tag_production, settings.raw) == (
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
    with pytest.raises(ConfigurationError) as caught:
        load_settings(options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


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
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_settings(options)
    assert "\n" not in str(caught.value)


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
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"config": path})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("path", "why"), [("nowhere.toml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_told_in_one_line(path, why, tmp_path):
    with pytest.raises(ConfigurationError, match=f"cannot read .*: {why}"):
        load_settings({"config": tmp_path / path})


def test_a_file_that_is_not_text_is_told_in_one_line(tmp_path):
    path = tmp_path / "collector.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        load_settings({"config": path})


@hypothesis.settings(deadline=None)
@given(st.text(max_size=40))
def test_any_region_is_accepted_or_refused_in_one_line(text):
    try:
        settings = load_settings({"regions": text})
    except ConfigurationError as error:
        assert "\n" not in str(error) or "\n" in text  # noqa: PT017  (either outcome is right)
    else:
        assert all(region in text for region in settings.regions)


def test_repeated_options_and_commas_may_be_mixed():
    assert load_settings({"regions": ("eu-west-1,us-east-1", "us-west-2")}).regions == (
        "eu-west-1",
        "us-east-1",
        "us-west-2",
    )
    assert load_settings({"rates": ("ec2=5", "iam=2,sts=1")}).rates.keys() == {"ec2", "iam", "sts"}


def test_the_configuration_file_may_come_from_the_environment_but_not_from_a_file(file, monkeypatch, tmp_path):
    monkeypatch.setenv("COLLECTOR_CONFIG", str(file))
    assert load_settings({}).max_concurrency == 7
    other = tmp_path / "other.toml"
    other.write_text(f'config = "{file}"\n')
    with pytest.raises(ConfigurationError, match="a configuration file cannot name another one"):
        load_settings({"config": other})


def test_a_misspelled_key_suggests_the_nearest_setting(tmp_path):
    path = tmp_path / "collector.toml"
    path.write_text("reginos = []\n")
    with pytest.raises(ConfigurationError, match="unknown setting 'reginos'; did you mean 'regions'"):
        load_settings({"config": path})


def test_a_misspelled_variable_is_named_with_the_nearest_known_one():
    environment = {
        "COLLECTOR_REGOINS": "x",
        "COLLECTOR_REGIONS": "",
        "COLLECTOR_XXXXXXXXXX": "",
        "PATH": "",
        "JUPITERONE_API_KEY": "k",
    }
    assert unknown_variables(environment) == {"COLLECTOR_XXXXXXXXXX": None, "COLLECTOR_REGOINS": "COLLECTOR_REGIONS"}


@pytest.mark.parametrize("name", [name for name, option in SETTINGS.items() if option.secret])
def test_no_message_repeats_a_secret(name):
    with pytest.raises(ConfigurationError) as caught:
        load_settings({name: {"s3cr3t": object()}})
    assert "s3cr3t" not in str(caught.value)


def test_every_setting_is_described():
    assert SETTINGS.keys() == Settings.model_fields.keys()


def test_every_setting_that_is_no_secret_is_an_option_of_collect_and_the_reverse():
    options = {parameter.name for parameter in cli.commands["collect"].params}
    assert options == {name for name, option in SETTINGS.items() if option.argument}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_read_from_its_variable(name, monkeypatch):
    values = {
        "rates": "ec2=5",
        "regions": "us-east-1",
        "output": "x",
        "log_level": "debug",
        "log_format": "json",
        "cross_account": "off",
        "progress": "0",
    }
    accounts = {"role_name": "audit", "org": "1", "accounts": "111122223333", "skip_accounts": "111122223333"}
    role = "arn:aws:iam::111122223333:role/audit"
    value = (
        values | accounts | {"role_arn": role, "via_role_arn": role, "spool_size": "5MB", "rate_share": "0.25"}
    ).get(name, "1")
    if name in ("external_id", "via_external_id"):
        value = "id"
    if name == "config":
        value = os.devnull
    if name in ("org", "accounts"):
        monkeypatch.setenv("COLLECTOR_ROLE_NAME", "audit")
    if name == "role_name":
        monkeypatch.setenv("COLLECTOR_ORG", "1")
    monkeypatch.setenv(env_name(name), value)
    assert getattr(load_settings({}), name) != Settings.model_fields[name].get_default(call_default_factory=True)


@pytest.mark.parametrize("command", ["collect", "demo", "upload", "plan", "policy", "doctor"])
def test_help_lists_each_option_of_a_command_once_by_theme(command):
    shown = CliRunner().invoke(cli, [command, "--help"], env={"COLUMNS": "160"}).output
    for parameter in cli.commands[command].params:
        if isinstance(parameter, click.Option):
            name = next(option for option in parameter.opts if option.startswith("--"))
            assert len(re.findall(rf"│ {name}[/ ]", shown)) == 1
    assert "Examples:" in shown


@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        ({}, "info"),
        ({"verbose": 1}, "info"),
        ({"verbose": 2}, "debug"),
        ({"quiet": True}, "error"),
        ({"log_level": "warning"}, "warning"),
    ],
)
def test_quiet_and_verbose_decide_the_log_level(arguments, level):
    assert load_settings(arguments).effective_log_level == level
