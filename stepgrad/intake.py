"""Intake: the bytes of a file, whatever a path names, and no more of them than asked for."""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from stepgrad.errors import InputError
from stepgrad.limits import LIMITS

PATIENCE = 1.0  # seconds in which somebody must come to write into a named pipe


def content_of(path: str, most: int) -> bytes:
    """Return the content of a file, one byte more than ``most`` where it is longer; some devices have no end.

    Raises
    ------
    OSError, ValueError
        If it cannot be read; the second where the name has a NUL.
    InputError
        If it is a pipe into which nobody writes.
    """
    with opened(path) as file:
        return file.read(most + 1)


def text_of(path: str, instead: str) -> str:
    """Return the text of a file of values.

    Parameters
    ----------
    path : str
    instead : str
        What to name where it cannot be read: ``a JSON file``.

    Raises
    ------
    InputError
        If it cannot be read, is too long, or is not UTF-8.
    """
    try:
        content = content_of(path, LIMITS.file)
    except (OSError, ValueError) as error:  # the second where the name has a NUL
        reason = getattr(error, "strerror", None) or "this is no file name"
        raise InputError(f"{path!r} cannot be read: {reason}; name {instead}") from None
    if len(content) > LIMITS.file:
        raise InputError(f"{path!r} is too long; keep it under {LIMITS.file:,} bytes, or raise --max-file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path!r} is not UTF-8; save it as UTF-8") from None


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a file to read its bytes.

    Raises
    ------
    OSError, ValueError, InputError
        As above.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        first = b""
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode) and not select.select([descriptor], [], [], PATIENCE)[0]:
            first = first_byte(descriptor, path)
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
        yield io.BufferedReader(Again(first, file)) if first else file


class Again(io.RawIOBase):
    """A file from its beginning, though that has been read."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self.start = start
        self.rest = rest

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Hand out what was read before, then the rest."""
        found = self.start or self.rest.read(len(buffer))
        taken, self.start = found[: len(buffer)], found[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def first_byte(descriptor: int, path: str) -> bytes:
    """Return what a pipe holds, up to a byte; nothing where somebody has it open but has written nothing yet."""
    try:
        found = os.read(descriptor, 1)
    except BlockingIOError:
        return b""
    if not found:
        raise InputError(f"{path!r} is a pipe into which nobody writes; name a file")
    return found
