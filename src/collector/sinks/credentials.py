"""Tokens of endpoints: from the environment, a file or a command; read late, shown never."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyio import to_thread

from collector.sinks.base import DeliveryError

if TYPE_CHECKING:
    from pathlib import Path

COMMAND_SECONDS = 60.0
"""How long a command may take to print a token."""


@dataclass(slots=True)
class Token:
    """A bearer token. `name` is how messages call it; of `value`, `file` and `command` the first that is set counts.

    A file or a command is read when the token is first needed, and again when the endpoint refuses what it gave: tokens
    that live for an hour are renewed in a run that takes three.
    """

    name: str
    value: str | None = field(default=None, repr=False)
    file: Path | None = None
    command: str | None = field(default=None, repr=False)
    _known: str | None = field(default=None, init=False, repr=False)

    @property
    def given(self) -> bool:
        """Whether there is anything to read it from."""
        return bool(self.value or self.file or self.command)

    async def get(self) -> str | None:
        """The token; None when none was given.

        Raises:
            DeliveryError: when the file or the command gives none.
        """
        if self._known is None and self.given:
            self._known = await to_thread.run_sync(self._read)
        return self._known

    async def renewed(self, refused: str | None) -> bool:
        """Whether there is now another token than the one that was refused."""
        if self._known == refused and not self.value:
            self._known = None
        return await self.get() != refused

    def hide(self, text: str) -> str:
        """A message without the token, should an endpoint have repeated it."""
        return text.replace(self._known, "REDACTED") if self._known else text

    def _read(self) -> str:
        if self.value:
            return self.value.strip()
        token = self._from_file(self.file) if self.file else self._from_command(self.command or "")
        if not token:
            raise DeliveryError(f"{self.name}: {'the file' if self.file else 'the command'} gives an empty token")
        return token

    def _from_file(self, file: Path) -> str:
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DeliveryError(
                f"{self.name}: cannot read {file}: {getattr(error, 'strerror', None) or 'not text'}"
            ) from None

    def _from_command(self, command: str) -> str:
        """What the command prints; what it says when it fails may hold secrets and is not repeated."""
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
            raise DeliveryError(f"{self.name}: the command ended with exit code {error.returncode}") from None
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise DeliveryError(f"{self.name}: the command could not be run: {type(error).__name__}") from None
        return done.stdout.strip()
