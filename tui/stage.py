"""The stage: what every command of the replay works with: the session, the panes, a prompt, a line to say something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from stepgrad.errors import StepgradError
from tui.plan import PANES, arranged, framed
from tui.session import Session
from tui.settings import Settings
from tui.view.bars import Timeline, status_line
from tui.view.circuit import CircuitPage
from tui.view.events import EventsPage
from tui.view.layers import layers_page
from tui.view.loss import LossPage
from tui.view.page import Area, Page, Sheetful, printable
from tui.view.source import source_page
from tui.view.step import step_page
from tui.view.tensors import tensor_page
from tui.view.values import ValuesPage
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from tui.widgets.prompt import Prompt

BARS = 3  # lines around the panes: status, time line, footer
Pager = Callable[[Session, int, int], Page]
PAGES: dict[str, Pager] = {
    "step": lambda session, width, height: step_page(session, width),
    "source": lambda session, width, height: source_page(session),
    "events": lambda session, width, height: EventsPage(session, width),
    "tensors": lambda session, width, height: tensor_page(session, width),
    "values": lambda session, width, height: ValuesPage(session, width),
    "loss": LossPage,
    "layers": lambda session, width, height: layers_page(session, width),
    "timeline": lambda session, width, height: Timeline(session, width),
}


class Stage(App[None]):
    """What the commands share; they are grouped in the classes above it.

    Attributes
    ----------
    session : Session
        What is replayed.
    ascii_only : bool
    settings, settings_kept : Settings
        As they are, and as they stand in the file.
    chosen : str
        The pane that was asked for last.
    zoomed, boxed : bool
        Whether it is seen alone, and whether gates are drawn as boxes.
    playing : bool
    hunting : iterator or None
        What looks for a step, slice by slice.
    ticker : Timer or None
        The clock of playing and hunting; paused where there is neither.
    prompt : Prompt or None
        Made when something is asked for the first time.
    """

    session: Session
    ascii_only: bool
    settings: Settings
    settings_kept: Settings
    chosen = "circuit"
    zoomed = False
    boxed = True
    playing = False
    hunting: Iterator[int | None] | None = None
    ticker: Timer | None = None
    prompt: Prompt | None = None

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

    def start_ticking(self) -> None:
        """Let the clock run."""
        if self.ticker is not None:
            self.ticker.resume()

    def replace(self, session: Session) -> None:
        """Replay another session from now on."""
        self.session = session
        self.playing, self.hunting = False, None
        self.arrange()

    @property
    def prompting(self) -> bool:
        """Whether the prompt is asking."""
        return self.prompt is not None and self.prompt.is_open

    async def ask(self, question: str, text: str, answer: Callable[[str], Any], hint: str = "") -> None:
        """Ask in the prompt; a mistake stays there to be mended.

        Parameters
        ----------
        question, text : str
            What stands before the line, and in it.
        answer : callable
            Gets the reply; may raise a StepgradError.
        hint : str
            Stands in the line while it is empty.
        """
        from tui.widgets.prompt import Prompt  # loaded, and made, when first needed: the first picture comes sooner

        def replied(reply: str) -> str:
            mistake = self.attempt(answer, reply)
            if not mistake:
                self.show()
            return mistake

        if self.prompt is None:
            self.prompt = Prompt()
            await self.main.mount(self.prompt, before=self.main.query_one(Footer))
        self.prompt.ask(question, printable(text), replied, hint)

    def stop_asking(self) -> bool:
        """Close the prompt; return whether it was open."""
        return self.prompt is not None and self.prompt.close()
