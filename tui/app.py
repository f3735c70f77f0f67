"""The app: keys and clicks move a session; one refresh shows it in every pane."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Footer

from stepgrad.errors import StepgradError
from stepgrad.files import save
from stepgrad.gallery import find_program
from stepgrad.language import Recipe
from stepgrad.trace import Trace
from tui.keys import KEYS, PRESSED, Key
from tui.palette import THEMES
from tui.plan import PANES, TITLES, arranged, framed
from tui.session import SPEEDS, Session
from tui.settings import load_settings, save_settings
from tui.view.bars import Timeline, status_line
from tui.view.circuit import CircuitPage
from tui.view.events import EventsPage
from tui.view.loss import LossPage
from tui.view.page import Area, Page, Sheetful
from tui.view.source import source_page
from tui.view.step import step_page
from tui.view.tensors import tensor_page
from tui.view.values import ValuesPage
from tui.widgets.sheet import Sheet

PALETTE = "--command-palette"  # the id that Textual gives its palette
BARS = 3  # lines around the panes: status, time line, footer
MANY = 50_000  # edges of a pass that are listed in the background
FRAMES = 30  # pictures a second while playing or looking for something
Pager = Callable[[Session, int, int], Page]
PAGES: dict[str, Pager] = {
    "step": lambda session, width, height: step_page(session, width),
    "source": lambda session, width, height: source_page(session),
    "events": lambda session, width, height: EventsPage(session, width),
    "tensors": lambda session, width, height: tensor_page(session, width),
    "values": lambda session, width, height: ValuesPage(session, width),
    "loss": LossPage,
    "timeline": lambda session, width, height: Timeline(session, width),
}


def bindings() -> Iterator[Binding]:
    """Make Textual's bindings from the table of keys."""
    for key in KEYS:
        pressed = ",".join("comma" if each == "," else PRESSED.get(each, each) for each in key.keys)
        yield Binding(
            pressed,
            textual_action(key),
            key.hint or key.words,
            show=bool(key.hint),
            key_display="← →" if key.action == "step" else key.keys[0],
            id=key.action,
            tooltip=key.words,
            priority=key.action in ("focus_other", "focus_other(True)"),
        )


def textual_action(key: Key) -> str:
    """Return the app's action of a key."""
    return RENAMED.get(key.action, key.action)


# Where Textual's own App has an action of that name already.
RENAMED = {"back": "step_back", "palette": "command_palette", "close": "close_one", "help": "show_help"}


