"""Mermaid: the circuit of a pass as a flowchart, which GitHub draws in Markdown; values, then gradients in each box."""

from __future__ import annotations

from collections.abc import Iterator

from stepgrad.errors import FormatError
from stepgrad.formats.graph import Drawn, graph_of
from stepgrad.style import Style
from stepgrad.trace import Trace
from stepgrad.wording import Wording

MOST_EDGES, MOST_SIGNS = 500, 50_000  # what Mermaid draws unless its page says otherwise; GitHub's does not
ENTITIES = {ord(sign): f"#{ord(sign)};" for sign in '"#&<>`\\;{}[]()|*_~$%@:'}


def mermaid(
    trace: Trace, *, pass_number: int | None = None, digits: int = 2, ascii_only: bool = False
) -> Iterator[str]:
    """Yield the circuit as a flowchart.

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
        If there is no such pass, or if it is larger than Mermaid draws.
    """
    wording = Wording(trace, Style(digits, ascii_only))
    nodes, output = graph_of(wording, pass_number)
    yield from flowchart(nodes, output, ascii_only=ascii_only)


def flowchart(nodes: list[Drawn], output: int, *, ascii_only: bool, gradients: bool = True) -> list[str]:
    """Return the lines of a flowchart, with the gradients or without."""
    edges = [(operand, node.node) for node in nodes for operand in node.operands]
    lines = ["flowchart LR"]
    for node in nodes:
        text = label(node, "d" if ascii_only else "∂", gradients=gradients)
        box = f'(["{text}"])' if node.is_leaf else f'["{text}"]'
        lines.append(f"    n{node.node}{box}")
    lines += [f"    n{source} --> n{target}" for source, target in edges]
    leaves = [f"n{node.node}" for node in nodes if node.is_leaf]
    lines.append("    classDef input stroke-dasharray:4")
    lines.append("    classDef output stroke-width:3px")
    lines += [f"    class {','.join(leaves)} input"] if leaves else []
    lines.append(f"    class n{output} output")
    signs = sum(map(len, lines)) + len(lines)
    if len(edges) > MOST_EDGES or signs > MOST_SIGNS:
        raise FormatError(
            f"the circuit has {len(edges):,} edges and takes {signs:,} signs; Mermaid draws at most {MOST_EDGES} and "
            f"{MOST_SIGNS:,}, so use the format dot, or choose a smaller program"
        )
    return lines


def label(node: Drawn, partial: str, *, gradients: bool) -> str:
    """Return what stands in a box: its label with its name, its value, its gradient."""
    name = f" = {escaped(node.label)}" if node.name else escaped(node.label)
    lines = [f"{escaped(node.name)}{name}", *map(escaped, node.value)]
    if gradients:
        lines += [f"{escaped(partial)} {escaped(line)}" for line in node.gradient]
    return "<br/>".join(lines)


def escaped(text: str) -> str:
    """Spell a text in a quoted label: what Mermaid or Markdown would take for a sign of theirs, by its number.

    >>> escaped('a"b[0]')
    'a#34;b#91;0#93;'
    """
    return text.translate(ENTITIES)
