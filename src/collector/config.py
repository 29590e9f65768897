"""Settings: read once from options, environment, a TOML file and defaults, in that order; frozen from then on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
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

ENVIRONMENT = "COLLECTOR_"

SECRET = frozenset({"header", "jupiterone_api_key", "upload_token"})
"""Settings whose value no message repeats."""


class ConfigurationError(ValueError):
    """The user asked for something that cannot be; the message is one line for them."""


def _words(value: object) -> object:
    """`a,b` and `["a", "b"]` alike."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    if isinstance(value, Iterable):
        return tuple(value)
    return value


def _lines(value: object) -> object:
    """Header values hold commas: in the environment each stands on a line of its own."""
    return tuple(line for line in value.splitlines() if line.strip()) if isinstance(value, str) else _words(value)


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Region = Annotated[str, Field(pattern=re.compile(r"^[a-z]{2,}(-[a-z]+)+-\d+$").pattern)]
Regions = Annotated[tuple[Region, ...], BeforeValidator(_words)]

Outputs = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]
Headers = Annotated[tuple[str, ...], BeforeValidator(_lines)]

RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")]
AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]
AccountIds = Annotated[tuple[AccountId, ...], BeforeValidator(_words)]


class RateOverride(BaseModel):
    """What AWS allows, where the user knows better than the collector; without a burst, one second's worth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_second: float = Field(gt=0)
    burst: float | None = Field(default=None, ge=1)


def _limits(value: object) -> object:
    """`{"ec2": 10}` and `ec2=10,iam=5` like `{"ec2": {"per_second": 10}}`."""
    if isinstance(value, str):
        value = dict(word.partition("=")[::2] for word in value.split(",") if word.strip())
    if not isinstance(value, Mapping):
        return value
    return {
        name.strip(): limit if isinstance(limit, Mapping) else {"per_second": limit} for name, limit in value.items()
    }


RateOverrides = Annotated[dict[str, RateOverride], BeforeValidator(_limits)]


class Settings(BaseSettings):
    """What a run was asked to do. Every field is an option, a `COLLECTOR_…` variable and a key of the file."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT, frozen=True, extra="forbid", env_parse_enums=False)

    regions: Regions = ()
    services: Words = ()
    skip_services: Words = ()
    role_arn: RoleArn | None = None
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    accounts: AccountIds = ()
    org: bool = False
    role_name: str | None = None
    skip_accounts: AccountIds = ()
    via_role_arn: RoleArn | None = None
    via_external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    accounts_at_once: int = Field(default=4, ge=1, le=64)
    processes: int = Field(default=0, ge=0, le=64)
    account_name: str | None = None
    tag_account_name: bool = False
    tag_production: bool = False
    output: Outputs = ("-",)
    spool: Path | None = None
    spool_size: ByteSize = ByteSize(10_000_000_000)
    header: Headers = Field(default=(), repr=False)
    upload_timeout: float = Field(default=120, gt=0)
    upload_attempts: int = Field(default=15, ge=1, le=1000)
    upload_concurrency: int = Field(default=6, ge=1, le=64)
    upload_token: str | None = Field(default=None, repr=False)
    upload_token_file: Path | None = None
    upload_token_command: str | None = Field(default=None, repr=False)
    client_cert: Path | None = None
    client_key: Path | None = None
    ca_bundle: Path | None = None
    allow_insecure_upload: bool = False
    jupiterone_api_key: str | None = Field(default=None, repr=False, validation_alias="jupiterone_api_key")
    jupiterone_api_key_file: Path | None = None
    jupiterone_api_key_command: str | None = Field(default=None, repr=False)
    jupiterone_account: str | None = Field(default=None, validation_alias="jupiterone_account")
    jupiterone_instance: str | None = None
    wait: bool = False
    report: Path | None = None
    raw: bool = False
    max_concurrency: int = Field(default=100, ge=1, le=2000)
    rate_share: float = Field(default=0.5, gt=0, le=1)
    rates: RateOverrides = Field(default_factory=dict)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    progress: bool = True

    @model_validator(mode="after")
    def _one_way_to_the_accounts(self) -> Self:
        several = bool(self.accounts) or self.org
        if self.role_arn and several:
            raise ValueError("--role-arn is for a single account; use --role-name with --accounts or --org")
        if self.accounts and self.org:
            raise ValueError("--accounts and --org cannot be combined")
        if several and not self.role_name:
            raise ValueError("--accounts and --org need --role-name")
        if self.role_name and not several:
            raise ValueError("--role-name needs --accounts or --org")
        return self

    @property
    def several_accounts(self) -> bool:
        """Whether more than one account may be collected."""
        return self.org or len(self.accounts) > 1

    def options(self) -> Options:
        """What conversion needs of the settings."""
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
        """Options before environment before file; no hidden files."""
        del env_settings, dotenv_settings, file_secret_settings
        given = init_settings() if isinstance(init_settings, InitSettingsSource) else {}
        options, file = given.get("_options", {}), given.get("_file", {})
        return (
            InitSettingsSource(settings_cls, options),
            _PlainEnvironment(settings_cls),
            InitSettingsSource(settings_cls, file),
        )


class _PlainEnvironment(EnvSettingsSource):
    """Lists in the environment are `a,b`, not JSON."""

    def prepare_field_value(self, field_name: str, field: Any, value: Any, value_is_complex: bool) -> Any:  # noqa: FBT001  (pydantic's signature)
        """The text as it is."""
        del field_name, field, value_is_complex
        return value


def load_settings(options: Mapping[str, Any], file: Path | None = None) -> Settings:
    """Read the settings; `options` are those given on the command line.

    Raises:
        ConfigurationError: in one line, when the file cannot be read or a value is not what it should be.
    """
    try:
        return Settings(_options=dict(options), _file=_read(file))  # type: ignore[call-arg]  # taken apart by the sources
    except ValidationError as error:
        raise ConfigurationError(_line(error)) from error


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}") from error
    return {name.replace("-", "_"): value for name, value in given.items()}


def _line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = "--" + str(first["loc"][0]).replace("_", "-") if first["loc"] else "settings"
    if first["type"] == "extra_forbidden":
        return f"unknown setting {'.'.join(map(str, first['loc']))!r}"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == "string_pattern_mismatch":
        kind = {"regions": "a region's name", "role_arn": "a role's ARN", "via_role_arn": "a role's ARN"}
        return f"{name}: {first['input']!r} is not {kind.get(str(first['loc'][0]), 'an account number of 12 digits')}"
    given = "" if SECRET & {*map(str, first["loc"])} else f" (given: {first['input']!r})"
    return f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}{given}"
