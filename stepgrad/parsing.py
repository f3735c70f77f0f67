"""Parsing: the commands of the command line, and what each takes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Mapping
from typing import NoReturn, TypeAlias

from stepgrad import __version__
from stepgrad.arguments import (
    ascii_option,
    check_options,
    count,
    derivative_options,
    difference_options,
    digits,
    export_options,
    limit_options,
    max_steps_option,
    number_options,
    worksheet_options,
)
from stepgrad.errors import nearest

Command: TypeAlias = Callable[[argparse.Namespace], int]

PROGRAM_HELP = "a file, a saved trace, `-` for standard input, the name of an example, or the program text itself"


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with the arguments."""

    names: Collection[str] = ()  # of all commands

    def error(self, message: str) -> NoReturn:
        """End the program with status 2."""
        chosen = re.match(r"argument COMMAND: invalid choice: '(.*?)'", message)
        if chosen:
            message = f"there is no command {chosen[1]!r}{nearest(chosen[1], self.names)}"
        missing = re.match(r"the following arguments are required: (\w+)", message)
        sentence = f"it needs {missing[1]}" if missing else message.removeprefix("argument ")
        self.exit(2, f"stepgrad: {sentence}; `{self.prog} --help` says more\n")


def command_parser(functions: Mapping[str, Command], first: Command) -> Parser:
    """Make the parser of all commands, given the function of each; and what to do where none is named."""
    top = Parser(prog="stepgrad", description="The debugger for backpropagation.")
    top.names = functions.keys()
    top.add_argument("--version", action="version", version=f"stepgrad {__version__}")
    top.set_defaults(command=first)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        added.set_defaults(command=functions[name])
        return added

    def program(name: str, help: str) -> argparse.ArgumentParser:
        added = command(name, help)
        optional = "?" if name == "view" else None
        if name == "why":
            added.add_argument("name", metavar="NAME", help="an input or another value; one element as in 'W[0][1]'")
        added.add_argument("program", metavar="PROGRAM", help=PROGRAM_HELP, nargs=optional)
        added.add_argument("values", metavar="NAME=VALUE", nargs="*", help="a value for a name: x=3, W=[[1,2],[3,4]]")
        added.add_argument("--inputs", metavar="FILE", help="a JSON file with values by name")
        added.add_argument("--output", metavar="NAME", help="go backward from this name, not from the last value")
        number_options(added)
        limit_options(added)
        return added

    tracing = program("trace", "print every forward and backward step")
    tracing.add_argument("--digits", metavar="N", type=digits, default=2, help="decimals of the printed numbers (2)")
    tracing.add_argument("--width", metavar="N", type=count, help="columns to fit (those of the terminal, or 80)")
    ascii_option(tracing, "spell mathematical signs in ASCII")
    layers = program("layers", "print how long every input's gradient is, pass by pass")
    layers.add_argument("--digits", metavar="N", type=digits, default=4, help="decimals of the printed numbers (4)")
    ascii_option(layers, "spell mathematical signs in ASCII")
    running = program("run", "print the value and the gradients")
    running.add_argument("--json", action="store_true", help="as one line of JSON")
    running.add_argument("--certified", action="store_true", help="prove every number to be the nearest double")
    check_options(program("check", "check every gradient, or compare somebody's with ours"))
    derivative_options(
        program("hessian", "print the second derivatives: the backward sweep is differentiated"),
        program("jvp", "print every step of forward mode: tangents that move along with the inputs"),
        program("modes", "print every derivative by both modes, with the steps of each"),
        program("why", "explain a gradient as the sum over all paths to it"),
    )
    export_options(program("export", "write the steps into a file, in one of the formats"))
    worksheet_options(program("worksheet", "print a worksheet: backward steps with blanks to fill in"))
    viewing = program("view", "replay the steps in the terminal")
    ascii_option(viewing, "draw in ASCII")
    verifying = command("verify", "check a saved trace, line by line, and name the first wrong one")
    verifying.add_argument("file", metavar="FILE", help="a trace saved as .jsonl, or `-` for standard input")
    max_steps_option(verifying)
    comparing = command("diff", "compare two programs or saved traces, step by step")
    comparing.add_argument("program", metavar="A", help=PROGRAM_HELP)
    comparing.add_argument("other", metavar="B", help="the same")
    difference_options(comparing)
    command("gates", "print the table of gates")
    edges = command("conventions", "print what happens at kinks and edges, here and elsewhere")
    edges.add_argument("about", metavar="GATE", nargs="?", help="only those of this gate, or of a note's name")
    listing = command("examples", "list the examples, or print one")
    listing.add_argument("name", metavar="NAME", nargs="?", help="the example to print")
    return top
