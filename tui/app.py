"""The app: keys and clicks move a session; one refresh shows it in every pane."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Container
from textual.driver import Driver
from textual.screen import Screen

from stepgrad.language import Recipe
from stepgrad.trace import Trace
from tui.keys import KEYS, PRESSED
from tui.looks import Looks
from tui.moves import FRAMES, Moves
from tui.palette import THEMES
from tui.plan import PANES, TITLES
from tui.programs import Programs
from tui.session import Session
from tui.settings import load_settings
from tui.terminal import heed_signals, patient
from tui.widgets.hints import Hints
from tui.widgets.sheet import Sheet

PALETTE = "--command-palette"  # the id that Textual gives its palette
MANY = 50_000  # edges of a pass that are listed in the background
ACTIONS = {key.action.partition("(")[0] for key in KEYS}
WHILE_ASKING = ("close_one", "command_palette", "suspend_process", "focus_other")  # others are letters of the reply


def bindings() -> Iterator[Binding]:
    """Make Textual's bindings from the table of keys."""
    for key in KEYS:
        pressed = ",".join("comma" if each == "," else PRESSED.get(each, each) for each in key.keys)
        yield Binding(
            pressed,
            key.action,
            key.hint or key.words,
            show=bool(key.hint),
            key_display="← →" if key.action == "step" else key.keys[0],
            id=key.action,
            tooltip=key.words,
            priority=key.action in ("focus_other", "focus_other(True)"),
        )


class ReplayScreen(Screen[None]):
    """The main screen: status, panes, time line, prompt, footer."""

    AUTO_FOCUS = "#events"

    def compose(self) -> ComposeResult:
        """Make the panes, where the plan wants them at this size."""
        app = self.app
        assert isinstance(app, Replay)
        yield Sheet(app.status_page, id="status", ascii_only=app.ascii_only, focusable=False)
        with Container(id="body"):
            for number, name in enumerate(PANES, 1):
                pane = Sheet(app.pager(name), id=name, ascii_only=app.ascii_only)
                pane.add_class("pane")
                pane.border_title = f"{number} {TITLES[name]}"
                app.put(pane)
                yield pane
        yield Sheet(app.pager("timeline"), id="timeline", ascii_only=app.ascii_only, focusable=False)
        yield Hints()

    def on_mount(self) -> None:
        """Remember for which size the panes stand where they do."""
        self.arranged_for = self.app.size

    def on_resize(self) -> None:
        """Arrange the panes for the new size; at the start they stand there already."""
        app = self.app
        assert isinstance(app, Replay)
        if app.size != self.arranged_for:
            self.arranged_for = app.size
            app.arrange()


