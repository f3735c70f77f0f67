"""Commands on traces: export, worksheet, verify, diff.

What they have to say comes as lines, which the command line prints. Whatever can be refused without running the
program, or loading the trace, that the options name is refused before.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from stepgrad.difference import Difference, Tolerance, compare
from stepgrad.errors import InputError, counted, visible
from stepgrad.extract import chosen_steps
from stepgrad.files import check_free, write
from stepgrad.formats import FORMATS, check_format, check_options, format_of, render
from stepgrad.formats.worksheet import ENDINGS, worksheet
from stepgrad.given import find_given, traced
from stepgrad.language import Recipe, Text
from stepgrad.loader import load, read_trace

CHOOSING = {"steps": "--steps", "only": "--only", "node": "--node"}
SHAPING = {
    "digits": "--digits", "ascii_only": "--ascii", "pass_number": "--pass", "step": "--step", "theme": "--theme",
    "standalone": "--fragment",
}  # fmt: skip


def export(options: argparse.Namespace) -> Iterable[str]:
    """Write the trace into a file, or return its lines where they go to standard output."""
    name = export_format(options.file, options.format)
    chosen = {key: getattr(options, key) for key in CHOOSING if getattr(options, key) is not None}
    given = shaping(options)
    asked = {key: SHAPING[key] for key in given}
    if chosen:
        asked["steps"] = CHOOSING[next(iter(chosen))]
    check_options(name, asked)
    if options.file != "-":
        check_free(Path(options.file), options.force)
    trace = traced(options)
    if chosen:
        given["steps"] = chosen_steps(trace, **chosen)
    return written(options.file, render(trace, name, **given), options.force)


def shaping(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the options say about how steps are told."""
    given = {key: getattr(options, key) for key in ("digits", "pass_number", "step", "theme")}
    given = {key: each for key, each in given.items() if each is not None}
    if options.ascii:
        given["ascii_only"] = True
    if options.fragment:
        given["standalone"] = False
    return given


def export_format(file: str | None, named: str | None) -> str:
    """Return the format that is named, or that the ending of the file means."""
    if file is None:
        raise InputError("it needs a file to write; name one with -o FILE, or say -o - for standard output")
    if named is not None:
        check_format(named)
        return named
    if file == "-":
        raise InputError(f"standard output has no ending; say --format with one of {', '.join(FORMATS)}")
    return format_of(Path(file).name)


def ask(options: argparse.Namespace) -> Iterable[str]:
    """Return the lines of a worksheet or its key, or write both into files."""
    to_file = options.file not in (None, "-")
    path = Path(options.file if to_file else "-")
    name = options.format or (ending_of_sheet(path) if to_file else "markdown")
    style = {"digits": options.digits, "ascii_only": options.ascii, "pass_number": options.pass_number}
    if not to_file:
        return worksheet(traced(options), format=name, key=options.key, **style)
    if options.key:
        raise InputError(f"-o writes the answer key as well, beside {str(path)!r}; leave out --key")
    files = {False: path, True: path.with_name(f"{path.stem}.key{path.suffix}")}
    for file in files.values():
        check_free(file, options.force)
    trace = traced(options)
    for key, file in files.items():
        written(str(file), worksheet(trace, format=name, key=key, **style), options.force)
    return ()


def ending_of_sheet(path: Path) -> str:
    """Return the kind of worksheet that the ending of a file means."""
    if path.suffix not in ENDINGS:
        raise InputError(f"no worksheet ends as {path.name!r} does; use one of {', '.join(ENDINGS)}, or say --format")
    return ENDINGS[path.suffix]


def written(file: str, lines: Iterable[str], force: bool) -> Iterable[str]:
    """Write lines into a file, telling on a terminal how far it is; return those for standard output."""
    if file == "-":
        return lines
    if sys.stderr is not None and sys.stderr.isatty():
        lines = reported(lines, sys.stderr, monotonic)
    write(Path(file), lines, overwrite=force)
    return ()


def reported(lines: Iterable[str], stream: TextIO, clock: Callable[[], float]) -> Iterator[str]:
    """Hand lines on; after a second, and then twice a second, say how many there were."""
    said = ""
    due = clock() + 1
    for k, line in enumerate(lines, 1):
        if k % 100 == 0 and clock() >= due:
            due = clock() + 0.5
            said = f"{k:,} lines"
            stream.write(f"\r{said}")
            stream.flush()
        yield line
    if said:
        stream.write(f"\r{' ' * len(said)}\r")
        stream.flush()


def verify(options: argparse.Namespace) -> Iterator[str]:
    """Check a saved trace, and say what is in it."""
    if options.file != "-":
        trace = load(options.file, max_steps=options.max_steps)
    elif sys.stdin is None:
        raise InputError("standard input is closed; name a file")
    else:
        trace = read_trace(sys.stdin.buffer, "<stdin>", options.max_steps)
    counts = {"step": len(trace), "node": trace.node_count, "pass": len(trace.stretches)}
    said = ", ".join(counted(number, word) for word, number in counts.items())
    yield f"{visible(options.file)}: {said}; every value, local, product and total is right to the bit"


def difference(options: argparse.Namespace) -> Difference:
    """Compare two programs or saved traces."""
    how = Recipe(max_steps=options.max_steps)
    found = (find_given(given, options.max_steps) for given in (options.program, options.other))
    first, second = (how.run(each) if isinstance(each, Text) else each for each in found)
    return compare(first, second, Tolerance(options.rtol, options.atol))
