"""Driving the real app without a terminal; what tests of the screen share."""

import asyncio
import os

os.environ["TEXTUAL_ANIMATIONS"] = "none"  # read when Textual is imported

from stepgrad.gallery import find_program
from stepgrad.language import Recipe
from tui.session import Session

LEARNING = "w = 2.0\n" + "\n".join(f"L{k} = (w*{k} - 1)**2; backward(L{k})" for k in range(1, 7))


def session_of(program):
    text = find_program(program)
    return Session(Recipe().run(text), text.filename)


def drive(program, body, *, size=(120, 36), **options):
    """Run ``await body(app, pilot)`` on the replay of a program, a session, or an example's name."""
    from tui.app import Replay  # here, so that tests of pages need no Textual

    async def main():
        session = program if isinstance(program, Session) else session_of(program)
        app = Replay(session, **options)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await body(app, pilot)

    asyncio.run(main())


def shown(app):
    """Return what is on the screen, line by line."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


async def until(pilot, condition, tries=200):
    """Wait until something is so; never for a fixed time."""
    for _ in range(tries):
        if condition():
            return
        await pilot.pause()
    raise AssertionError("it did not happen")
