"""The gallery: the examples with a line each, and any file."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from stepgrad.gallery import example_paths, example_title


class Gallery(ModalScreen[str | None]):
    """Answers with what to open: an example's name, or a path."""

    BINDINGS = [("escape", "dismiss", "close")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        """Make the list of examples and the line for a file."""
        paths = example_paths()
        widest = max(map(len, paths), default=0)
        options = [Option(Content(f"{name:<{widest}}  {example_title(path)}"), id=name) for name, path in paths.items()]
        with Vertical(id="gallery") as box:
            box.border_title = "View an example or a file"
            box.border_subtitle = "enter opens, tab to the file, escape closes"
            yield Static(
                "stepgrad: the debugger for backpropagation. Pick a circuit; ? lists all keys there.", markup=False
            )
            yield OptionList(*options)
            yield Input(placeholder="a path to a program, or its text: f = (x + 1) * x; then enter")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open an example."""
        self.dismiss(event.option.id)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Open a file."""
        if event.value.strip():
            self.dismiss(event.value.strip())
