"""The terminal: signals end the replay in order, and bytes that are no text are passed over."""

from __future__ import annotations

import asyncio
import signal
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from textual.driver import Driver

ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")  # some systems have fewer


def heed_signals(end: Callable[[int], None]) -> None:
    """Have a function called with 128 + the number of a signal that wants to end the process, as shells count."""
    loop = asyncio.get_running_loop()
    for number in (getattr(signal, name) for name in ENDING if hasattr(signal, name)):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread, or not on this system
            loop.add_signal_handler(number, end, 128 + number)


def patient(driver: type[Driver]) -> type[Driver]:
    """Return a driver that goes on reading after what is no key; else Textual's would end the app.

    Bytes that are no UTF-8 are read as a sign that no key has. An escape sequence with a number that no terminal
    sends is dropped, with what was read together with it.
    """
    module = sys.modules[driver.__module__]
    if not hasattr(module, "getincrementaldecoder"):
        return driver  # no terminal of Unix
    module.getincrementaldecoder = lambda name: partial(getincrementaldecoder(name), errors="replace")  # type: ignore[attr-defined]

    class Patient(driver):  # type: ignore[valid-type, misc]
        """A driver that does not end the app because of what a terminal sends."""

        def run_input_thread(self) -> None:
            """Read keys until the app ends."""
            while True:
                try:
                    super().run_input_thread()
                    return
                except (ValueError, ArithmeticError):
                    continue

    return Patient
