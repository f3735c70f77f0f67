"""The gallery: where programs are found, the examples by their names.

In a checkout the examples lie beside the package, in an installed distribution inside it.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import BinaryIO

from stepgrad.errors import InputError, ProgramError, nearest
from stepgrad.intake import Again, content_of, opened
from stepgrad.language import MAX_STEPS, Recipe, Text
from stepgrad.limits import LIMITS
from stepgrad.loader import is_saved, read_trace
from stepgrad.source import Program, Span
from stepgrad.tensor import nested
from stepgrad.trace import Trace

SUFFIX = ".sg"
PLACES = (Path(__file__).parent / "examples", Path(__file__).parent.parent / "examples")


def example_paths() -> dict[str, Path]:
    """Return every example's file by name, sorted."""
    folder = next((place for place in PLACES if any(place.glob(f"*{SUFFIX}"))), PLACES[0])
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def example_title(path: Path) -> str:
    """Return the first line of an example's header comment."""
    return path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")


def example_text(name: str) -> str:
    """Return the program text of an example.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    paths = example_paths()
    if name not in paths:
        raise InputError(f"there is no example {name!r}; `stepgrad examples` lists them{nearest(name, paths)}")
    return paths[name].read_text(encoding="utf-8")


def find_program(given: str) -> Text:
    """Find a program: an existing path, an example's name, program text, in this order.

    Raises
    ------
    InputError
        If it looks like a path or a name and there is neither a file nor an example.
    ProgramError
        If the file is not UTF-8.
    """
    path = Path(given)
    kind = kind_of(path)
    if kind == "file":
        try:
            return program_of(content_of(given, 4 * LIMITS.source), given)
        except OSError as error:
            raise InputError(f"{given!r} cannot be read: {error.strerror}; name another file") from None
    if given in example_paths():
        return Text(example_text(given), given)
    if kind == "directory":
        raise InputError(f"{given!r} is a directory; name a file in it")
    if re.fullmatch(r"[\w./\\-]*|[^\n=;()]*\.(sg|py|txt)", given) and not given.isdecimal():
        known = nearest(given, example_paths())
        raise InputError(f"there is no file and no example {given!r}; give a path, an example or a program{known}")
    return Text(given, "<text>")


def find(given: str, max_steps: int = MAX_STEPS) -> Text | Trace:
    """Find a program as :func:`find_program` does, or a saved trace in the file.

    Raises
    ------
    InputError, ProgramError
        As there.
    TraceError
        If the trace is damaged.
    """
    if kind_of(Path(given)) != "file":
        return find_program(given)
    try:
        with opened(given) as file:
            return read_either(file, given, max_steps)
    except OSError as error:
        raise InputError(f"{given!r} cannot be read: {error.strerror}; name another file") from None


def read_either(file: BinaryIO, filename: str, max_steps: int = MAX_STEPS) -> Text | Trace:
    """Read a program, or a saved trace, from a file that may be a pipe: which of them, the first line says."""
    start = file.read(HEAD)
    again = io.BufferedReader(Again(start, file))
    return read_trace(again, filename, max_steps) if is_saved(start) else read_program(again, filename)


def again(trace: Trace, max_steps: int = MAX_STEPS) -> Recipe:
    """Return how the program of a saved trace is run again."""
    return Recipe({name: nested(value) for name, value in trace.given.items()}, trace.asked, max_steps)


HEAD = 64  # bytes by which a saved trace is known


def kind_of(path: Path) -> str:
    """Tell ``file``, which may be a pipe, from ``directory``; empty for a program text, perhaps no possible path."""
    try:
        return "directory" if path.is_dir() else "file" if path.exists() else ""
    except (OSError, ValueError):
        return ""


def read_program(file: BinaryIO | io.BufferedReader, filename: str) -> Text:
    """Read a program, but no more than a program can be."""
    return program_of(file.read(4 * LIMITS.source + 1), filename)


def program_of(content: bytes, filename: str) -> Text:
    """Return the program that a file holds, if it is not too large for one."""
    if len(content) > 4 * LIMITS.source:
        limit = f"keep it under {LIMITS.source:,} characters, or raise --max-source"
        raise InputError(f"{filename!r} is too large for a program; {limit}")
    return Text(decoded(content, filename), filename)


def decoded(content: bytes, filename: str) -> str:
    """Decode a program as UTF-8, or point at the byte that is not."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        program = Program(content.decode("utf-8", "replace"), filename)
        sentence = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ProgramError(sentence, program, Span(line, column, line, column + 1)) from None
