"""Fast templates."""

import re
from collections.abc import Mapping
from operator import itemgetter

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Template:
    """A template with placeholders such as ``%(number)s``.

    Joining pieces takes a fifth of the time of ``%``, and pages consist of little else.
    """

    __slots__ = ("_fields", "_pieces")

    def __init__(self, text: str) -> None:
        self._pieces = _PLACEHOLDER.split(text)
        names = self._pieces[1::2]
        self._fields = itemgetter(*names) if len(names) > 1 else (lambda fields: [fields[name] for name in names])

    def fill(self, fields: Mapping[str, str]) -> str:
        """The text with every placeholder replaced."""
        pieces = self._pieces.copy()
        pieces[1::2] = self._fields(fields)
        return "".join(pieces)
