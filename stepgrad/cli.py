"""The command line: a thin second door to the library, and the only place that prints."""

from __future__ import annotations

import argparse
import codecs
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from stepgrad.answers import read_answers
from stepgrad.certificate import certify
from stepgrad.checking import Check, check
from stepgrad.commands import ask, difference, export, verify
from stepgrad.comparison import Comparison, compare
from stepgrad.conventions import conventions_of, listing
from stepgrad.curvature import Hessian, hessian
from stepgrad.difference import told
from stepgrad.directions import Jvp, Modes, jvp, modes, read_along
from stepgrad.errors import InputError, ProgramError, StepgradError, TraceError
from stepgrad.formats import render
from stepgrad.formats.proof import proof, proof_json
from stepgrad.formats.summary import plain_json
from stepgrad.gallery import example_paths, example_text, example_title, kind_of
from stepgrad.given import find_given, recipe, traced, traced_as
from stepgrad.interrupts import is_command, let_end, let_raise
from stepgrad.language import Recipe, Text
from stepgrad.limits import WORDS, limited
from stepgrad.numeric import FLOAT
from stepgrad.ops import GATES
from stepgrad.parsing import Command, Parser, command_parser
from stepgrad.paths import PathSum, why
from stepgrad.printing import in_full
from stepgrad.style import Style, escaped, in_ascii, one_line
from stepgrad.tables import hessian_lines, modes_lines, path_lines, record_of
from stepgrad.trace import Trace
from stepgrad.wording import Wording

FIRST_EXAMPLE = "sigmoid"
MOST_CERTIFIED = 5_000  # steps of a trace whose gradients are proved unasked


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    It is 0, 1 where a check finds something wrong, 2 where the input was wrong, 130 where it was interrupted.
    """
    try:
        if is_command():
            let_raise()
        return run_command_line(arguments)
    except KeyboardInterrupt:
        return 130
    finally:
        if is_command():
            let_end()


def run_command_line(arguments: Sequence[str] | None) -> int:
    """Run a command; return the exit status."""
    options = parsed(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="spelled")
    try:
        if sys.stdout is None:
            raise InputError("standard output is closed; send it to a file or to a terminal")
        with limited(**limits_of(options)):
            status: int = options.command(options)
        sys.stdout.flush()
        return status
    except StepgradError as error:
        return complain(error if isinstance(error, (ProgramError, TraceError)) else f"stepgrad: {error}")
    except BrokenPipeError:  # `| head` has seen enough
        forget(sys.stdout)
        return 0
    except OSError as error:
        forget(sys.stdout)
        return complain(f"stepgrad: the output cannot be written: {error.strerror}; send it elsewhere")


def complain(sentence: object) -> int:
    """Say what is wrong, if anybody listens; return the exit status."""
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:
        forget(sys.stderr)
    return 2


def forget(stream: TextIO) -> None:
    """Send what is left of an output nowhere, so that the interpreter does not fail with it again as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def spelled(error: UnicodeError) -> tuple[str, int]:
    """Spell in ASCII what a stream cannot print otherwise."""
    assert isinstance(error, UnicodeEncodeError)
    return in_ascii(error.object[error.start : error.end]), error.end


