"""The command line: a thin second door to the library, and the only place that prints."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from stepgrad import __version__
from stepgrad.errors import InputError, ProgramError, StepgradError, nearest
from stepgrad.formats import render
from stepgrad.gallery import example_paths, example_text, example_title
from stepgrad.language import MAX_STEPS, read_value, run
from stepgrad.ops import GATES
from stepgrad.reader import MAX_TEXT
from stepgrad.source import Program, Span
from stepgrad.trace import Trace
from stepgrad.wording import Style, Wording

FIRST_EXAMPLE = "sigmoid"
PROGRAM_HELP = "a file, `-` for standard input, the name of an example, or the program text itself"


class Text(NamedTuple):
    """A program's text, and the name under which errors and titles speak of it."""

    text: str
    filename: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 0, or 2 where the input was wrong."""
    options = parsed(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.command(options)
        sys.stdout.flush()
        return status
    except StepgradError as error:
        print(error if isinstance(error, ProgramError) else f"stepgrad: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments; values may come after options too, which argparse alone does not allow."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    if rest and (not hasattr(options, "values") or any(each.startswith("-") for each in rest)):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.values += rest
    return options


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    top = argparse.ArgumentParser(prog="stepgrad", description="The debugger for backpropagation.")
    top.add_argument("--version", action="version", version=f"stepgrad {__version__}")
    top.set_defaults(command=open_first)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, help: str, function: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        added.set_defaults(command=function)
        return added

    def program(name: str, help: str, function: Any) -> argparse.ArgumentParser:
        added = command(name, help, function)
        added.add_argument("program", metavar="PROGRAM", help=PROGRAM_HELP)
        added.add_argument("values", metavar="NAME=VALUE", nargs="*", help="a value for a name: x=3, W=[[1,2],[3,4]]")
        added.add_argument("--inputs", metavar="FILE", help="a JSON file with values by name")
        added.add_argument("--output", metavar="NAME", help="go backward from this name, not from the last value")
        added.add_argument(
            "--max-steps", metavar="N", type=count, default=MAX_STEPS, help=f"at most N steps ({MAX_STEPS:,})"
        )
        return added

    tracing = program("trace", "print every forward and backward step", trace_command)
    tracing.add_argument("--digits", metavar="N", type=count, default=2, help="decimals of the printed numbers (2)")
    tracing.add_argument("--width", metavar="N", type=count, help="columns to fit (those of the terminal, or 80)")
    tracing.add_argument("--ascii", action="store_true", help="spell mathematical signs in ASCII")
    running = program("run", "print the value and the gradients", run_command)
    running.add_argument("--json", action="store_true", help="as one line of JSON")
    program("view", "replay the steps in the terminal", view_command)
    command("gates", "print the table of gates", gates_command)
    listing = command("examples", "list the examples, or print one", examples_command)
    listing.add_argument("name", metavar="NAME", nargs="?", help="the example to print")
    return top


def count(text: str) -> int:
    """Read a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number; write one as in 4")
    return int(text)


# Commands


def trace_command(options: argparse.Namespace) -> int:
    """Print the text trace."""
    return print_trace(traced(options), options.digits, options.width, options.ascii)


def print_trace(trace: Trace, digits: int = 2, width: int | None = None, ascii_only: bool = False) -> int:
    """Print a trace to fit the terminal, in ASCII where the terminal knows no other signs."""
    columns = width or shutil.get_terminal_size((80, 24)).columns
    print_lines(render(trace, "text", digits=digits, width=columns, ascii_only=ascii_only or not can_print("∂≈×₀")))
    return 0


def run_command(options: argparse.Namespace) -> int:
    """Print the result."""
    trace = traced(options)
    if options.json:
        print_lines(render(trace, "json"))
        return 0
    style = Style(ascii_only=not can_print("∂₀"))
    wording = Wording(trace, style)
    output = trace.output_name(ascii_only=style.ascii_only)
    print(f"{output} = {trace.value}")
    for name, gradient in zip(map(wording.name, trace.inputs), trace.grads.values(), strict=True):
        print(f"{wording.partial(output, name)} = {gradient}")
    return 0


def view_command(options: argparse.Namespace) -> int:
    """Open the replay."""
    text = program_text(options.program)
    return view(traced(options), text.filename)


def open_first(options: argparse.Namespace) -> int:
    """Open the replay of the sigmoid circuit, or print it where no replay is possible."""
    trace = run(example_text(FIRST_EXAMPLE), filename=FIRST_EXAMPLE)
    if replay_missing():
        return print_trace(trace)
    return view(trace, FIRST_EXAMPLE)


def view(trace: Trace, title: str) -> int:
    """Open the replay, or say what it lacks."""
    missing = replay_missing()
    if missing:
        raise InputError(missing)
    from tui.app import replay  # the one arrow upwards: Textual is loaded only here

    return replay(trace, title)


def replay_missing() -> str:
    """Say what the replay lacks here; empty where it can run."""
    if find_spec("textual") is None or find_spec("tui") is None:
        return "the replay needs Textual; install it with `pip install 'stepgrad[tui]'`, or use `stepgrad trace`"
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        return "the replay needs a terminal; use `stepgrad trace` here"
    return ""


def gates_command(options: argparse.Namespace) -> int:
    """Print the table."""
    widest = max(len(gate.signature) for gate in GATES.values())
    for gate in GATES.values():
        also = f" (also {', '.join(gate.also)})" if gate.also else ""
        print(f"{gate.name:<14}{gate.signature:<{widest}}  {gate.words}{also}")
    return 0


def examples_command(options: argparse.Namespace) -> int:
    """List the examples, or print one."""
    if options.name is not None:
        print(example_text(options.name), end="")
        return 0
    for name, path in example_paths().items():
        print(f"{name:<16}{example_title(path)}")
    return 0


# Input


def traced(options: argparse.Namespace) -> Trace:
    """Run the program that the options name."""
    text = program_text(options.program)
    values = supplied(options.values, options.inputs)
    return run(text.text, values, output=options.output, filename=text.filename, max_steps=options.max_steps)


def program_text(given: str) -> Text:
    """Find a program: `-`, an existing path, an example's name, program text, in this order."""
    if given == "-":
        return Text(decoded(sys.stdin.buffer.read(4 * MAX_TEXT + 1), "<stdin>"), "<stdin>")
    path = Path(given)
    if is_file(path):
        return Text(decoded(path.read_bytes(), given), given)
    if given in example_paths():
        return Text(example_text(given), given)
    if re.fullmatch(r"[\w./\\-]*", given) and not given.isdecimal():
        known = nearest(given, example_paths())
        raise InputError(f"there is no file and no example {given!r}; give a path, an example or a program{known}")
    return Text(given, "<text>")


def is_file(path: Path) -> bool:
    """Whether there is such a file; a program text may be no possible path at all."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


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


def supplied(pairs: Iterable[str], file: str | None) -> dict[str, Any]:
    """Read the values given on the command line, after those of a JSON file."""
    values = from_json(file) if file else {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"{pair!r} gives no value; write NAME=VALUE, as in x=3")
        values[name] = read_value(text, f"<{name}>")
    return values


def from_json(file: str) -> dict[str, Any]:
    """Read values by name from a JSON file."""
    try:
        values = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file!r} cannot be read ({error}); name a JSON file") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f'{file!r} is not JSON ({error}); write it as {{"x": 3}}') from None
    if not isinstance(values, dict):
        raise InputError(f'{file!r} holds no values by name; write it as {{"x": 3}}')
    return values


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
