"""The keys of the replay: one table, from which the bindings, the help and the footer are made.

Arrows for learners, a debugger's letters for engineers; the capital reverses. No ctrl, alt or
function key is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Key(NamedTuple):
    """A row: what happens, and on which keys.

    Attributes
    ----------
    action : str
        The action of the app, with its arguments; also the row's identity.
    keys : tuple of str
        As they are printed on the keyboard.
    words : str
        What it does, for the help and for README.
    group : str
        Under which title the help lists it.
    hint : str
        A word for the footer; empty where it has no place there.
    """

    action: str
    keys: tuple[str, ...]
    words: str
    group: str
    hint: str = ""


KEYS = (
    Key("step", ("→", "l", "s"), "one step forward", "Steps", "Step"),
    Key("step_back", ("←", "h", "S"), "one step back", "Steps"),
    Key("over", ("o",), "over the next gate, all its edges", "Steps", "Over"),
    Key("over(True)", ("O",), "back to where the gate before was done", "Steps"),
    Key("phase", ("]",), "next phase: forward, backward, updates", "Steps", "Phase"),
    Key("phase(True)", ("[",), "start of this phase, or the one before", "Steps"),
    Key("turn", ("}",), "next pass", "Steps"),
    Key("turn(True)", ("{",), "start of this pass, or the one before", "Steps"),
    Key("start", ("g", "home"), "first step", "Steps"),
    Key("end", ("G", "end"), "last step", "Steps"),
    Key("go", (":",), "go to: 17, +5, 50%, pass 3, a name", "Find", "Go"),
    Key("partner", ("f",), "between a gate's forward and backward steps", "Find"),
    Key("touch", ("t",), "next step that touches this value", "Find"),
    Key("touch(True)", ("T",), "the step before that touched this value", "Find"),
    Key("search", ("/",), "search names, gates and source", "Find", "Find"),
    Key("search_next", ("n",), "next match", "Find"),
    Key("search_next(True)", ("N",), "the match before", "Find"),
    Key("toggle_break", ("b",), "set or remove a breakpoint on this gate's value", "Breakpoints", "Break"),
    Key("breakpoints", ("B",), "list breakpoints, add a condition", "Breakpoints"),
    Key("run_on", ("c",), "continue to the next breakpoint", "Breakpoints", "Continue"),
    Key("run_on(True)", ("C",), "continue backwards to a breakpoint", "Breakpoints"),
    Key("play", ("space",), "play, or pause", "Play", "Play"),
    Key("speed(1)", ("+", "="), "play faster", "Play"),
    Key("speed(-1)", ("-",), "play slower", "Play"),
    Key("pane(1)", ("1",), "the circuit", "Panes"),
    Key("pane(2)", ("2",), "the step: its chain rule", "Panes"),
    Key("pane(3)", ("3",), "the source", "Panes"),
    Key("pane(4)", ("4",), "the events", "Panes"),
    Key("pane(5)", ("5",), "the tensors of the step", "Panes"),
    Key("pane(6)", ("6",), "every value known here", "Panes"),
    Key("pane(7)", ("7",), "the loss over the passes", "Panes"),
    Key("pane(8)", ("8",), "the gradients layer by layer", "Panes"),
    Key("focus_other", ("tab",), "focus the next pane", "Panes"),
    Key("focus_other(True)", ("shift+tab",), "focus the pane before", "Panes"),
    Key("zoom", ("z",), "this pane alone, or all again", "Panes", "Zoom"),
    Key("scroll(0,1)", ("↓", "j"), "in the events a step forward; elsewhere scroll down", "Panes"),
    Key("scroll(0,-1)", ("↑", "k"), "in the events a step back; elsewhere scroll up", "Panes"),
    Key("page(1)", ("pagedown",), "a page down", "Panes"),
    Key("page(-1)", ("pageup",), "a page up", "Panes"),
    Key("pan(-8,0)", ("H",), "pan this pane, or the circuit, to the left", "Panes"),
    Key("pan(8,0)", ("L",), "pan it to the right", "Panes"),
    Key("pan(0,4)", ("J",), "pan it down", "Panes"),
    Key("pan(0,-4)", ("K",), "pan it up", "Panes"),
    Key("detail", ("d",), "circuit with boxes, or with symbols only", "Panes"),
    Key("calls", ("m",), "calls of functions as one gate each, or gate by gate", "Panes"),
    Key("digits(1)", (">",), "one more digit in every number", "Panes"),
    Key("digits(-1)", ("<",), "one digit less in every number", "Panes"),
    Key(
        "open",
        ("enter",),
        "open a call drawn as one gate, or a tensor step into its arithmetic",
        "Panes",
        "Open",
    ),
    Key("pin", ("p",), "pin this value to the top of the values, or unpin it", "Panes"),
    Key("edit", ("e",), "give inputs other values, and run again", "What if", "Edit"),
    Key("edit_program", ("E",), "edit the program, and run it again", "What if", "Program"),
    Key("gallery", ("v",), "view an example or a file", "Files", "View"),
    Key("export", ("x",), "export the trace to a file", "Files", "Export"),
    Key("picture", ("P",), "save a picture of the screen (SVG)", "Files"),
    Key("copy", ("y",), "send this step as text to the clipboard", "Files"),
    Key("show_help", ("?",), "all keys", "Help", "Help"),
    Key("command_palette", ("ctrl+p",), "every command by name, and the themes", "Help"),
    Key("suspend_process", ("ctrl+z",), "suspend; `fg` comes back", "Help"),
    Key("close_one", ("escape",), "close what is open, end a search", "Help"),
    Key("leave", ("q",), "close what is open, or quit", "Help", "Quit"),
)

# The actions in the footer, what matters most first: where there is no room for all, the last ones are left out.
HINTS = (
    "step", "leave", "show_help", "go", "search", "play", "toggle_break", "run_on", "edit", "zoom", "over", "open",
    "gallery", "phase", "edit_program", "export",
)  # fmt: skip

PRESSED = {
    "→": "right", "←": "left", "↑": "up", "↓": "down",
}  # fmt: skip


def fitting(hints: Sequence[tuple[str, int]], width: int) -> list[bool]:
    """Choose the hints that fit into a footer.

    Parameters
    ----------
    hints : sequence of (str, int)
        Their actions, and how many cells they take.
    width : int

    Returns
    -------
    list of bool
        Whether each is shown. Those that are not in ``HINTS`` belong to what lies over the panes, and come first.
    """
    order = sorted(range(len(hints)), key=lambda i: HINTS.index(hints[i][0]) if hints[i][0] in HINTS else -1)
    shown = [False] * len(hints)
    for i in order:
        width -= hints[i][1]
        if width < 0:
            break
        shown[i] = True
    return shown
