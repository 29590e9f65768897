"""Bearer tokens for endpoints, read from the environment, a file or a command when first needed."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from collector.sinks.base import DeliveryError

COMMAND_SECONDS = 60.0
"""Timeout of a command that prints a token."""


@dataclass(slots=True)
class Token:
    """A bearer token from the first source that is set: `value`, `file` or `command`. `name` is for messages.

    A file or command is read when the token is first needed, and again when the endpoint rejects it, so that a long run can
    outlive a short-lived token. No representation or message contains the token.
    """

    name: str
    value: str | None = field(default=None, repr=False)
    file: Path | None = None
    command: str | None = field(default=None, repr=False)
    _cached: str | None = field(default=None, init=False, repr=False)

    @property
    def is_configured(self) -> bool:
        """Whether any source is set."""
        return bool(self.value or self.file or self.command)

    async def get(self) -> str | None:
        """Return the token, or None if no source is set.

        Raises:
            DeliveryError: if the file or command cannot be read or is empty.
        """
        if self._cached is None and self.is_configured:
            self._cached = await to_thread.run_sync(self._read)
        return self._cached

    async def renew(self, rejected: str | None) -> bool:
        """Read the file or command again; return whether the token now differs from the rejected one."""
        if self._cached == rejected and not self.value:
            self._cached = None
        return await self.get() != rejected

    def redact(self, text: str) -> str:
        """Remove the token from a message, in case an endpoint echoed it."""
        return text.replace(self._cached, "REDACTED") if self._cached else text

    def _read(self) -> str:
        if self.value:
            return self.value.strip()
        token = self._from_file(self.file) if self.file else self._from_command(self.command or "")
        if not token:
            raise DeliveryError(f"{self.name}: the {'file' if self.file else 'command output'} is empty")
        return token

    def _from_file(self, file: Path) -> str:
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise DeliveryError(f"{self.name}: cannot read {file}: {reason}") from None

    def _from_command(self, command: str) -> str:
        """Return what the command prints. Its error output may contain secrets and is not repeated."""
        try:
            done = subprocess.run(  # noqa: S603  (the user's own command)
                shlex.split(command),
                capture_output=True,
                check=True,
                text=True,
                timeout=COMMAND_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.CalledProcessError as error:
            raise DeliveryError(f"{self.name}: the command failed with exit code {error.returncode}") from None
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise DeliveryError(f"{self.name}: the command could not be run: {type(error).__name__}") from None
        return done.stdout.strip()
