"""The command line: a thin second door to the library, and the only place that prints."""

from __future__ import annotations

import argparse
import codecs
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from stepgrad import __version__
from stepgrad.curvature import Hessian, hessian
from stepgrad.directions import Jvp, Modes, jvp, modes, read_along
from stepgrad.errors import InputError, ProgramError, StepgradError, nearest
from stepgrad.formats import render
from stepgrad.formats.summary import plain_json
from stepgrad.gallery import example_paths, example_text, example_title, find_program, read_program
from stepgrad.language import MAX_STEPS, Recipe, Text
from stepgrad.ops import GATES
from stepgrad.paths import MOST_PATHS, PathSum, why
from stepgrad.supply import read_values
from stepgrad.tables import hessian_lines, modes_lines, path_lines, record_of
from stepgrad.trace import Trace
from stepgrad.wording import Style, Wording, escaped, in_ascii, one_line

FIRST_EXAMPLE = "sigmoid"
COMMANDS = ("trace", "run", "layers", "hessian", "jvp", "modes", "why", "view", "gates", "examples")
MAX_DIGITS = 60  # decimals that are printed
PROGRAM_HELP = "a file, `-` for standard input, the name of an example, or the program text itself"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 0, or 2 where the input was wrong."""
    options = parsed(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="spelled")
    try:
        if sys.stdout is None:
            raise InputError("standard output is closed; send it to a file or to a terminal")
        status: int = options.command(options)
        sys.stdout.flush()
        return status
    except StepgradError as error:
        print(error if isinstance(error, ProgramError) else f"stepgrad: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `| head` has seen enough
        forget_output()
        return 0
    except OSError as error:
        forget_output()
        print(f"stepgrad: the output cannot be written: {error.strerror}; send it elsewhere", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def forget_output() -> None:
    """Send what is left of the output nowhere, so that the interpreter does not fail with it again as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
        if function is why_command:
            added.add_argument("name", metavar="NAME", help="an input or another value; one element as in 'W[0][1]'")
        added.add_argument("program", metavar="PROGRAM", help=PROGRAM_HELP, nargs=optional)
        added.add_argument("values", metavar="NAME=VALUE", nargs="*", help="a value for a name: x=3, W=[[1,2],[3,4]]")
        added.add_argument("--inputs", metavar="FILE", help="a JSON file with values by name")
        added.add_argument("--output", metavar="NAME", help="go backward from this name, not from the last value")
        added.add_argument(
            "--max-steps", metavar="N", type=count, default=MAX_STEPS, help=f"at most N steps ({MAX_STEPS:,})"
        )
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
    beyond_gradients(program)
    viewing = program("view", "replay the steps in the terminal", view_command)
    ascii_option(viewing, "draw in ASCII")
    command("gates", "print the table of gates", gates_command)
    listing = command("examples", "list the examples, or print one", examples_command)
    listing.add_argument("name", metavar="NAME", nargs="?", help="the example to print")
    return top


def beyond_gradients(program: Callable[[str, str, Any], argparse.ArgumentParser]) -> None:
    """Add the commands for derivatives beyond the gradient, and for where it comes from."""
    bending = program(
        "hessian", "print the second derivatives, found by differentiating the backward sweep", hessian_command
    )
    bending.add_argument("--wrt", metavar="NAME", action="append", help="only by this input; may be repeated")
    moving = program("jvp", "print every step of forward mode: tangents that move along with the inputs", jvp_command)
    moving.add_argument(
        "--along", metavar="NAME=VALUE", action="append", default=[],
        help="how fast inputs move: w0=1,x0=0.5; a name alone means 1; may be repeated",
    )  # fmt: skip
    comparing = program(
        "modes", "print every derivative by reverse and by forward mode, with the steps of each", modes_command
    )
    explaining = program("why", "explain a gradient as the sum over all paths to it", why_command)
    explaining.add_argument("--paths", metavar="N", type=count, default=MOST_PATHS, help=f"list N paths ({MOST_PATHS})")
    for each, opens in ((bending, True), (moving, True), (comparing, False), (explaining, False)):
        each.add_argument("--digits", metavar="N", type=digits, default=2, help="decimals of the printed numbers (2)")
        ascii_option(each, "spell mathematical signs in ASCII")
        each.add_argument("--json", action="store_true", help="as one line of JSON")
        if opens:
            each.add_argument("--width", metavar="N", type=count, help="columns to fit (those of the terminal, or 80)")
            each.add_argument("--view", action="store_true", help="replay the steps in the terminal")
    bending.add_argument("--trace", action="store_true", help="print every step instead")


def ascii_option(command: argparse.ArgumentParser, help: str) -> None:
    """Add the option to keep to ASCII."""
    command.add_argument("--ascii", action="store_true", help=help)


def count(text: str) -> int:
    """Read a whole number from 0 on."""
    if not re.fullmatch("[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on; write one as in 4")
    return int(text)


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
    print_lines(
        render(trace, "text", digits=digits, width=columns(width), ascii_only=ascii_only or not can_print("∂≈×₀"))
    )
    return 0


def columns(width: int | None) -> int:
    """Return the columns to fit: those asked for, or those of the terminal."""
    return width or shutil.get_terminal_size((80, 24)).columns


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
    missing = replay_missing()
    if missing:
        raise InputError(missing)
    from tui.app import replay  # as in view

    title = trace.program.filename if trace.program is not None else ""
    how = Recipe(supplied(options.values, options.inputs), options.output, options.max_steps)
    return replay(trace, title, how, ascii_only=options.ascii or not can_print("∂≈×₀─╭"))


def style_of(options: argparse.Namespace) -> Style:
    """Return how the options, and the terminal, want numbers and signs."""
    return Style(options.digits, options.ascii or not can_print("∂²≈×₀→"))


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
    terminals = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    if not terminals or os.environ.get("TERM", "dumb") == "dumb":
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


def traced(options: argparse.Namespace, *, backward: bool = True) -> Trace:
    """Run the program that the options name."""
    return recipe(options).run(program_text(options.program), backward=backward)


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
        values = json.loads(Path(file).read_text(encoding="utf-8-sig"))
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