class Replay(Moves, Looks, Programs):
    """Replays a session.

    Parameters
    ----------
    session : Session
    ascii_only : bool
        Draw with signs that every terminal has.
    gallery : bool
        Begin with the gallery.
    """

    CSS_PATH = "app.tcss"
    TITLE = "stepgrad"
    BINDINGS = list(bindings())  # noqa: RUF012
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, session: Session, *, ascii_only: bool = False, gallery: bool = False) -> None:
        no_colour = bool(os.environ.get("NO_COLOR"))  # which Textual takes out of the environment
        super().__init__()
        self.session = session
        self.ascii_only = ascii_only
        self.opens_gallery = gallery
        self.settings, complaint = load_settings()
        self.settings_kept = replace(self.settings)
        for theme in THEMES:
            self.register_theme(theme)
        wanted = self.settings.theme if self.settings.theme in self.available_themes else ""
        # Without colours an ansi theme would be drawn black on black.
        if wanted and not (no_colour and wanted.startswith("ansi")) and not os.environ.get("TEXTUAL_THEME"):
            self.theme = wanted
        session.style = session.style._replace(digits=self.settings.digits, ascii_only=ascii_only)
        session.message = complaint

    def get_default_screen(self) -> Screen[None]:
        """Make the main screen."""
        return ReplayScreen(id="_default")

    def get_driver_class(self) -> type[Driver]:
        """Return what talks to the terminal."""
        return patient(super().get_driver_class())

    def on_load(self) -> None:
        """Leave the terminal as it was, whichever signal ends the process; it has not been touched yet."""
        heed_signals(lambda status: self.exit(return_code=status))

    def on_mount(self) -> None:
        """Start the clock, listen to what comes from outside; greet with the gallery where that was asked for."""
        self.ticker = self.set_interval(1 / FRAMES, self.tick, pause=True)
        self.theme_changed_signal.subscribe(self, lambda theme: self.keep_theme(theme.name))
        self.app_resume_signal.subscribe(self, lambda app: self.screen.refresh(layout=True))
        if self.opens_gallery:
            self.action_gallery()
        self.call_after_refresh(self.look_ahead)

    def on_unmount(self) -> None:
        """Remember what was set."""
        self.keep_settings()

    def look_ahead(self) -> None:
        """Have the edges of a very long pass listed while the user looks at the first picture."""
        backward = self.session.cursor.summary.backward
        if len(backward) > MANY:
            self.run_worker(lambda: self.session.trace[backward.stop - 1], thread=True, exit_on_error=False)

    def action_show_help(self) -> None:
        """Show all keys."""
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.ascii_only))

    def get_key_display(self, binding: Binding) -> str:
        """Return how the footer writes a key."""
        shown = super().get_key_display(binding)
        return shown.replace("← →", "left right") if self.ascii_only else shown

    def action_command_palette(self) -> None:
        """Open the palette where it has room: in a very small window its list fails on a page key."""
        if self.roomy:
            super().action_command_palette()
        else:
            self.say("enlarge the window for the palette")

    def action_help_quit(self) -> None:
        """Say how to quit, when ctrl+c is pressed."""
        self.say("q closes what is open, or quits")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let no key move anything while the prompt is asking."""
        asking = self.prompting and self.screen is self.main
        return not asking or action in WHILE_ASKING or action not in ACTIONS

    @property
    def roomy(self) -> bool:
        """Whether the window is large enough for what lies over the panes."""
        return self.size.width >= 30 and self.size.height >= 12

    def on_resize(self) -> None:
        """Close the palette when the window becomes too small for it."""
        if not self.roomy and self.screen.id == PALETTE:
            self.screen.dismiss()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer every key's action in the palette, and the themes."""
        yield SystemCommand("theme: choose the colours", "remembered", self.action_change_theme)
        for key in KEYS:
            if key.action not in ("command_palette", "close_one"):
                yield SystemCommand(key.words, f"key {key.keys[0]}", partial(self.command, key.action))

    async def command(self, action: str) -> None:
        """Run an action that was chosen in the palette."""
        self.stop_asking()
        await self.run_action(action)

    def action_close_one(self) -> None:
        """Close what is open: a hunt, an opened step, a zoom, a search."""
        session = self.session
        if self.stop_asking():
            return
        if self.hunting is not None:
            self.hunting, session.message = None, "stopped"
        elif session.cursor.close():
            session.message = ""
        elif self.zoomed:
            self.zoomed = False
            self.arrange()
        else:
            session.query, session.message = None, ""
        self.playing = False
        self.show()

    def action_leave(self) -> None:
        """Close what is open, or quit."""
        if self.prompting or self.session.cursor.element is not None or self.zoomed or self.hunting is not None:
            self.action_close_one()
        else:
            self.exit()


def replay(
    trace: Trace, title: str, recipe: Recipe | None = None, *, ascii_only: bool = False, gallery: bool = False
) -> int:
    """Replay a trace until the user has enough; return the exit status."""
    app = Replay(Session(trace, title, recipe), ascii_only=ascii_only, gallery=gallery)
    app.run()
    return app.return_code or 0
