"""The palette: which colours the roles of words have, in each theme.

Colour never carries meaning alone: values stand above wires and gradients below, phases have words
and arrows, what is active is drawn heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from rich.style import Style
from textual.theme import Theme

Colours = Mapping[str, str]

DARK: Colours = {
    "value": "#5fd787", "gradient": "#ff6b6b", "upstream": "#b48cff", "local": "#5fd7ff",
    "active": "#ffd75f", "name": "#5fafff", "dim": "#8a8a8a", "lit": "#264b66", "current": "#005f9e",
}  # fmt: skip
LIGHT: Colours = {
    "value": "#1a7f37", "gradient": "#c62828", "upstream": "#6f42c1", "local": "#0b6e8f",
    "active": "#8a5a00", "name": "#0550ae", "dim": "#6a6a6a", "lit": "#cfe4f7", "current": "#bcd9f5",
}  # fmt: skip
ANSI: Colours = {
    "value": "green", "gradient": "red", "upstream": "magenta", "local": "cyan",
    "active": "yellow", "name": "blue", "dim": "bright_black", "lit": "", "current": "",
}  # fmt: skip
# Okabe and Ito's colours, which every common kind of colour vision tells apart: blue for values, orange
# for gradients.
SAFE_DARK: Colours = {**DARK, "value": "#56b4e9", "gradient": "#e69f00", "upstream": "#cc79a7", "local": "#00c896",
                      "active": "#f0e442", "name": "#ffffff"}  # fmt: skip
SAFE_LIGHT: Colours = {**LIGHT, "value": "#0072b2", "gradient": "#b34700", "upstream": "#a0407a", "local": "#00705a",
                       "active": "#6b5d00", "name": "#000000"}  # fmt: skip

THEMES = (
    Theme(
        name="colour-blind-dark", dark=True, primary="#56b4e9", secondary="#e69f00", warning="#f0e442",
        error="#d55e00", success="#009e73", accent="#cc79a7", foreground="#e0e0e0", background="#121212",
        surface="#1e1e1e",
    ),
    Theme(
        name="colour-blind-light", dark=False, primary="#0072b2", secondary="#b34700", warning="#6b5d00",
        error="#b34700", success="#00705a", accent="#a0407a", foreground="#202020", background="#ffffff",
        surface="#f4f4f4",
    ),
)  # fmt: skip


@cache
def colours_of(theme: str, dark: bool, ansi: bool) -> Colours:
    """Return the colours that go with a theme."""
    if ansi:
        return ANSI
    if theme.startswith("colour-blind"):
        return SAFE_DARK if dark else SAFE_LIGHT
    return DARK if dark else LIGHT


@cache
def style_of(roles: str, theme: str, dark: bool, ansi: bool) -> Style:
    """Return the style of some words.

    Parameters
    ----------
    roles : str
        Separated by blanks; later ones are laid over earlier ones.
    theme, dark, ansi
        The theme's name, whether it is dark, and whether it keeps to the terminal's own colours.
    """
    colours = colours_of(theme, dark, ansi)
    names = roles.split()
    if "current" in names:  # a marked row keeps its own two colours, so that it can be read
        return Style(bold=True, reverse=ansi, bgcolor=colours["current"] or None)
    style = Style()
    for role in names:
        style += laid_over(role, colours, dark)
    return style


def laid_over(role: str, colours: Colours, dark: bool) -> Style:
    """Return what one role adds."""
    match role:
        case "strong":
            return Style(bold=True)
        case "match":
            return Style(underline=True, bold=True)
        case "lit":
            return Style(bgcolor=colours["lit"] or None, bold=True, reverse=not colours["lit"])
        case "forward" | "backward" | "updating":
            colour = {"forward": "value", "backward": "gradient", "updating": "active"}[role]
            return Style(bold=True, reverse=True, color=colours[colour])
        case "new":
            return Style(bold=True, reverse=True)
        case "break":
            return Style(color=colours["gradient"], bold=True)
        case "note" | "message" | "number" | "fork" | "update":
            return Style(color=colours["active"])
        case "word":
            return Style(color=colours["upstream"])
        case "operand":
            return Style(color=colours["value"])
        case _ if role in colours:
            return Style(color=colours[role], bold=role in ("active", "name") or None)
    return Style()
