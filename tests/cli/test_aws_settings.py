"""AWS settings that cannot be used, as a user meets them: every command ends with one line that says what to do."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from collector.cli.main import main
from collector.report import Exit

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
FILES = {
    "half": "[default]\naws_access_key_id = a\n",
    "torn": "[default\naws_access_key",
    "failing": f'[default]\ncredential_process = {sys.executable} -c "raise SystemExit(1)"\n',
    "missing": "[default]\ncredential_process = /no/such/program\n",
    "talking": "[default]\ncredential_process = echo hello\n",
    "listing": "[default]\ncredential_process = echo []\n",
    "unquoted": '[default]\ncredential_process = "echo\n',
    "lost": "[default]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = nobody\n",
}
CASES = {
    "a profile that does not exist": ({"AWS_PROFILE": "nobody"}, 2, "AWS_PROFILE"),
    "a profile with a source that does not exist": ({"AWS_CONFIG_FILE": "lost"}, 2, "AWS_PROFILE"),
    "half a key in the environment": ({"AWS_ACCESS_KEY_ID": "a"}, 2, "access key and the secret key"),
    "half a key in a file": ({"AWS_SHARED_CREDENTIALS_FILE": "half"}, 2, "access key and the secret key"),
    "a torn credentials file": ({"AWS_SHARED_CREDENTIALS_FILE": "torn"}, 2, "syntax of this file"),
    "a torn configuration file": ({**KEYS, "AWS_CONFIG_FILE": "torn"}, 2, "syntax of this file"),
    "a credential process that fails": ({"AWS_CONFIG_FILE": "failing"}, 4, "`credential_process`"),
    "a credential process that does not exist": ({"AWS_CONFIG_FILE": "missing"}, 4, "`credential_process`"),
    "a credential process that prints no JSON": ({"AWS_CONFIG_FILE": "talking"}, 4, "`credential_process`"),
    "a credential process that prints other JSON": ({"AWS_CONFIG_FILE": "listing"}, 4, "`credential_process`"),
    "a credential process that is no command": ({"AWS_CONFIG_FILE": "unquoted"}, 4, "`credential_process`"),
    "no credentials": ({}, 4, "AWS_PROFILE"),
    "an endpoint without a scheme": ({**KEYS, "AWS_ENDPOINT_URL": "nonsense"}, 2, "AWS_ENDPOINT_URL"),
    "an endpoint without a host": ({**KEYS, "AWS_ENDPOINT_URL": "http://"}, 2, "AWS_ENDPOINT_URL"),
    "an endpoint with a broken address": ({**KEYS, "AWS_ENDPOINT_URL": "http://[::1"}, 2, "AWS_ENDPOINT_URL"),
    "an endpoint with a broken port": ({**KEYS, "AWS_ENDPOINT_URL": "http://localhost:99999"}, 2, "AWS_ENDPOINT_URL"),
    "an endpoint that is not HTTP": ({**KEYS, "AWS_ENDPOINT_URL": "ftp://localhost"}, 2, "AWS_ENDPOINT_URL"),
    "an endpoint of STS": ({**KEYS, "AWS_ENDPOINT_URL_STS": "localhost:4566"}, 2, "AWS_ENDPOINT_URL"),
    "a region": ({**KEYS, "AWS_REGION": "mars 1!"}, 2, "AWS_REGION"),
    "a default region": ({**KEYS, "AWS_REGION": "", "AWS_DEFAULT_REGION": "mars 1!"}, 2, "AWS_DEFAULT_REGION"),
    "a CA bundle that does not exist": ({**KEYS, "AWS_CA_BUNDLE": "/no/such/file"}, 2, "AWS_CA_BUNDLE"),
    "a CA bundle without certificates": ({**KEYS, "AWS_CA_BUNDLE": "half"}, 2, "AWS_CA_BUNDLE"),
    "a proxy": ({**KEYS, "HTTPS_PROXY": "http://me:s3cret@[::"}, 2, "HTTPS_PROXY"),
    "a metadata service": ({"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "x"}, 2, "METADATA"),
    "a web identity without a token": (
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such", "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/x"},
        4,
        "web identity",
    ),
    "an option of the SDK": ({**KEYS, "AWS_DEFAULTS_MODE": "nonsense"}, 2, "correct the setting"),
}
COMMANDS = ["collect", "plan", "policy --diff role", "doctor"]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any AWS settings, and the folder with `FILES`."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "COLLECTOR_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    folder = tmp_path / "settings"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", CASES)
def test_settings_that_cannot_be_used_end_a_command_with_one_line(
    case, command, settings, tmp_path, monkeypatch, capsys
):
    environment, code, hint = CASES[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, str(settings / value) if value in FILES else value)
    output = tmp_path / "estate.ndjson"
    output.write_text("yesterday's\n")
    words = [*command.split(), "--services", "sqs"]
    with pytest.raises(SystemExit) as exited:
        main([*words, "--output", str(output)] if command in ("collect", "doctor") else words)
    out, err = capsys.readouterr()
    assert exited.value.code == (Exit.NO_ACCOUNT if command == "doctor" else code)
    assert err.startswith("collector: ")
    assert err.count("\n") == 1
    assert hint in err.partition("; ")[2]
    assert "s3cret" not in out + err
    assert output.read_text() == "yesterday's\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["estate.ndjson", "settings"]
    if command == "doctor":
        assert hint in out
        assert out.splitlines()[-1] == "✗ nothing can be reached: a run would collect nothing"
    else:
        assert out == ""


def test_the_least_policy_is_printed_whatever_the_aws_settings_are(settings, monkeypatch, capsys):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings / "torn"))
    with pytest.raises(SystemExit) as exited:
        main(["policy", "--services", "sqs", "--rates", "sqs=5"])
    assert exited.value.code == Exit.COMPLETE
    assert "sqs:ListQueues" in capsys.readouterr().out
