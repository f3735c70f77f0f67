"""Arguments: what the options of the command line take, and the options that several commands share."""

from __future__ import annotations

import argparse
import re

from stepgrad.comparison import ATOL, RTOL
from stepgrad.extract import PHASES
from stepgrad.formats import FORMATS
from stepgrad.formats.svg import THEMES
from stepgrad.formats.worksheet import SHEETS
from stepgrad.language import MAX_STEPS
from stepgrad.limits import LIMITS, WORDS
from stepgrad.paths import MOST_PATHS

MAX_DIGITS = 60  # decimals that are printed


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


def phase(text: str) -> str:
    """Read a phase: forward, backward, updates; one update is the same as several."""
    found = "updates" if text == "update" else text
    if found not in PHASES:
        raise argparse.ArgumentTypeError(f"there is no phase {text!r}; use one of {', '.join(PHASES)}")
    return found


def tolerance(text: str) -> float:
    """Read a tolerance."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on; write one as in 1e-9")
    return found


# Options


def ascii_option(command: argparse.ArgumentParser, help: str) -> None:
    """Add the option to keep to ASCII."""
    command.add_argument("--ascii", action="store_true", help=help)


def max_steps_option(command: argparse.ArgumentParser) -> None:
    """Add the limit of steps."""
    command.add_argument(
        "--max-steps", metavar="N", type=count, default=MAX_STEPS, help=f"at most N steps ({MAX_STEPS:,})"
    )


def limit_options(command: argparse.ArgumentParser) -> None:
    """Add all limits of what a program may take."""
    max_steps_option(command)
    for limit, words in WORDS.items():
        most = f"at most N {words} ({getattr(LIMITS, limit):,})"
        command.add_argument(f"--max-{limit}", metavar="N", type=count, help=most)


def number_options(command: argparse.ArgumentParser) -> None:
    """Add the choice of what to compute with."""
    kinds = command.add_mutually_exclusive_group()
    kinds.add_argument("--exact", action="store_true", help="compute with fractions; 0.1 is 1/10")
    kinds.add_argument("--decimal", metavar="N", type=count, help="compute with N significant decimal digits")


def file_options(command: argparse.ArgumentParser, file: str, format: str) -> None:
    """Add the options of what writes a file."""
    command.add_argument("-o", metavar="FILE", dest="file", help=file)
    command.add_argument("--format", metavar="NAME", help=format)
    command.add_argument("--force", action="store_true", help="overwrite what exists")
    command.add_argument("--pass", metavar="N", type=count, dest="pass_number", help="the pass that is meant")
    ascii_option(command, "spell mathematical signs in ASCII")


def export_options(command: argparse.ArgumentParser) -> None:
    """Add the options of an export."""
    formats = f"{', '.join(FORMATS)}; else by the file's ending"
    file_options(command, "the file to write; - is standard output", formats)
    command.add_argument("--steps", metavar="A:B", type=stretch, help="steps A to B-1 only, as in 14:27, 14: or 14")
    command.add_argument("--only", metavar="PHASE", type=phase, help=f"one phase only: {', '.join(PHASES)}")
    command.add_argument("--node", metavar="NAME", help="only the steps from and to a value: w0")
    command.add_argument("--step", metavar="N", type=count, help="the picture at this step")
    command.add_argument("--theme", metavar="NAME", help=f"colours of a picture: {', '.join(THEMES)}")
    command.add_argument("--fragment", action="store_true", help="LaTeX to \\input, rather than a document")
    command.add_argument("--digits", metavar="N", type=digits, help="decimals of the printed numbers")


def worksheet_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a worksheet."""
    formats = f"{', '.join(SHEETS)}; else by the file's ending, or markdown"
    file_options(command, "write the sheet and, as FILE.key, its answer key", formats)
    command.add_argument("--key", action="store_true", help="print the answer key instead")
    command.add_argument("--digits", metavar="N", type=digits, default=2, help="decimals of the printed numbers (2)")


def difference_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a comparison."""
    for name, words in (("--rtol", "relative to the larger"), ("--atol", "at all")):
        help = f"how far numbers may differ {words}"
        command.add_argument(name, metavar="X", type=tolerance, default=0.0, help=help)
    command.add_argument("--digits", metavar="N", type=digits, default=6, help="decimals of the printed numbers (6)")
    max_steps_option(command)
    ascii_option(command, "spell mathematical signs in ASCII")


def check_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `check`."""
    command.add_argument(
        "--against", metavar="FILE", help="a JSON or CSV file with gradients by name: find what is wrong"
    )
    command.add_argument("--rtol", metavar="X", type=tolerance, default=RTOL, help=f"relative tolerance ({RTOL:g})")
    command.add_argument("--atol", metavar="X", type=tolerance, default=ATOL, help=f"absolute tolerance ({ATOL:g})")
    command.add_argument("--pass", metavar="N", type=count, dest="number", help="of this pass, not of the last")
    ascii_option(command, "spell mathematical signs in ASCII")


def derivative_options(
    bending: argparse.ArgumentParser,
    moving: argparse.ArgumentParser,
    comparing: argparse.ArgumentParser,
    explaining: argparse.ArgumentParser,
) -> None:
    """Add the options of the commands for derivatives beyond the gradient, and for where it comes from."""
    bending.add_argument("--wrt", metavar="NAME", action="append", help="only by this input; may be repeated")
    moving.add_argument(
        "--along", metavar="NAME=VALUE", action="append", default=[],
        help="how fast inputs move: w0=1,x0=0.5; a name alone means 1; may be repeated",
    )  # fmt: skip
    explaining.add_argument("--paths", metavar="N", type=count, default=MOST_PATHS, help=f"list N paths ({MOST_PATHS})")
    for each, opens in ((bending, True), (moving, True), (comparing, False), (explaining, False)):
        each.add_argument("--digits", metavar="N", type=digits, default=2, help="decimals of the printed numbers (2)")
        ascii_option(each, "spell mathematical signs in ASCII")
        each.add_argument("--json", action="store_true", help="as one line of JSON")
        if opens:
            each.add_argument("--width", metavar="N", type=count, help="columns to fit (those of the terminal, or 80)")
            each.add_argument("--view", action="store_true", help="replay the steps in the terminal")
    bending.add_argument("--trace", action="store_true", help="print every step instead")