codecs.register_error("spelled", spelled)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments; values may come after options too, which argparse alone does not allow."""
    top = parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] not in COMMANDS and kind_of(Path(given[0])) == "file":  # a file alone is looked at
        given.insert(0, "trace" if replay_missing() else "view")
    options, rest = top.parse_known_args(given)
    unknown = [each for each in rest if each.startswith("-") or not hasattr(options, "values")]
    if unknown:
        top.error(f"{unknown[0]!r} is not understood here")
    if rest:
        options.values += rest
    return options


def parser() -> Parser:
    """Return the parser of all commands."""
    return command_parser(COMMANDS, open_first)


def limits_of(options: argparse.Namespace) -> dict[str, int]:
    """Return the limits that the options change."""
    given = {name: getattr(options, f"max_{name}", None) for name in WORDS}
    return {name: value for name, value in given.items() if value is not None}


# Commands


def trace_command(options: argparse.Namespace) -> int:
    """Print the text trace."""
    return print_trace(traced(options), options.digits, options.width, options.ascii)


def print_trace(trace: Trace, digits: int = 2, width: int | None = None, ascii_only: bool = False) -> int:
    """Print a trace to fit the terminal, in ASCII where the terminal knows no other signs."""
    print_lines(
        render(trace, "text", digits=digits, width=columns(width), ascii_only=ascii_only or not can_print("∂≈×₀"))
    )
    return 0


def columns(width: int | None) -> int:
    """Return the columns to fit: those asked for, or those of the terminal."""
    return width or shutil.get_terminal_size((80, 24)).columns


def run_command(options: argparse.Namespace) -> int:
    """Print the result."""
    if options.certified:
        return run_certified(options)
    trace = traced(options)
    if options.json:
        print_lines(render(trace, "json"))
        return 0
    style = Style(ascii_only=not can_print("∂₀"))
    wording = Wording(trace, style)
    output = trace.output_name(ascii_only=style.ascii_only)
    for line in trace.printed:
        print(one_line(line))
    output = escaped(output) if style.ascii_only else output
    if output:  # a program may do nothing but print
        print(f"{output} = {in_full(trace.value)}")
    spell = escaped if style.ascii_only else str
    names = trace.input_names(ascii_only=style.ascii_only)
    for name, gradient in zip(map(spell, names), trace.grads.values(), strict=True):
        print(f"{wording.partial(output, name)} = {in_full(gradient)}")
    for name, value in trace.updated.items():
        print(f"{spell(name)} = {in_full(value)}  after the last update")
    return 0


def run_certified(options: argparse.Namespace) -> int:
    """Print the result with how every number was proved, and how far floats are off."""
    how, text = recipe(options), find_given(options.program, options.max_steps)
    if how.number is not float:
        raise InputError("certified numbers are proved for floats; leave out --exact or --decimal")
    if not isinstance(text, Text):
        raise InputError(f"{options.program!r} is a saved trace, and certified numbers take its program; give that")
    found = certify(text.text, how.inputs, output=how.output, filename=text.filename, max_steps=how.max_steps)
    if options.json:
        print_lines(proof_json(found))
        return 0
    print_lines(map(one_line, found.trace.printed))
    print_lines(proof(found, ascii_only=not can_print("∂₀")))
    return 0


def layers_command(options: argparse.Namespace) -> int:
    """Print the length of every input's gradient, pass by pass."""
    ascii_only = options.ascii or not can_print("∂‖")
    print_lines(render(traced(options), "layers", digits=options.digits, ascii_only=ascii_only))
    return 0


def export_command(options: argparse.Namespace) -> int:
    """Write the trace into a file."""
    print_lines(export(options))
    return 0


def worksheet_command(options: argparse.Namespace) -> int:
    """Print a worksheet or its key, or write both."""
    print_lines(ask(options))
    return 0


def verify_command(options: argparse.Namespace) -> int:
    """Check a saved trace."""
    print_lines(verify(options))
    return 0


def diff_command(options: argparse.Namespace) -> int:
    """Compare two traces; the status is 1 where they differ."""
    apart = difference(options)
    style = Style(options.digits, options.ascii or not can_print("∂≈×₀"))
    print_lines(told(apart, (options.program, options.other), style))
    return 0 if apart.equal else 1


def hessian_command(options: argparse.Namespace) -> int:
    """Print the second derivatives, or the steps that lead to them."""
    found = hessian(traced(options), wrt=options.wrt, max_steps=options.max_steps)
    if options.trace or options.view:
        return show_trace(found.trace, options)
    return show(found, options, hessian_lines(found, style_of(options), columns(options.width)))


def jvp_command(options: argparse.Namespace) -> int:
    """Print the steps of forward mode, or what they come to."""
    found = jvp(traced(options, backward=False), read_along(options.along) if options.along else None)
    return show(found, options, ()) if options.json else show_trace(found.trace, options)


def modes_command(options: argparse.Namespace) -> int:
    """Print both modes side by side."""
    found = modes(traced(options), max_steps=options.max_steps)
    return show(found, options, modes_lines(found, style_of(options)))


def why_command(options: argparse.Namespace) -> int:
    """Print the paths to a value."""
    found = why(traced(options), options.name, paths=options.paths)
    return show(found, options, path_lines(found, style_of(options)))


def show(found: Hessian | Jvp | Modes | PathSum, options: argparse.Namespace, lines: Iterable[str]) -> int:
    """Print what a command has found: as one line of JSON, or these lines."""
    print_lines([json.dumps(plain_json(record_of(found)), allow_nan=False)] if options.json else lines)
    return 0


def show_trace(trace: Trace, options: argparse.Namespace) -> int:
    """Print the steps that a command has found, or replay them."""
    if not options.view:
        return print_trace(trace, options.digits, options.width, options.ascii)
    check_replay()
    title = trace.program.filename if trace.program is not None else ""
    return view(trace, title, recipe(options), options.ascii)


