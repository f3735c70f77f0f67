"""The command line: a thin second door to the library, and the only place that prints."""

from __future__ import annotations

import argparse
import codecs
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, TextIO

from stepgrad import __version__
from stepgrad.difference import Tolerance, compare, told
from stepgrad.errors import InputError, ProgramError, StepgradError, TraceError, nearest, visible
from stepgrad.extract import PHASES, chosen_steps
from stepgrad.files import check_free, write
from stepgrad.formats import FORMATS, check_format, check_options, format_of, render
from stepgrad.formats.worksheet import ENDINGS, SHEETS, worksheet
from stepgrad.gallery import example_paths, example_text, example_title, find, read_either
from stepgrad.language import MAX_STEPS, Recipe, Text
from stepgrad.loader import load, read_trace
from stepgrad.ops import GATES
from stepgrad.supply import read_values
from stepgrad.tensor import nested
from stepgrad.trace import Trace
from stepgrad.wording import Style, Wording, escaped, in_ascii, one_line

FIRST_EXAMPLE = "sigmoid"
COMMANDS = ("trace", "run", "layers", "export", "worksheet", "verify", "diff", "view", "gates", "examples")
MAX_DIGITS = 60  # decimals that are printed
PROGRAM_HELP = "a file, a saved trace, `-` for standard input, the name of an example, or the program text itself"


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
        print(error if isinstance(error, (ProgramError, TraceError)) else f"stepgrad: {error}", file=sys.stderr)
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
        added.add_argument("program", metavar="PROGRAM", help=PROGRAM_HELP, nargs=optional)
        added.add_argument("values", metavar="NAME=VALUE", nargs="*", help="a value for a name: x=3, W=[[1,2],[3,4]]")
        added.add_argument("--inputs", metavar="FILE", help="a JSON file with values by name")
        added.add_argument("--output", metavar="NAME", help="go backward from this name, not from the last value")
        max_steps_option(added)
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
    exporting = program("export", "write the steps into a file, in one of the formats", export_command)
    exporting.add_argument("-o", metavar="FILE", dest="file", help="the file to write; - is standard output")
    exporting.add_argument("--format", metavar="NAME", help=f"{', '.join(FORMATS)}; else by the file's ending")
    exporting.add_argument("--force", action="store_true", help="overwrite a file that exists")
    selecting_options(exporting)
    exporting.add_argument("--pass", metavar="N", type=count, dest="pass_number", help="the pass to draw or write out")
    exporting.add_argument("--digits", metavar="N", type=digits, help="decimals of the printed numbers")
    ascii_option(exporting, "spell mathematical signs in ASCII")
    asking = program("worksheet", "print a worksheet: the backward steps with blanks to fill in", worksheet_command)
    asking.add_argument("-o", metavar="FILE", dest="file", help="write the sheet and, as FILE.key, its answer key")
    asking.add_argument("--format", metavar="NAME", help=f"{', '.join(SHEETS)}; else by the file's ending, or markdown")
    asking.add_argument("--key", action="store_true", help="print the answer key instead")
    asking.add_argument("--force", action="store_true", help="overwrite files that exist")
    asking.add_argument("--pass", metavar="N", type=count, dest="pass_number", help="the pass to ask about")
    asking.add_argument("--digits", metavar="N", type=digits, default=2, help="decimals of the printed numbers (2)")
    ascii_option(asking, "spell mathematical signs in ASCII")
    viewing = program("view", "replay the steps in the terminal", view_command)
    ascii_option(viewing, "draw in ASCII")
    comparing_commands(command)
    command("gates", "print the table of gates", gates_command)
    listing = command("examples", "list the examples, or print one", examples_command)
    listing.add_argument("name", metavar="NAME", nargs="?", help="the example to print")
    return top


