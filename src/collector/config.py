"""Settings: one declaration for options, environment variables, TOML keys and the table in README."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from collector.model import Options

ENV_PREFIX = "COLLECTOR_"


class ConfigurationError(ValueError):
    """The configuration cannot be used. The message is one line for the user."""


class Group(StrEnum):
    """The themes under which help and README list the options."""

    ACCOUNTS = "Accounts and roles"
    SCOPE = "Regions and services"
    OUTPUT = "Output"
    UPLOAD = "Uploads"
    JUPITERONE = "JupiterOne"
    RATE = "Concurrency and rates"
    GENERAL = "Logs and configuration"


@dataclass(frozen=True, slots=True)
class Option:
    """How a setting is presented to users.

    `metavar` is empty for switches. A `secret` is never repeated in a message; one with `argument=False` cannot be given as an option
    either, because every user of the machine can read a command line. `short` is a second name such as `-q`. A `counted` option is
    given several times instead of with a value.
    """

    group: Group
    help: str
    metavar: str = ""
    secret: bool = False
    argument: bool = True
    short: str = ""
    counted: bool = False


def _words(value: object) -> object:
    """Accept `a,b`, `["a", "b"]` and a repeated option, `["a,b", "c"]`."""
    if isinstance(value, str):
        return _split(value)
    if isinstance(value, Iterable):
        return tuple(word for item in value for word in (_split(item) if isinstance(item, str) else (item,)))
    return value


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _lines(value: object) -> object:
    """Header values contain commas, so an environment variable holds one header per line."""
    return tuple(line for line in value.splitlines() if line.strip()) if isinstance(value, str) else value


class RateOverride(BaseModel):
    """A rate that the user knows better than the collector. Without a burst, one second's worth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_second: float = Field(gt=0)
    burst: float | None = Field(default=None, ge=1)


def _rates(value: object) -> object:
    """Accept `ec2=10,iam=5`, `["ec2=10", "iam=5"]` and `{"ec2": 10}` for `{"ec2": {"per_second": 10}}`."""
    if not isinstance(value, Mapping):
        words = _words(value)
        value = dict(word.partition("=")[::2] for word in words) if isinstance(words, tuple) else value
    if not isinstance(value, Mapping):
        return value
    return {name.strip(): rate if isinstance(rate, Mapping) else {"per_second": rate} for name, rate in value.items()}


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Region = Annotated[str, Field(pattern=r"^[a-z]{2,}(-[a-z]+)+-\d+$")]
Regions = Annotated[tuple[Region, ...], BeforeValidator(_words)]
Outputs = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]
Headers = Annotated[tuple[str, ...], BeforeValidator(_lines)]
RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")]
ExternalId = Annotated[str, Field(min_length=2, max_length=1224)]
AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]
AccountIds = Annotated[tuple[AccountId, ...], BeforeValidator(_words)]
RateOverrides = Annotated[dict[str, RateOverride], BeforeValidator(_rates)]


