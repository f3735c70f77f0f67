"""The prompt: a line at the foot of the screen that asks for something, and below it what is wrong with the reply."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Static

Answer = Callable[[str], str]


class Prompt(Vertical):
    """Asks a question; the answer is handed to a function, and what it says is wrong is shown below the line."""

    DEFAULT_CSS = """
    Prompt { height: auto; display: none; background: $panel; }
    Prompt.-open { display: block; }
    Prompt > Horizontal { height: 1; }
    Prompt #question {
        width: auto; max-width: 60%; height: 1; padding: 0 1; color: $text-accent;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    Prompt Input { width: 1fr; background: $panel; }
    Prompt #complaint { height: auto; max-height: 4; padding: 0 1; color: $text-error; display: none; }
    Prompt.-wrong #complaint { display: block; }
    """
    BINDINGS = [Binding("escape", "close", "Close")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.answer: Answer = str
        self.left: Widget | None = None

    def compose(self) -> ComposeResult:
        """Make the two lines."""
        with Horizontal():
            yield Static("", id="question", markup=False)
            line = Input(select_on_focus=False, compact=True)
            line.cursor_blink = False
            yield line
        yield Static("", id="complaint", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether it is asking."""
        return self.has_class("-open")

    def ask(self, question: str, text: str, answer: Answer, hint: str = "") -> None:
        """Open with a question; ``answer`` returns what is wrong with a reply, or nothing."""
        self.answer = answer
        if not self.is_open:
            self.left = self.screen.focused
        self.query_one("#question", Static).update(question)
        self.complain("")
        line = self.query_one(Input)
        line.placeholder = hint
        line.value = text
        line.cursor_position = len(text)
        self.add_class("-open")
        line.focus()

    def close(self) -> bool:
        """Stop asking, and give the focus back; return whether it was asking."""
        was_open = self.is_open
        self.remove_class("-open")
        if was_open and self.left is not None and self.left.display and self.has_focus_within:
            self.left.focus()
        return was_open

    def complain(self, mistake: str) -> None:
        """Say what is wrong, or nothing any more."""
        self.query_one("#complaint", Static).update(mistake)
        self.set_class(bool(mistake), "-wrong")

    def action_close(self) -> None:
        """Stop asking."""
        self.close()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the reply on; stay open where something is wrong with it."""
        event.stop()
        complaint = self.answer(event.value)
        self.complain(complaint)
        if not complaint:
            self.close()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the complaint back when the reply changes."""
        event.stop()
        self.complain("")

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Stop asking when something else has the focus; not when the whole window has lost it."""

        def look() -> None:
            focused = self.screen.focused
            if focused is not None and self not in focused.ancestors:
                self.close()

        self.call_after_refresh(look)