def selecting_options(command: argparse.ArgumentParser) -> None:
    """Add the options that choose which steps are told."""
    command.add_argument("--steps", metavar="A:B", type=stretch, help="steps A to B-1 only, as in 14:27, 14: or 14")
    command.add_argument("--only", metavar="PHASE", choices=PHASES, help=f"one phase only: {', '.join(PHASES)}")
    command.add_argument("--node", metavar="NAME", help="only the steps from and to a value: w0")


def comparing_commands(command: Callable[[str, str, Any], argparse.ArgumentParser]) -> None:
    """Add the commands that check and compare traces."""
    verifying = command("verify", "check a saved trace, line by line, and name the first wrong one", verify_command)
    verifying.add_argument("file", metavar="FILE", help="a trace saved as .jsonl, or `-` for standard input")
    max_steps_option(verifying)
    comparing = command("diff", "compare two programs or saved traces, step by step", diff_command)
    comparing.add_argument("program", metavar="A", help=PROGRAM_HELP)
    comparing.add_argument("other", metavar="B", help="the same")
    for name, words in (("--rtol", "relative to the larger"), ("--atol", "at all")):
        comparing.add_argument(
            name, metavar="X", type=tolerance, default=0.0, help=f"how far numbers may differ {words}"
        )
    comparing.add_argument("--digits", metavar="N", type=digits, default=6, help="decimals of the printed numbers (6)")
    max_steps_option(comparing)
    ascii_option(comparing, "spell mathematical signs in ASCII")


def max_steps_option(command: argparse.ArgumentParser) -> None:
    """Add the limit of steps."""
    command.add_argument(
        "--max-steps", metavar="N", type=count, default=MAX_STEPS, help=f"at most N steps ({MAX_STEPS:,})"
    )


