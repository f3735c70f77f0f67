"""The prompt: one line at the foot of the screen that asks for something."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

Answer = Callable[[str], str]


class Prompt(Horizontal):
    """Asks a question; the answer is handed to a function, and what it says is wrong is shown beside the line."""

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; background: $panel; }
    Prompt.-open { display: block; }
    Prompt > #question { width: auto; color: $text-accent; padding: 0 1; }
    Prompt > Input { width: 1fr; border: none; height: 1; padding: 0; background: $panel; }
    Prompt > #complaint { width: auto; max-width: 60%; color: $text-error; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.answer: Answer = str

    def compose(self) -> ComposeResult:
        """Make the line."""
        yield Static("", id="question", markup=False)
        line = Input(select_on_focus=False)
        line.cursor_blink = False
        yield line
        yield Static("", id="complaint", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether it is asking."""
        return self.has_class("-open")

    def ask(self, question: str, text: str, answer: Answer) -> None:
        """Open with a question; ``answer`` returns what is wrong with a reply, or nothing."""
        self.answer = answer
        self.query_one("#question", Static).update(question)
        self.query_one("#complaint", Static).update("")
        line = self.query_one(Input)
        line.value = text
        line.cursor_position = len(text)
        self.add_class("-open")
        line.focus()

    def close(self) -> None:
        """Stop asking."""
        self.remove_class("-open")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the reply on; stay open where something is wrong with it."""
        event.stop()
        complaint = self.answer(event.value)
        self.query_one("#complaint", Static).update(complaint)
        if not complaint:
            self.close()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the complaint back when the reply changes."""
        event.stop()
        self.query_one("#complaint", Static).update("")

    def on_key(self, event: events.Key) -> None:
        """Close on escape."""
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.close()
