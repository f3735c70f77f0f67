"""The lines of a saved file, one at a time, with the checksum of all so far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from zlib import crc32

from stepgrad.errors import TraceError
from stepgrad.formats.spelling import CHECKSUM
from stepgrad.saved import MAX_LINE, Wrong, wrong

SEALED = re.compile(rb',"%s":([0-9]{1,10})\}' % CHECKSUM.encode())


class Lines:
    """The lines of a file, one at a time, with the checksum of all so far."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name
        self.count = 0
        self.sum = 0
        self.sealed: bool | None = None
        self.cut_off = False

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell what is wrong, and in which line."""
        try:
            yield
        except Wrong as error:
            raise TraceError(str(error), self.name, max(self.count, 1)) from None

    def next(self) -> bytes | None:
        """Return the next line without its end; None where the file ends."""
        line = self.file.readline(MAX_LINE + 1)
        if not line:
            return None
        self.count += 1
        if len(line) > MAX_LINE:
            wrong(f"the line is longer than {MAX_LINE:,} bytes; no step of a program is")
        self.cut_off = not line.endswith(b"\n")
        line = line.removeprefix(b"\xef\xbb\xbf") if self.count == 1 else line
        return line.removesuffix(b"\n").removesuffix(b"\r")

    def check(self, line: bytes) -> None:
        """Check that a line is as it was written: asked after all else, which tells more about what is wrong."""
        place = line.rfind(b',"%s":' % CHECKSUM.encode())
        seal = SEALED.fullmatch(line, place) if place >= 0 else None
        if self.sealed is None:
            self.sealed = seal is not None
        if seal is None and not self.sealed:
            return
        if seal is None or not self.sealed:
            wrong(f"`{CHECKSUM}` stands in all lines, or in none; in this one it is otherwise than before")
        self.sum = crc32(line[:place], self.sum)
        if self.sum != int(seal[1]):
            wrong("the line is not as it was written: its checksum differs; get the file anew, or remove all checksums")