def tolerance(text: str) -> float:
    """Read a tolerance."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on; write one as in 1e-9")
    return found


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


def stretch(text: str) -> slice:
    """Read a stretch of steps: 14:27, 14:, :27, 14."""
    found = re.fullmatch(r"([0-9]{1,18})|([0-9]{0,18}):([0-9]{0,18})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no stretch of steps; write one as in 14:27")
    one, start, stop = found.groups()
    if one:
        return slice(int(one), int(one) + 1)
    return slice(int(start) if start else None, int(stop) if stop else None)


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


def export_command(options: argparse.Namespace) -> int:
    """Write the trace into a file."""
    name = export_format(options.file, options.format)
    chosen = {"--steps": options.steps, "--only": options.only, "--node": options.node}
    chosen = {called: each for called, each in chosen.items() if each is not None}
    given: dict[str, Any] = {"digits": options.digits, "pass_number": options.pass_number}
    given = {key: each for key, each in given.items() if each is not None}
    if options.ascii:
        given["ascii_only"] = True
    asked = {key: CALLED[key] for key in given}
    if chosen:
        asked["steps"] = next(iter(chosen))
    check_options(name, asked)
    if options.file != "-":
        check_free(Path(options.file), options.force)
    trace = traced(options)
    if chosen:
        given["steps"] = chosen_steps(trace, steps=options.steps, only=options.only, node=options.node)
    write_out(options.file, render(trace, name, **given), options.force)
    return 0


CALLED = {"digits": "--digits", "ascii_only": "--ascii", "pass_number": "--pass"}


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


def worksheet_command(options: argparse.Namespace) -> int:
    """Print a worksheet or its key, or write both."""
    to_file = options.file not in (None, "-")
    path = Path(options.file if to_file else "-")
    name = options.format or (ending_of_sheet(path) if to_file else "markdown")
    style = {"digits": options.digits, "ascii_only": options.ascii, "pass_number": options.pass_number}
    if not to_file:
        print_lines(worksheet(traced(options), format=name, key=options.key, **style))
        return 0
    if options.key:
        raise InputError(f"-o writes the answer key as well, beside {str(path)!r}; leave out --key")
    files = {False: path, True: path.with_name(f"{path.stem}.key{path.suffix}")}
    for file in files.values():
        check_free(file, options.force)
    trace = traced(options)
    for key, file in files.items():
        write_out(str(file), worksheet(trace, format=name, key=key, **style), options.force)
    return 0


def ending_of_sheet(path: Path) -> str:
    """Return the kind of worksheet that the ending of a file means."""
    if path.suffix not in ENDINGS:
        raise InputError(f"no worksheet ends as {path.name!r} does; use one of {', '.join(ENDINGS)}, or say --format")
    return ENDINGS[path.suffix]


def write_out(file: str, lines: Iterable[str], force: bool) -> None:
    """Write lines to standard output or into a file, telling on a terminal how far it is."""
    if file == "-":
        print_lines(lines)
        return
    if sys.stderr is not None and sys.stderr.isatty():
        lines = counted(lines, sys.stderr, monotonic)
    write(Path(file), lines, overwrite=force)


def counted(lines: Iterable[str], stream: TextIO, clock: Callable[[], float]) -> Iterator[str]:
    """Hand lines on; after a second, and then twice a second, say how many there were."""
    said = ""
    due = clock() + 1
    for k, line in enumerate(lines, 1):
        if k % 100 == 0 and clock() >= due:
            due = clock() + 0.5
            said = f"{k:,} lines"
            print(f"\r{said}", end="", file=stream, flush=True)
        yield line
    if said:
        print(f"\r{' ' * len(said)}\r", end="", file=stream, flush=True)


def verify_command(options: argparse.Namespace) -> int:
    """Check a saved trace."""
    if options.file != "-":
        trace = load(options.file, max_steps=options.max_steps)
    elif sys.stdin is None:
        raise InputError("standard input is closed; name a file")
    else:
        trace = read_trace(sys.stdin.buffer, "<stdin>", options.max_steps)
    counts = {"step": len(trace), "node": trace.node_count, "pass": len(trace.passes)}
    said = ", ".join(counted_words(number, word) for word, number in counts.items())
    print(f"{visible(options.file)}: {said}; every value, local, product and total is right to the bit")
    return 0


def counted_words(number: int, word: str) -> str:
    """Count things: ``1 pass``, ``2 passes``."""
    return f"{number:,} {word}" + ("" if number == 1 else "es" if word.endswith("s") else "s")


def diff_command(options: argparse.Namespace) -> int:
    """Compare two traces; the status is 1 where they differ."""
    traces = []
    for given in (options.program, options.other):
        found = find_given(given, options.max_steps)
        traces.append(Recipe(max_steps=options.max_steps).run(found) if isinstance(found, Text) else found)
    style = Style(options.digits, options.ascii or not can_print("∂≈×₀"))
    difference = compare(traces[0], traces[1], Tolerance(options.rtol, options.atol))
    print_lines(told(difference, (options.program, options.other), style))
    return 0 if difference.equal else 1


def view_command(options: argparse.Namespace) -> int:
    """Open the replay of a program, or the gallery where none is named."""
    missing = replay_missing()
    if missing:
        raise InputError(missing)
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


def traced(options: argparse.Namespace) -> Trace:
    """Run the program that the options name, or load the trace."""
    return traced_as(options)[0]


def traced_as(options: argparse.Namespace) -> tuple[Trace, str, Recipe]:
    """Return the trace that the options name, its title, and how it can be run again."""
    how = Recipe(supplied(options.values, options.inputs), options.output, options.max_steps)
    found = find_given(options.program, options.max_steps)
    if isinstance(found, Text):
        return how.run(found), found.filename, how
    if how.inputs or how.output is not None:
        raise InputError(f"{options.program!r} is a saved trace, with its own values; give others to its program")
    given = {name: nested(value) for name, value in found.given.items()}
    title = found.program.filename if found.program is not None else options.program
    return found, title, replace(how, inputs=given, output=found.asked)


def find_given(given: str, max_steps: int) -> Text | Trace:
    """Find a program or a saved trace: `-`, an existing path, an example's name, program text, in this order."""
    if given != "-":
        return find(given, max_steps)
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file, or give the program itself")
    return read_either(sys.stdin.buffer, "<stdin>", max_steps)


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
