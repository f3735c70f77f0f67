"""Programs: the commands that run one again, open another, and write files."""

from __future__ import annotations

import os
from pathlib import Path

from stepgrad.errors import InputError, StepgradError, visible
from stepgrad.files import save
from stepgrad.gallery import again, find
from stepgrad.language import Recipe, Text
from tui.session import Session
from tui.stage import Stage
from tui.view.page import printable


class Programs(Stage):
    """The commands that deal with programs and files."""

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

        lines = map(visible, self.session.program_text.split("\n"))  # Textual hands on what terminals obey
        self.push_screen(Editor("\n".join(lines), self.run_text))

    def run_text(self, text: str) -> str:
        """Run an edited text; return what is wrong with it, whole, or nothing."""
        try:
            self.replace(self.session.edit_program(text))
        except StepgradError as error:
            return str(error)
        return ""

    def action_gallery(self) -> None:
        """Pick an example or a file."""
        from tui.screens.gallery import Gallery

        self.push_screen(Gallery(lambda given: self.attempt(self.view, given)))

    def view(self, given: str) -> None:
        """Open an example, a file, a saved trace or a program text."""
        found = find(in_home(given))
        if isinstance(found, Text):
            recipe, title, trace = Recipe(), found.filename, Recipe().run(found)
        else:
            recipe, title, trace = again(found), given, found
        session = Session(trace, title, recipe, self.session.style)
        session.speed = self.session.speed
        self.replace(session)

    async def action_export(self) -> None:
        """Ask for a file, and write the trace into it."""
        stem = printable(Path(self.session.title).stem).strip("<>") or "trace"
        await self.ask(
            "export to", f"{stem}.txt", self.export, "its ending is its format: .txt .md .html .svg .tex .jsonl …"
        )

    def export(self, name: str) -> None:
        """Write the trace into a file, in the format of its name."""
        wanted = name.strip()
        if not wanted.isprintable():
            raise InputError(f"{printable(wanted)!r} is no name of a file; choose one without control characters")
        path = Path(in_home(wanted.removesuffix("!").strip()))
        if path.exists() and not wanted.endswith("!"):
            raise InputError(f"{str(path)!r} exists already; a ! at the end overwrites it")
        save(self.session.trace, path, overwrite=True, digits=self.session.style.digits)
        self.session.message = f"saved as {path}"

    def action_picture(self) -> None:
        """Save a picture of the screen."""
        stem = printable(Path(self.session.title).stem).strip("<>") or "trace"
        name = f"{stem}-{self.session.cursor.position}.svg"
        try:
            self.say(f"saved as {self.save_screenshot(name, '.')}")
        except OSError as error:
            self.say(f"{name} cannot be saved: {error.strerror}")

    def action_copy(self) -> None:
        """Send the step to the terminal's clipboard: whether it arrives, the terminal does not say."""
        self.copy_to_clipboard(self.session.step_text())
        self.say("sent to the terminal's clipboard")


def in_home(path: str) -> str:
    """Put the user's folder in the place of a ``~``, as a shell does."""
    return os.path.expanduser(path) if path.startswith("~") else path