class Settings(BaseSettings):
    """What a run is asked to do. Immutable.

    Every field is an option of `collect`, a `COLLECTOR_…` variable and a key of the file named by `config`, in this order of precedence.

    Raises:
        ConfigurationError: if the file cannot be read.
        pydantic.ValidationError: if a value is invalid.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_parse_enums=False)

    role_arn: Annotated[RoleArn | None, Option(Group.ACCOUNTS, "Role to assume, for a single account.", "ARN")] = None
    external_id: Annotated[
        ExternalId | None, Option(Group.ACCOUNTS, "External id that the assumed roles require.", "ID")
    ] = None
    accounts: Annotated[
        AccountIds,
        Option(Group.ACCOUNTS, "Comma-separated account ids; --role-name is assumed in each.", "A,B"),
    ] = ()
    org: Annotated[
        bool, Option(Group.ACCOUNTS, "Every active account of the organization; --role-name is assumed in each.")
    ] = False
    role_name: Annotated[
        str | None, Option(Group.ACCOUNTS, "Name of the role to assume, the same in every account.", "NAME")
    ] = None
    skip_accounts: Annotated[AccountIds, Option(Group.ACCOUNTS, "Account ids to leave out.", "A,B")] = ()
    via_role_arn: Annotated[
        RoleArn | None, Option(Group.ACCOUNTS, "Role to assume first; it then assumes the others.", "ARN")
    ] = None
    via_external_id: Annotated[
        ExternalId | None, Option(Group.ACCOUNTS, "External id that the first role requires.", "ID")
    ] = None

    regions: Annotated[
        Regions, Option(Group.SCOPE, "Comma-separated regions. Default: every enabled region.", "A,B")
    ] = ()
    services: Annotated[
        Words, Option(Group.SCOPE, "Only these services; `all` stands for the default set.", "A,B")
    ] = ()
    skip_services: Annotated[Words, Option(Group.SCOPE, "Services to leave out.", "A,B")] = ()

    output: Annotated[
        Outputs,
        Option(
            Group.OUTPUT,
            "`-` (standard output), a file (`.ndjson`, `.jsonl` or `.json`; add `.gz` or `.zst` to compress), https://… (NDJSON upload) or jupiterone+https://….",
            "WHERE",
        ),
    ] = ("-",)
    report: Annotated[Path | None, Option(Group.OUTPUT, "Write the run report to this file, as JSON.", "FILE")] = None
    raw: Annotated[bool, Option(Group.OUTPUT, "Add `_rawData`, with secrets redacted.")] = False
    account_name: Annotated[str | None, Option(Group.OUTPUT, "Name of the account.", "NAME")] = None
    tag_account_name: Annotated[bool, Option(Group.OUTPUT, "Set `tag.AccountName` on every entity.")] = False
    tag_production: Annotated[bool, Option(Group.OUTPUT, "Set `tag.Production` on every entity.")] = False
    deny_edges: Annotated[
        bool, Option(Group.OUTPUT, "Draw `DENIES` relationships for the Deny statements of identity policies.")
    ] = False
    expand_wildcards: Annotated[
        bool, Option(Group.OUTPUT, "Draw grants on everything to each resource, not to the service or the account.")
    ] = False
    expand_types: Annotated[
        bool, Option(Group.OUTPUT, "Draw grants on all resources of a type to each resource, not to the service.")
    ] = False
    max_edges_per_pattern: Annotated[
        int,
        Option(
            Group.OUTPUT,
            "Resources of one type to which a pattern in a policy is drawn; if it matches more, it is drawn to the service. 0: no limit.",
            "N",
        ),
        Field(ge=0),
    ] = 1000
    cross_account: Annotated[
        Literal["mapped", "collected", "off"],
        Option(
            Group.OUTPUT,
            "Grants of identity policies on other accounts: mapped, only to collected resources, or off.",
            "WHICH",
        ),
    ] = "mapped"

    spool: Annotated[
        Path | None,
        Option(
            Group.UPLOAD, "Keep batches here until the endpoint has accepted them; `upload` sends leftovers.", "DIR"
        ),
    ] = None
    spool_size: Annotated[
        ByteSize, Option(Group.UPLOAD, "Limit for all spools in a folder, such as `500MB` or `10GB`.", "SIZE")
    ] = ByteSize(10_000_000_000)
    header: Annotated[
        Headers, Option(Group.UPLOAD, "HTTP header, `Name: value`; repeatable.", "HEADER", secret=True)
    ] = Field(default=(), repr=False)
    upload_timeout: Annotated[float, Option(Group.UPLOAD, "Timeout of one request, in seconds.", "SECONDS")] = Field(
        default=120, gt=0
    )
    upload_attempts: Annotated[
        int, Option(Group.UPLOAD, "Attempts before a batch is left on disk.", "N"), Field(ge=1, le=1000)
    ] = 15
    upload_concurrency: Annotated[int, Option(Group.UPLOAD, "Batches in flight.", "N"), Field(ge=1, le=64)] = 6
    upload_token: Annotated[
        str | None, Option(Group.UPLOAD, "The bearer token itself.", "TOKEN", secret=True, argument=False)
    ] = Field(default=None, repr=False)
    upload_token_file: Annotated[Path | None, Option(Group.UPLOAD, "File with the bearer token.", "FILE")] = None
    upload_token_command: Annotated[
        str | None, Option(Group.UPLOAD, "Command that prints the bearer token.", "COMMAND")
    ] = Field(default=None, repr=False)
    client_cert: Annotated[Path | None, Option(Group.UPLOAD, "Client certificate, PEM.", "FILE")] = None
    client_key: Annotated[
        Path | None, Option(Group.UPLOAD, "Its private key, PEM, if it is in a file of its own.", "FILE")
    ] = None
    ca_bundle: Annotated[Path | None, Option(Group.UPLOAD, "Certificates of trusted authorities, PEM.", "FILE")] = None
    allow_insecure_upload: Annotated[bool, Option(Group.UPLOAD, "Allow plain http to hosts other than this one.")] = (
        False
    )

    jupiterone_api_key: Annotated[
        str | None, Option(Group.JUPITERONE, "The API key itself.", "KEY", secret=True, argument=False)
    ] = Field(default=None, repr=False, validation_alias="jupiterone_api_key")
    jupiterone_api_key_file: Annotated[Path | None, Option(Group.JUPITERONE, "File with the API key.", "FILE")] = None
    jupiterone_api_key_command: Annotated[
        str | None, Option(Group.JUPITERONE, "Command that prints the API key.", "COMMAND")
    ] = Field(default=None, repr=False)
    jupiterone_account: Annotated[str | None, Option(Group.JUPITERONE, "JupiterOne account id.", "ID")] = Field(
        default=None, validation_alias="jupiterone_account"
    )
    jupiterone_instance: Annotated[
        str | None,
        Option(Group.JUPITERONE, "Integration instance to synchronize. Default: one scope for each AWS account.", "ID"),
    ] = None
    wait: Annotated[
        bool, Option(Group.JUPITERONE, "Wait until JupiterOne has processed the upload, and compare its counts.")
    ] = False

    max_concurrency: Annotated[int, Option(Group.RATE, "AWS requests in flight.", "N"), Field(ge=1, le=2000)] = 100
    rate_share: Annotated[
        float, Option(Group.RATE, "Share of AWS's documented rates that a run may use, 0 to 1.", "X"), Field(gt=0, le=1)
    ] = 0.5
    rates: Annotated[
        RateOverrides,
        Option(
            Group.RATE,
            "Requests per second that AWS allows your accounts, by service or operation: `ec2=40`.",
            "A=N,B=N",
        ),
    ] = Field(default_factory=dict)
    accounts_at_once: Annotated[
        int, Option(Group.RATE, "Accounts collected concurrently.", "N"), Field(ge=1, le=64)
    ] = 4
    processes: Annotated[
        int,
        Option(
            Group.RATE,
            "Worker processes, which share the accounts, or the scopes of a single one. Default: one per core for several accounts, else 1.",
            "N",
        ),
        Field(ge=0, le=64),
    ] = 0

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Option(Group.GENERAL, "debug, info, warning or error.", "LEVEL")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "console", "json"], Option(Group.GENERAL, "auto, console or json.", "FORMAT")
    ] = "auto"
    quiet: Annotated[bool, Option(Group.GENERAL, "Print errors only: no progress, no table.", short="-q")] = False
    verbose: Annotated[
        int,
        Option(Group.GENERAL, "List every service in the table; twice: log at level debug.", short="-v", counted=True),
        Field(ge=0, le=2),
    ] = 0
    progress: Annotated[bool, Option(Group.GENERAL, "Whether to show progress on a terminal.")] = True
    config: Annotated[
        Path | None, Option(Group.GENERAL, "TOML file with any of these settings, except this one.", "FILE")
    ] = None

    @model_validator(mode="after")
    def _exclusive_account_options(self) -> Self:
        multiple = bool(self.accounts) or self.org
        if self.role_arn and multiple:
            raise ValueError("--role-arn is for a single account; use --role-name with --accounts or --org")
        if self.accounts and self.org:
            raise ValueError("--accounts and --org cannot be combined")
        if multiple and not self.role_name:
            raise ValueError("--accounts and --org need --role-name")
        if self.role_name and not multiple:
            raise ValueError("--role-name needs --accounts or --org")
        return self

    @property
    def several_accounts(self) -> bool:
        """Whether more than one account may be collected."""
        return self.org or len(self.accounts) > 1

    @property
    def effective_log_level(self) -> str:
        """The level to log at: `log_level`, unless `quiet` or `verbose` says otherwise."""
        return "error" if self.quiet else "debug" if self.verbose > 1 else self.log_level

    def options(self) -> Options:
        """The settings that conversion needs."""
        return Options(
            account_name=self.account_name,
            tag_account_name=self.tag_account_name,
            tag_production=self.tag_production,
            raw=self.raw,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before environment before file. No file is read that was not named."""
        del env_settings, dotenv_settings, file_secret_settings
        environment = _PlainEnvironment(settings_cls)
        config = init_settings().get("config") or environment().get("config")
        return init_settings, environment, InitSettingsSource(settings_cls, _read_file(config))


