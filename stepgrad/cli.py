"""The command line: a thin second door to the library, and the only place that prints."""

from __future__ import annotations

import argparse
import codecs
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any, NoReturn, TextIO

from stepgrad import __version__
from stepgrad.errors import InputError, ProgramError, StepgradError, nearest
from stepgrad.formats import render
from stepgrad.gallery import example_paths, example_text, example_title, find_program, read_program
from stepgrad.intake import content_of
from stepgrad.interrupts import is_command, let_end, let_raise
from stepgrad.language import MAX_STEPS, Recipe, Text
from stepgrad.limits import LIMITS, WORDS, limited
from stepgrad.ops import GATES
from stepgrad.supply import read_values
from stepgrad.trace import Trace
from stepgrad.wording import Style, Wording, escaped, in_ascii, one_line

FIRST_EXAMPLE = "sigmoid"
COMMANDS = ("trace", "run", "view", "gates", "examples")
MAX_DIGITS = 60  # decimals that are printed
PROGRAM_HELP = "a file, `-` for standard input, the name of an example, or the program text itself"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 0, 2 where the input was wrong, 130 where it was interrupted."""
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
        return complain(error if isinstance(error, ProgramError) else f"stepgrad: {error}")
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


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with the arguments."""

    def error(self, message: str) -> NoReturn:
        """End the program with status 2."""
        chosen = re.match(r"argument COMMAND: invalid choice: '(.*?)'", message)
        if chosen:
            message = f"there is no command {chosen[1]!r}{nearest(chosen[1], COMMANDS)}"
        missing = re.match(r"the following arguments are required: (\w+)", message)
        sentence = f"it needs {missing[1]}" if missing else message.removeprefix("argument ")
        self.exit(2, f"stepgrad: {sentence}; `{self.prog} --help` says more\n")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments; values may come after options too, which argparse alone does not allow."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    unknown = [each for each in rest if each.startswith("-") or not hasattr(options, "values")]
    if unknown:
        top.error(f"{unknown[0]!r} is not understood here")
    if rest:
        options.values += rest
    return options


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    top = Parser(prog="stepgrad", description="The debugger for backpropagation.")
    top.add_argument("--version", action="version", version=f"stepgrad {__version__}")
    top.set_defaults(command=open_first)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, help: str, function: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        added.set_defaults(command=function)
        return added

    def program(name: str, help: str, function: Any) -> argparse.ArgumentParser:
        added = command(name, help, function)
        optional = "?" if function is view_command else None
        added.add_argument("program", metavar="PROGRAM", help=PROGRAM_HELP, nargs=optional)
        added.add_argument("values", metavar="NAME=VALUE", nargs="*", help="a value for a name: x=3, W=[[1,2],[3,4]]")
        added.add_argument("--inputs", metavar="FILE", help="a JSON file with values by name")
        added.add_argument("--output", metavar="NAME", help="go backward from this name, not from the last value")
        added.add_argument(
            "--max-steps", metavar="N", type=count, default=MAX_STEPS, help=f"at most N steps ({MAX_STEPS:,})"
        )
        for limit, words in WORDS.items():
            most = f"at most N {words} ({getattr(LIMITS, limit):,})"
            added.add_argument(f"--max-{limit}", metavar="N", type=count, help=most)
        return added

    tracing = program("trace", "print every forward and backward step", trace_command)
    tracing.add_argument("--digits", metavar="N", type=digits, default=2, help="decimals of the printed numbers (2)")
    tracing.add_argument("--width", metavar="N", type=count, help="columns to fit (those of the terminal, or 80)")
    ascii_option(tracing, "spell mathematical signs in ASCII")
    layers = program("layers", "print how long every input's gradient is, pass by pass", layers_command)
    layers.add_argument("--digits", metavar="N", type=digits, default=4, help="decimals of the printed numbers (4)")
    ascii_option(layers, "spell mathematical signs in ASCII")
    running = program("run", "print the value and the gradients", run_command)
    running.add_argument("--json", action="store_true", help="as one line of JSON")
    viewing = program("view", "replay the steps in the terminal", view_command)
    ascii_option(viewing, "draw in ASCII")
    command("gates", "print the table of gates", gates_command)
    listing = command("examples", "list the examples, or print one", examples_command)
    listing.add_argument("name", metavar="NAME", nargs="?", help="the example to print")
    return top


