"""Click options for the settings; names, help, groups and defaults all come from `collector.config.Settings`."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeAlias

import rich_click as click

from collector.config import SETTINGS, Group, Option, Settings

Decorator: TypeAlias = Callable[[Any], Any]


def settings_options(*groups: Group, leave_out: tuple[str, ...] = ()) -> Decorator:
    """The options of these groups, each group a panel of its own in the help. An absent option has the value None or ()."""
    settings = [
        (name, option)
        for name, option in SETTINGS.items()
        if option.group in groups and option.argument and name not in leave_out
    ]
    panels = [
        click.option_panel(
            group, options=[_flags(name, option)[0] for name, option in settings if option.group == group]
        )
        for group in groups
    ]
    decorators = [*panels, *(_option(name, option) for name, option in settings)]
    return lambda command: reduce(lambda inner, decorate: decorate(inner), reversed(decorators), command)


def given(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that were given on the command line."""
    return {name: value for name, value in arguments.items() if value is not None and value != ()}


def default_of(name: str) -> str:
    """A setting's default as text; empty if there is none, or if it is a switch that is off."""
    value = _default(name)
    if value in (None, (), {}, False, 0):
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return "on" if value is True else str(value)


def option_name(name: str) -> str:
    """A setting's option as it is typed: `--regions A,B`, `--org`, or `--no-progress` for a switch that is on by default."""
    option = SETTINGS[name]
    return " ".join((_flags(name, option)[-1 if default_of(name) == "on" else 0], option.metavar)).strip()


def _option(name: str, option: Option) -> Decorator:
    default = default_of(name)
    text = f"{option.help} [default: {default}]" if default else option.help
    short = (option.short,) if option.short else ()
    if option.counted:
        return click.option(*short, *_flags(name, option), name, count=True, default=None, help=text)
    if not option.metavar:
        return click.option(*short, "/".join(_flags(name, option)), name, default=None, help=text)
    repeatable = isinstance(_default(name), tuple | dict)
    return click.option(
        *_flags(name, option), name, default=None, help=text, metavar=option.metavar, multiple=repeatable
    )


def _default(name: str) -> Any:
    return Settings.model_fields[name].get_default(call_default_factory=True)


def _flags(name: str, option: Option) -> tuple[str, ...]:
    """`--regions`, or for a switch `--org` and `--no-org`."""
    flag = name.replace("_", "-")
    return (f"--{flag}",) if option.metavar or option.counted else (f"--{flag}", f"--no-{flag}")
