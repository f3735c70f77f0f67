"""Longhand: records that are written out in full, however long their numbers are.

Python refuses to write whole numbers of more than some thousand digits, so that none that a stranger sends takes
minutes. A fraction here is bounded by ``LIMITS.fraction``, and takes a moment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any


@contextmanager
def longhand() -> Iterator[None]:
    """Let whole numbers of any length be written in the block."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


def written(self: Any) -> str:
    """Write a NamedTuple or a dataclass as Python does: what it has for ``__repr__``."""
    names = [each.name for each in fields(self)] if is_dataclass(self) else self._fields
    with longhand():
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"
