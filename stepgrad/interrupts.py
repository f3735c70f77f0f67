"""Interrupts: Ctrl-C ends the command line at any moment without a traceback, also while it is being loaded."""

from __future__ import annotations

import os.path
import sys  # and nothing else that takes time to load: not even signal, where this is a library


def is_command() -> bool:
    """Whether this process is the command line, and not a program of somebody's that imports the library."""
    as_module = sys.argv[:1] == ["-m"] and "stepgrad" in sys.orig_argv
    return as_module or os.path.basename(sys.argv[0] if sys.argv else "").partition(".")[0] == "stepgrad"


def let_end() -> None:
    """Let an interrupt end the process, as it does most others."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def let_raise() -> None:
    """Let an interrupt raise KeyboardInterrupt, so that what has been begun is cleared away."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if is_command():
    let_end()
