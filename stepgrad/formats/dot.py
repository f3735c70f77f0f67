"""DOT: the circuit of a pass for Graphviz, values in green above and gradients in red below, as in the lecture."""

from __future__ import annotations

from collections.abc import Iterator

from stepgrad.formats.graph import Drawn, graph_of
from stepgrad.style import Style, one_line
from stepgrad.trace import Trace
from stepgrad.wording import Wording

GREEN, RED = "#15803d", "#b91c1c"


def dot(trace: Trace, *, pass_number: int | None = None, digits: int = 2, ascii_only: bool = False) -> Iterator[str]:
    """Yield the circuit as a digraph.

    Parameters
    ----------
    trace : Trace
    pass_number : int, optional
        Which pass, counted from 1; the last that was swept, if None.
    digits : int
        Decimals of the printed numbers.
    ascii_only : bool
        Spell mathematical signs and names in ASCII.

    Raises
    ------
    FormatError
        If there is no such pass.
    """
    wording = Wording(trace, Style(digits, ascii_only))
    nodes, output = graph_of(wording, pass_number)
    yield f"digraph {quoted(one_line(wording.name(output)))} {{"
    yield "    rankdir=LR"
    yield '    node [fontname="Helvetica", shape=ellipse, margin="0.05,0.03"]'
    for node in nodes:
        shape = ", shape=box, style=rounded" if node.is_leaf else ", penwidth=2" if node.node == output else ""
        yield f"    n{node.node} [label=<{html_label(node)}>{shape}]"
    for node in nodes:
        for slot, operand in enumerate(node.operands):
            order = f' [taillabel="", headlabel="{slot + 1}", fontsize=8]' if is_ordered(node) else ""
            yield f"    n{operand} -> n{node.node}{order}"
    yield "}"


def is_ordered(node: Drawn) -> bool:
    """Whether its operands are to be told apart: there are several, and they may not be exchanged."""
    return len(node.operands) > 1 and node.label not in ("+", "×", "*", "max", "min")


def html_label(node: Drawn) -> str:
    """Return what stands in a node: its value, its label with its name, its gradient."""
    name = f" <i>{escaped_html(node.name)}</i>" if node.name else ""
    lines = [coloured(line, GREEN) for line in node.value]
    lines.append(f"<b>{escaped_html(node.label)}</b>{name}")
    lines += [coloured(line, RED) for line in node.gradient]
    return "<br/>".join(lines)


def coloured(line: str, colour: str) -> str:
    """Write a line of numbers in a colour."""
    return f'<font color="{colour}">{escaped_html(line) or " "}</font>'


def escaped_html(text: str) -> str:
    """Spell a text in Graphviz's HTML-like labels; what would end an element, or begin one, is spelled out."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def quoted(text: str) -> str:
    r"""Write a name as a quoted ID: quotes and backslashes are escaped.

    >>> print(quoted('a"b'))
    "a\"b"
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