class ReplayScreen(Screen[None]):
    """The main screen: status, panes, time line, prompt, footer."""

    AUTO_FOCUS = "#events"

    def compose(self) -> ComposeResult:
        """Make the panes, where the plan wants them at this size."""
        app = self.app
        assert isinstance(app, Replay)
        self.arranged_for = app.size
        yield Sheet(app.status_page, id="status", ascii_only=app.ascii_only, focusable=False)
        with Container(id="body"):
            for number, name in enumerate(PANES, 1):
                pane = Sheet(app.pager(name), id=name, ascii_only=app.ascii_only)
                pane.add_class("pane")
                pane.border_title = f"{number} {TITLES[name]}"
                app.put(pane)
                yield pane
        yield Sheet(app.pager("timeline"), id="timeline", ascii_only=app.ascii_only, focusable=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_resize(self) -> None:
        """Arrange the panes for the new size; at the start they stand there already."""
        app = self.app
        assert isinstance(app, Replay)
        if app.size != self.arranged_for:
            self.arranged_for = app.size
            app.arrange()


class Replay(App[None]):
    """Replays a session.

    Parameters
    ----------
    session : Session
    ascii_only : bool
        Draw with signs that every terminal has.
    """

    CSS_PATH = "app.tcss"
    TITLE = "stepgrad"
    BINDINGS = list(bindings())  # noqa: RUF012
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, session: Session, *, ascii_only: bool = False, gallery: bool = False) -> None:
        no_colour = bool(os.environ.get("NO_COLOR"))
        super().__init__()
        self.session = session
        self.ascii_only = ascii_only
        self.opens_gallery = gallery
        self.settings, complaint = load_settings()
        for theme in THEMES:
            self.register_theme(theme)
        wanted = self.settings.theme if self.settings.theme in self.available_themes else ""
        # Without colours an ansi theme would be drawn black on black.
        if wanted and not (no_colour and wanted.startswith("ansi")) and not os.environ.get("TEXTUAL_THEME"):
            self.theme = wanted
        session.style = session.style._replace(digits=self.settings.digits, ascii_only=ascii_only)
        session.message = complaint
        self.chosen = "circuit"
        self.zoomed = False
        self.boxed = True
        self.playing = False
        self.due = 0.0
        self.hunting: Iterator[int | None] | None = None
        self.ticker: Any = None

    def get_default_screen(self) -> Screen[None]:
        """Make the main screen."""
        return ReplayScreen(id="_default")

    def on_mount(self) -> None:
        """Start the clock of playing and hunting; greet with the gallery where that was asked for."""
        self.ticker = self.set_interval(1 / FRAMES, self.tick, pause=True)
        self.theme_changed_signal.subscribe(self, lambda theme: self.keep_theme(theme.name))
        if self.opens_gallery:
            self.action_gallery()
        self.call_after_refresh(self.look_ahead)

    def look_ahead(self) -> None:
        """Have the edges of a very long pass listed while the user looks at the first picture."""
        backward = self.session.cursor.summary.backward
        if len(backward) > MANY:
            self.run_worker(lambda: self.session.trace[backward.stop - 1], thread=True, exit_on_error=False)

    # Showing

    @property
    def main(self) -> Screen[Any]:
        """The screen with the panes, whatever lies over it."""
        return self.screen_stack[0]

    def pane(self, name: str) -> Sheet:
        """Return a pane by its name."""
        return self.main.query_one(f"#{name}", Sheet)

    def plan(self) -> dict[str, Area]:
        """Return the area of every pane that is seen."""
        passes = len(self.session.trace.passes)
        width, height = self.size.width, self.size.height - BARS
        return arranged(width, height, self.chosen, zoomed=self.zoomed, passes=passes)

    def put(self, pane: Sheet) -> None:
        """Put a pane where the plan wants it."""
        area = self.plan().get(str(pane.id))
        pane.display = area is not None
        pane.set_class(not framed(self.size.width, self.size.height - BARS), "-ruled")
        pane.set_class(self.ascii_only, "-ascii")
        if area is not None:
            pane.styles.offset = (area.x, area.y)
            pane.styles.width, pane.styles.height = area.width, area.height

    def arrange(self) -> None:
        """Put every pane where the plan wants it; each shows its page when it has its size."""
        for name in PANES:
            self.put(self.pane(name))
        self.show()

    def pager(self, name: str) -> Callable[[int, int], Page]:
        """Return what makes the pages of a pane, of whatever session is replayed then."""
        if name == "circuit":
            return lambda width, height: CircuitPage(self.session, width, height, boxed=self.boxed)
        return lambda width, height: PAGES[name](self.session, width, height)

    def status_page(self, width: int, height: int) -> Page:
        """Return the status line."""
        return Sheetful([status_line(self.session, width, playing=self.playing)])

    def show(self) -> None:
        """Show the session in every pane that is seen: one frame for each step."""
        for sheet in self.main.query(Sheet):
            if sheet.display:
                sheet.show()

    def say(self, message: str) -> None:
        """Say something in the status line until the next move."""
        self.session.message = message
        self.show()

    def move(self, moved: bool) -> None:
        """Show where a move led."""
        self.session.message = "" if moved else self.session.message
        self.show()

    def attempt(self, function: Callable[..., Any], *arguments: Any) -> str:
        """Call something that a user's mistake can fail; return what was wrong, or nothing."""
        try:
            function(*arguments)
        except StepgradError as error:
            return str(error).splitlines()[0]
        return ""

    # Moves

    def action_step(self) -> None:
        """One step forward; in an opened step, one element."""
        self.move(self.session.cursor.step())

    def action_step_back(self) -> None:
        """One step back."""
        self.move(self.session.cursor.back())

    def action_over(self, reverse: bool = False) -> None:
        """A whole gate."""
        self.move(self.session.cursor.over(reverse=reverse))

    def action_phase(self, reverse: bool = False) -> None:
        """A phase."""
        self.move(self.session.cursor.phase(reverse=reverse))

    def action_turn(self, reverse: bool = False) -> None:
        """A pass."""
        self.move(self.session.cursor.turn(reverse=reverse))

    def action_start(self) -> None:
        """The first step."""
        self.move(self.session.cursor.start())

    def action_end(self) -> None:
        """The last step."""
        self.move(self.session.cursor.end())

    def action_partner(self) -> None:
        """Between a gate's forward and backward steps."""
        if not self.session.cursor.partner():
            self.session.message = "this value has no step on the other side"
        self.show()

    def action_touch(self, reverse: bool = False) -> None:
        """The next step that touches the value at hand."""
        session = self.session
        name = session.trace.name(session.node)
        self.hunt(session.touching(reverse=reverse), f"no further step touches {name}")

    async def action_go(self) -> None:
        """Ask where to go."""
        await self.ask("go to", "", self.session.cursor.go)

    def on_sheet_clicked(self, event: Sheet.Clicked) -> None:
        """Go where a click leads."""
        self.session.cursor.seek(event.step)
        self.move(True)

    # Looking for something

    async def action_search(self) -> None:
        """Ask what to search for, and go to the first match."""
        await self.ask("search", self.session.query.text if self.session.query else "", self.start_search)

    def start_search(self, text: str) -> None:
        """Search for a text from here on."""
        self.session.search(text)
        if self.session.query is not None:
            self.action_search_next()

    def action_search_next(self, reverse: bool = False) -> None:
        """Go to the next match."""
        mistake = self.attempt(lambda: self.hunt(self.session.search_next(reverse=reverse), "no match"))
        if mistake:
            self.say(mistake)

    def action_run_on(self, reverse: bool = False) -> None:
        """Continue to a breakpoint."""
        where = "before this step" if reverse else "after this step"
        mistake = self.attempt(lambda: self.hunt(self.session.run_on(reverse=reverse), f"no breakpoint {where}"))
        if mistake:
            self.say(mistake)

    def hunt(self, found: Iterator[int | None], otherwise: str) -> None:
        """Go to the step that an iterator finds, slice by slice, so that the screen stays alive."""
        self.hunting = found
        self.session.message = otherwise
        self.look_on()
        if self.hunting is not None:
            self.say("looking; escape stops")
            self.session.message = otherwise
            self.ticker.resume()

    def look_on(self) -> None:
        """Look through one more slice."""
        assert self.hunting is not None
        for position in self.hunting:
            if position is not None:
                self.session.cursor.seek(position)
                self.session.message = ""
                break
            return
        self.hunting = None
        self.show()

    # Breakpoints

    def action_toggle_break(self) -> None:
        """A breakpoint on the value at hand."""
        self.session.toggle_break()
        self.show()

    async def action_breakpoints(self) -> None:
        """List the breakpoints and ask for a condition."""
        have = ", ".join(each.text for each in self.session.breakpoints)
        question = f"breakpoints: {have}; add or remove" if have else "break on a name, a gate, abs(product) < 1e-6"
        await self.ask(question, "", self.session.change_breakpoints)

    # Playing

    def action_play(self) -> None:
        """Play, or pause."""
        self.playing = not self.playing
        self.due = 0.0
        if self.playing:
            if self.session.cursor.position == len(self.session.trace):
                self.session.cursor.start()
            self.ticker.resume()
        self.move(True)

    def action_speed(self, change: int) -> None:
        """Play faster or slower."""
        self.session.set_speed(change)
        self.show()

    def tick(self) -> None:
        """Let a frame's time pass: look on, or play on."""
        if self.hunting is not None:
            self.look_on()
        elif self.playing:
            self.due += SPEEDS[self.session.speed] / FRAMES
            steps, self.due = int(self.due), self.due % 1
            if steps and not self.session.play(steps):
                self.playing = False
            if steps:
                self.move(True)
        if self.hunting is None and not self.playing:
            self.ticker.pause()
            self.show()

    # Panes

    def action_pane(self, number: int) -> None:
        """Choose a pane: it is seen, and has the focus."""
        self.chosen = PANES[number - 1]
        self.arrange()
        self.pane(self.chosen).focus()

    def action_focus_other(self, back: bool = False) -> None:
        """Focus the next pane; on another screen, the next thing."""
        if self.screen is self.main and not self.prompting:
            (self.screen.focus_previous if back else self.screen.focus_next)(".pane")
        else:
            (self.screen.focus_previous if back else self.screen.focus_next)()

    def action_zoom(self) -> None:
        """Show the focused pane alone, or all again."""
        focused = self.main.focused
        if focused is not None and focused.id in PANES:
            self.chosen = focused.id
        self.zoomed = not self.zoomed
        self.arrange()

    def focused_pane(self) -> Sheet:
        """Return the pane that has the focus, or the circuit."""
        focused = self.main.focused
        return focused if isinstance(focused, Sheet) and focused.id in PANES else self.pane("circuit")

    def action_scroll(self, x: int, y: int) -> None:
        """Scroll the focused pane; in the events, step."""
        pane = self.focused_pane()
        if pane.id == "events":
            self.move(self.session.cursor.step(y))
        else:
            pane.scroll_relative(x, y, animate=False)

    def action_page(self, direction: int) -> None:
        """Scroll the focused pane by a page; in the events, step by one."""
        pane = self.focused_pane()
        size = max(1, pane.scrollable_content_region.height - 1)
        if pane.id == "events":
            self.move(self.session.cursor.step(direction * size))
        else:
            pane.scroll_relative(0, direction * size, animate=False)

    def action_pan(self, x: int, y: int) -> None:
        """Pan the focused pane; from the events, which follow the step, the circuit."""
        pane = self.focused_pane()
        (self.pane("circuit") if pane.id == "events" else pane).scroll_relative(x, y, animate=False)

    def action_detail(self) -> None:
        """Draw gates as boxes, or as symbols only."""
        self.boxed = not self.boxed
        self.say("gates as boxes" if self.boxed else "gates as symbols")

    def action_digits(self, change: int) -> None:
        """Print more or fewer digits, now and in later runs."""
        self.session.set_digits(change)
        self.settings.digits = self.session.style.digits
        self.keep_settings()
        self.show()

    def action_open(self) -> None:
        """Open a tensor step, or close it."""
        cursor = self.session.cursor
        if not cursor.close() and not cursor.open():
            self.session.message = "only a backward step of tensors opens"
        self.show()

    def action_pin(self) -> None:
        """Pin the value at hand."""
        self.session.pin()
        self.show()

    # What if

    async def action_edit(self) -> None:
        """Ask for other values of inputs, and run again."""
        at_hand = self.session.input_at_hand()
        await self.ask("run again with", at_hand, lambda text: self.replace(self.session.edit(text)))

    def action_edit_program(self) -> None:
        """Edit the program's text."""
        mistake = self.attempt(lambda: self.session.program_text)
        if mistake:
            self.say(mistake)
            return
        from tui.screens.editor import Editor

        self.push_screen(Editor(self.session.program_text, self.run_text))

    def run_text(self, text: str) -> str:
        """Run an edited text; return what is wrong with it, whole, or nothing."""
        try:
            self.replace(self.session.edit_program(text))
        except StepgradError as error:
            return str(error)
        return ""

    def replace(self, session: Session) -> None:
        """Replay another session from now on."""
        self.session = session
        self.playing, self.hunting = False, None
        self.arrange()

    # Files

    def action_gallery(self) -> None:
        """Pick an example or a file."""
        from tui.screens.gallery import Gallery

        self.push_screen(Gallery(), self.view)

    def view(self, given: str | None) -> None:
        """Open what was picked in the gallery."""
        if given is None:
            return

        def opened() -> None:
            text, recipe = find_program(given), Recipe()
            session = Session(recipe.run(text), text.filename, recipe, self.session.style)
            session.speed = self.session.speed
            self.replace(session)

        mistake = self.attempt(opened)
        if mistake:
            self.say(mistake)

    async def action_export(self) -> None:
        """Ask for a file, and write the trace into it."""
        stem = Path(self.session.title).stem.strip("<>") or "trace"
        await self.ask("export to (.txt, .json; a ! at the end overwrites)", f"{stem}.txt", self.export)

    def export(self, name: str) -> None:
        """Write the trace into a file, in the format of its name."""
        path = Path(name.strip().removesuffix("!").strip())
        save(self.session.trace, path, overwrite=name.strip().endswith("!"), digits=self.session.style.digits)
        self.session.message = f"saved as {path}"

    def action_picture(self) -> None:
        """Save a picture of the screen."""
        stem = Path(self.session.title).stem.strip("<>") or "trace"
        name = f"{stem}-{self.session.cursor.position}.svg"
        try:
            self.say(f"saved as {self.save_screenshot(name, '.')}")
        except OSError as error:
            self.say(f"{name} cannot be saved: {error.strerror}")

    def action_copy(self) -> None:
        """Send the step to the terminal's clipboard: whether it arrives, the terminal does not say."""
        self.copy_to_clipboard(self.session.step_text())
        self.say("sent to the terminal's clipboard")

    # Help and settings

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
        yield SystemCommand("theme", "Choose the colours", self.action_change_theme)
        for key in KEYS:
            if key.action not in ("palette", "close"):
                action = textual_action(key)
                yield SystemCommand(key.words, f"key {key.keys[0]}", lambda action=action: self.run_action(action))

    def keep_theme(self, name: str) -> None:
        """Remember the theme, and draw everything in it."""
        if name != self.settings.theme:
            self.settings.theme = name
            self.keep_settings()
        for sheet in self.main.query(Sheet):
            sheet.notify_style_update()

    def keep_settings(self) -> None:
        """Write the settings; say what went wrong."""
        complaint = save_settings(self.settings)
        if complaint:
            self.session.message = complaint

    @property
    def prompting(self) -> bool:
        """Whether the prompt is asking."""
        return bool(self.main.query("#prompt.-open"))

    async def ask(self, question: str, text: str, answer: Callable[[str], Any]) -> None:
        """Ask in the prompt; a mistake stays there to be mended."""
        from tui.widgets.prompt import Prompt  # loaded, and made, when first needed: the first picture comes sooner

        def replied(reply: str) -> str:
            mistake = self.attempt(answer, reply)
            if not mistake:
                self.show()
            return mistake

        if not self.main.query(Prompt):
            await self.main.mount(Prompt(), before=self.main.query_one(Footer))
        self.main.query_one(Prompt).ask(question, text, replied)

    def action_close_one(self) -> None:
        """Close what is open: a hunt, an opened step, a zoom, a search."""
        session = self.session
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
        if self.session.cursor.element is not None or self.zoomed or self.hunting is not None:
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