def ascii_option(command: argparse.ArgumentParser, help: str) -> None:
    """Add the option to keep to ASCII."""
    command.add_argument("--ascii", action="store_true", help=help)


def count(text: str) -> int:
    """Read a whole number from 0 on."""
    if not re.fullmatch("[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on; write one as in 4")
    return int(text)


def limits_of(options: argparse.Namespace) -> dict[str, int]:
    """Return the limits that the options change."""
    given = {name: getattr(options, f"max_{name}", None) for name in WORDS}
    return {name: value for name, value in given.items() if value is not None}


def digits(text: str) -> int:
    """Read a number of decimals."""
    if count(text) > MAX_DIGITS:
        raise argparse.ArgumentTypeError(f"{text} digits are too many; ask for at most {MAX_DIGITS}")
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
    for line in trace.printed:
        print(one_line(line))
    output = escaped(output) if style.ascii_only else output
    if output:  # a program may do nothing but print
        print(f"{output} = {trace.value}")
    spell = escaped if style.ascii_only else str
    names = trace.input_names(ascii_only=style.ascii_only)
    for name, gradient in zip(map(spell, names), trace.grads.values(), strict=True):
        print(f"{wording.partial(output, name)} = {gradient}")
    for name, value in trace.updated.items():
        print(f"{spell(name)} = {value}  after the last update")
    return 0


def layers_command(options: argparse.Namespace) -> int:
    """Print the length of every input's gradient, pass by pass."""
    ascii_only = options.ascii or not can_print("∂‖")
    print_lines(render(traced(options), "layers", digits=options.digits, ascii_only=ascii_only))
    return 0


def view_command(options: argparse.Namespace) -> int:
    """Open the replay of a program, or the gallery where none is named."""
    missing = replay_missing()
    if missing:
        raise InputError(missing)
    if options.program is None:
        return view(Text(example_text(FIRST_EXAMPLE), FIRST_EXAMPLE), Recipe(), options.ascii, gallery=True)
    return view(program_text(options.program), recipe(options), options.ascii)


def open_first(options: argparse.Namespace) -> int:
    """Open the replay of the sigmoid circuit, or print it where no replay is possible."""
    text = Text(example_text(FIRST_EXAMPLE), FIRST_EXAMPLE)
    return print_trace(Recipe().run(text)) if replay_missing() else view(text, Recipe())


def view(text: Text, how: Recipe, ascii_only: bool = False, *, gallery: bool = False) -> int:
    """Run a program and replay it."""
    trace = how.run(text)
    from tui.app import replay  # the one arrow upwards: Textual is loaded only here

    return replay(trace, text.filename, how, ascii_only=ascii_only or not can_print("∂≈×₀─╭"), gallery=gallery)


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
    return recipe(options).run(program_text(options.program))


def recipe(options: argparse.Namespace) -> Recipe:
    """Return how the options want a program to be run."""
    return Recipe(supplied(options.values, options.inputs), options.output, options.max_steps)


def program_text(given: str) -> Text:
    """Find a program: `-`, an existing path, an example's name, program text, in this order."""
    if given != "-":
        return find_program(given)
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file, or give the program itself")
    return read_program(sys.stdin.buffer, "<stdin>")


def supplied(pairs: Iterable[str], file: str | None) -> dict[str, Any]:
    """Read the values given on the command line, after those of a JSON file."""
    return {**(from_json(file) if file else {}), **read_values(pairs)}


def from_json(file: str) -> dict[str, Any]:
    """Read values by name from a JSON file."""
    try:
        content = content_of(file, LIMITS.file)
        if len(content) > LIMITS.file:
            raise InputError(f"{file!r} is too long; keep it under {LIMITS.file:,} bytes, or raise --max-file")
        values = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{file!r} cannot be read: {error.strerror}; name a JSON file") from None
    except UnicodeDecodeError:
        raise InputError(f"{file!r} is not UTF-8; save it as UTF-8") from None
    except (ValueError, RecursionError) as error:  # the first also where a number has thousands of digits
        what = f"is not JSON ({error})" if isinstance(error, json.JSONDecodeError) else "has too long or deep a value"
        raise InputError(f'{file!r} {what}; write it as {{"x": 3}}') from None
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
