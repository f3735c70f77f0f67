"""The keys of the replay: one table, from which the bindings, the help and the footer are made.

Arrows for learners, a debugger's letters for engineers; the capital reverses. No ctrl, alt or
function key is needed.
"""

from __future__ import annotations

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
    Key("back", ("←", "h", "S"), "one step back", "Steps"),
    Key("over", ("o",), "over the next gate, all its edges", "Steps"),
    Key("over(True)", ("O",), "back to where the gate before was done", "Steps"),
    Key("phase", ("]",), "next phase: forward, backward", "Steps"),
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
    Key("digits(1)", (">",), "one more digit in every number", "Panes"),
    Key("digits(-1)", ("<",), "one digit less in every number", "Panes"),
    Key("open", ("enter",), "open a tensor step into its scalar arithmetic", "Panes"),
    Key("pin", ("p",), "pin this value to the top of the values, or unpin it", "Panes"),
    Key("edit", ("e",), "give inputs other values, and run again", "What if", "Edit"),
    Key("edit_program", ("E",), "edit the program, and run it again", "What if"),
    Key("gallery", ("v",), "view an example or a file", "Files"),
    Key("export", ("x",), "export the trace to a file", "Files"),
    Key("picture", ("P",), "save a picture of the screen (SVG)", "Files"),
    Key("copy", ("y",), "send this step as text to the clipboard", "Files"),
    Key("help", ("?",), "all keys", "Help", "Help"),
    Key("palette", ("ctrl+p",), "every command by name, and the themes", "Help"),
    Key("suspend_process", ("ctrl+z",), "suspend; `fg` comes back", "Help"),
    Key("close", ("escape",), "close what is open, end a search", "Help"),
    Key("leave", ("q",), "close what is open, or quit", "Help", "Quit"),
)

PRESSED = {
    "→": "right", "←": "left", "↑": "up", "↓": "down",
}  # fmt: skip