def style_of(options: argparse.Namespace) -> Style:
    """Return how the options, and the terminal, want numbers and signs."""
    return Style(options.digits, options.ascii or not can_print("∂²≈×₀→"))


def check_command(options: argparse.Namespace) -> int:
    """Check the gradients, or compare somebody's with them; status 1 where one is wrong."""
    trace, _, how = traced_as(options)
    ascii_only = options.ascii or not can_print("∂≈×₀")
    found: Check | Comparison
    if options.against is None:
        proved = certified_gradients(trace, how) if options.number is None else None
        found = check(trace, number=options.number, certified=proved, ascii_only=ascii_only)
    else:
        theirs = read_answers(options.against)
        found = compare(trace, theirs, options.rtol, options.atol, number=options.number, ascii_only=ascii_only)
    print_lines(found.lines)
    return 0 if found else 1


def certified_gradients(trace: Trace, how: Recipe) -> dict[str, Any] | None:
    """Prove the gradients of a program's floats, unless it is so long that it takes more than a moment."""
    if trace.program is None or trace.number is not FLOAT or len(trace) > MOST_CERTIFIED:
        return None
    return certify(
        trace.program.text, how.inputs, output=how.output, filename=trace.program.filename, max_steps=how.max_steps
    ).grads


def view_command(options: argparse.Namespace) -> int:
    """Open the replay of a program, or the gallery where none is named."""
    check_replay()
    if options.program is None:
        trace = Recipe().run(Text(example_text(FIRST_EXAMPLE), FIRST_EXAMPLE))
        return view(trace, FIRST_EXAMPLE, Recipe(), options.ascii, gallery=True)
    return view(*traced_as(options), options.ascii)


def open_first(options: argparse.Namespace) -> int:
    """Open the replay of the sigmoid circuit, or print it where no replay is possible."""
    trace = Recipe().run(Text(example_text(FIRST_EXAMPLE), FIRST_EXAMPLE))
    return print_trace(trace) if replay_missing() else view(trace, FIRST_EXAMPLE, Recipe())


def view(trace: Trace, title: str, how: Recipe, ascii_only: bool = False, *, gallery: bool = False) -> int:
    """Replay a trace."""
    from tui.app import replay  # the one arrow upwards: Textual is loaded only here

    return replay(trace, title, how, ascii_only=ascii_only or not can_print("∂≈×₀─╭"), gallery=gallery)


def check_replay() -> None:
    """Refuse where no replay is possible."""
    missing = replay_missing()
    if missing:
        raise InputError(missing)


def replay_missing() -> str:
    """Say what the replay lacks here; empty where it can run."""
    if find_spec("textual") is None or find_spec("tui") is None:
        return "the replay needs Textual; install it with `pip install 'stepgrad[tui]'`, or use `stepgrad trace`"
    terminals = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if not terminals or (os.environ.get("TERM") or "dumb") == "dumb":
        return "the replay needs a terminal, for standard error too; use `stepgrad trace` here"
    return ""


def gates_command(options: argparse.Namespace) -> int:
    """Print the table."""
    widest = max(len(gate.signature) for gate in GATES.values())
    for gate in GATES.values():
        also = f" (also {', '.join(gate.also)})" if gate.also else ""
        print(f"{gate.name:<14}{gate.signature:<{widest}}  {gate.words}{also}")
    return 0


def conventions_command(options: argparse.Namespace) -> int:
    """Print the list of conventions."""
    print_lines(listing(conventions_of(options.about)))
    return 0


def examples_command(options: argparse.Namespace) -> int:
    """List the examples, or print one."""
    if options.name is not None:
        print(example_text(options.name), end="")
        return 0
    for name, path in example_paths().items():
        print(f"{name:<16}{example_title(path)}")
    return 0


COMMANDS: Mapping[str, Command] = {
    "trace": trace_command,
    "run": run_command,
    "layers": layers_command,
    "check": check_command,
    "hessian": hessian_command,
    "jvp": jvp_command,
    "modes": modes_command,
    "why": why_command,
    "export": export_command,
    "worksheet": worksheet_command,
    "verify": verify_command,
    "diff": diff_command,
    "view": view_command,
    "gates": gates_command,
    "conventions": conventions_command,
    "examples": examples_command,
}


# Output


def print_lines(lines: Iterable[str]) -> None:
    """Print line by line: a long trace never sits in one string."""
    for line in lines:
        print(line)


def can_print(text: str) -> bool:
    """Whether standard output can show these signs."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