class _PlainEnvironment(EnvSettingsSource):
    """Environment variables whose lists are `a,b`, not JSON."""

    def prepare_field_value(self, field_name: str, field: Any, value: Any, value_is_complex: bool) -> Any:  # noqa: FBT001  (pydantic's signature)
        """Leave the text to the field's validator."""
        del field_name, field, value_is_complex
        return value


SETTINGS: Mapping[str, Option] = {
    name: option
    for name, field in Settings.model_fields.items()
    for option in field.metadata
    if isinstance(option, Option)
}
"""How each setting is presented, by its name, in the order of declaration."""


def env_name(name: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[name].validation_alias
    return (alias if isinstance(alias, str) else f"{ENV_PREFIX}{name}").upper()


def unknown_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """The `COLLECTOR_…` variables that no setting reads, each with the nearest known name, if any is near."""
    known = {env_name(name).removeprefix(ENV_PREFIX): env_name(name) for name in SETTINGS}
    given = sorted(name for name in environment if name.upper().startswith(ENV_PREFIX))
    names = {name: name.upper().removeprefix(ENV_PREFIX) for name in given if name.upper() not in known.values()}
    return {name: known.get(next(iter(difflib.get_close_matches(word, known, 1)), "")) for name, word in names.items()}


def load_settings(arguments: Mapping[str, Any]) -> Settings:
    """The settings from arguments (names of fields to values), environment and configuration file.

    Raises:
        ConfigurationError: in one line, if the file cannot be read or a value is invalid.
    """
    try:
        return Settings(**arguments)
    except ValidationError as error:
        raise ConfigurationError(_summary(error)) from error


def _read_file(path: str | Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    if "config" in values:
        raise ConfigurationError(f"{path}: a configuration file cannot name another one")
    return {name.replace("-", "_"): value for name, value in values.items()}


def _summary(error: ValidationError) -> str:
    """The first problem, in one line that names the option and never repeats a secret."""
    first = error.errors()[0]
    setting = str(first["loc"][0]) if first["loc"] else ""
    name = "--" + setting.replace("_", "-") if setting else "settings"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(setting, SETTINGS, 1)
        hint = f"; did you mean {near[0]!r}?" if near and len(first["loc"]) == 1 else ""
        return f"unknown setting {'.'.join(map(str, first['loc']))!r}{hint}"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == "string_pattern_mismatch":
        kind = {"regions": "a region's name", "role_arn": "a role's ARN", "via_role_arn": "a role's ARN"}
        return f"{name}: {first['input']!r} is not {kind.get(setting, 'an account number of 12 digits')}"
    option = SETTINGS.get(setting)
    given = "" if option is None or option.secret else f" (given: {first['input']!r})"
    return f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}{given}"
