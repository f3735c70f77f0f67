r"""TikZ: the circuit at a step, as the lecture draws it, for LaTeX.

A document of the picture's size, or a fragment to ``\input`` into one that loads tikz and amsmath. Places are the
layout's cells, so whoever wants another size changes the two units in the first line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stepgrad.formats.latex import LatexExport
from stepgrad.formats.scene import LIGHT, Asked, Moment, Place, Scene, label_of
from stepgrad.formats.tex import Names, escape_text
from stepgrad.style import Style
from stepgrad.trace import Trace
from stepgrad.wording import Wording

ACROSS, DOWN = 0.15, 0.38  # centimetres of a cell
MARGIN = 0.5
TIMES = r"{\times}"
COLOURS = {f"stepgrad-{role}": LIGHT[role][1:].upper() for role in
           ("ink", "wire", "name", "value", "gradient", "upstream", "local", "active", "lit")}  # fmt: skip
STYLES = r"""
  wire/.style={draw=stepgrad-wire, line width=0.6pt, rounded corners=3pt},
  fork/.style={fill=stepgrad-wire},
  gate/.style={draw=stepgrad-ink, fill=white, line width=0.6pt, rounded corners=2pt},
  active/.style={draw=stepgrad-active, line width=1.4pt},
  at work/.style={active, fill=stepgrad-lit},
  unknown/.style={opacity=0.4},
  label/.style={text=stepgrad-ink, font=\small, inner sep=0pt},
  local/.style={text=stepgrad-local, font=\ttfamily\scriptsize, inner sep=0pt},
  name/.style={text=stepgrad-name, font=\small, inner sep=1.5pt},
  number/.style={anchor=west, font=\ttfamily\footnotesize, inner sep=1pt},
  value/.style={number, text=stepgrad-value},
  gradient/.style={number, text=stepgrad-gradient},
  upstream/.style={number, text=stepgrad-upstream},
  new value/.style={number, text=white, fill=stepgrad-value, rounded corners=1pt},
  new gradient/.style={number, text=white, fill=stepgrad-gradient, rounded corners=1pt},
""".strip("\n").splitlines()


def tikz(
    trace: Trace,
    *,
    step: int | None = None,
    steps: Sequence[int] | None = None,
    pass_number: int | None = None,
    digits: int = 2,
    standalone: bool = True,
) -> Iterator[str]:
    """Yield the circuit.

    Parameters
    ----------
    trace : Trace
    step : int, optional
        What is known at this step, its gate and its wire heavy, its equation below; without it, all that is known
        at the end of a pass.
    steps : sequence of int, optional
        The indices of some events: the last one is the step, if none is given.
    pass_number : int, optional
        Which pass, counted from 1; the last that was swept, if None.
    digits : int
        Decimals of the printed numbers.
    standalone : bool
        A whole document; otherwise a fragment, for one that loads tikz and amsmath.
    """
    style = Style(digits)
    asked = Asked(step, steps, pass_number)
    (scene, moment), event = asked.drawn(Wording(trace, style)), asked.event(trace)
    export = LatexExport(trace, style)
    caption = "" if event is None else export.equation(event)
    if standalone:
        width = max(scene.layout.width * ACROSS, 16 if caption else 0) + 2 * MARGIN
        height = (scene.layout.height + (4 if caption else 0)) * DOWN + 2 * MARGIN
        yield r"\documentclass{article}"
        yield rf"\usepackage[paperwidth={width:.2f}cm,paperheight={height:.2f}cm,margin={MARGIN / 2}cm]{{geometry}}"
        yield r"\usepackage{amsmath}"
        yield r"\usepackage{tikz}"
        yield r"\pagestyle{empty}"
        yield r"\setlength{\parindent}{0pt}"
        yield r"\begin{document}"
    else:
        yield r"% \usepackage{amsmath,tikz}"
    yield from (rf"\definecolor{{{name}}}{{HTML}}{{{code}}}" for name, code in COLOURS.items())
    yield rf"\begin{{tikzpicture}}[x={ACROSS}cm, y=-{DOWN}cm, >=stealth,"
    yield from STYLES
    yield "]"
    yield from picture(scene, moment, export.names)
    if caption:
        below = place((0, scene.layout.height + 1))
        yield rf"\node[anchor=north west, text=stepgrad-ink] at {below} {{$\displaystyle {caption}$}};"
    yield r"\end{tikzpicture}"
    if standalone:
        yield r"\end{document}"


def picture(scene: Scene, moment: Moment, names: Names) -> Iterator[str]:
    """Yield wires, gates and numbers."""
    active = {scene.same_wire(edge) for edge in moment.activity.edges}
    for edge in [each for each in scene.wires if each not in active]:
        yield wire(scene.path(edge), "" if moment.known[scene.source(edge)] else ", unknown")
    for vertex in scene.layout.stubs:
        yield wire(scene.stub(vertex), "" if moment.known[vertex] else ", unknown")
    yield from (rf"\fill[fork] {place(each)} circle[radius=1.5pt];" for each in scene.forks())
    for edge in sorted(active):
        yield wire(scene.path(edge), ", active, <-" if moment.backward else ", active, ->")
    for vertex in scene.vertices:
        yield from gate(scene, moment, vertex, names)
    for vertex, (value, gradient) in enumerate(moment.numbers):
        places = scene.value_places(vertex)
        role = "new value" if vertex == moment.new_value() else "value"
        yield from numbers(places[len(places) - len(value) :], value, role)
        new = vertex == moment.new_gradient()
        role = "new gradient" if new else "upstream" if vertex == moment.activity.upstream else "gradient"
        yield from numbers(scene.gradient_places(vertex), gradient, role)


def gate(scene: Scene, moment: Moment, vertex: int, names: Names) -> Iterator[str]:
    """Draw a gate with its label and its name, or the name of a leaf."""
    left, top, right, bottom = scene.frame(vertex)
    x, y = scene.centre(vertex)
    faint = "" if moment.known[vertex] else ", unknown"
    if scene.is_leaf(vertex):
        yield rf"\node[name, anchor=east{faint}] at {place((right + 0.5, y))} {{{named(scene.labels[vertex], names)}}};"
        return
    at_work = vertex in moment.activity.vertices
    local = moment.local if at_work else ""
    heavy = ", at work" if at_work else ""
    yield rf"\draw[gate{heavy}{faint}] {place((left, top))} rectangle {place((right, bottom))};"
    yield rf"\node[label{faint}] at {place((x, y - 0.35 if local else y))} {{{label(scene.labels[vertex])}}};"
    if local:
        yield rf"\node[local] at {place((x, y + 0.5))} {{{escape_text(local)}}};"
    if scene.named[vertex] or at_work or vertex == moment.activity.changed:
        yield rf"\node[name, anchor=south{faint}] at {place((x, top))} {{{named(scene.names[vertex], names)}}};"


def named(name: str, names: Names) -> str:
    """Write a name: as mathematics, or as far as it is in the picture."""
    return escape_text(name) if name.endswith("…") else f"${names.term(name).text}$"


def label(text: str) -> str:
    r"""Write what stands in a box.

    >>> label("×-1"), label("1/x"), label("**2"), label("cross_entropy")
    ('${\\times}-1$', '$1/x$', '$x^{2}$', 'cross\\_entropy')
    """
    if power := re.fullmatch(r"(.*)\*\*(.*)", text):
        return f"${escape_text(power[1]) or 'x'}^{{{escape_text(power[2])}}}$"
    if re.fullmatch(r"[-+×/x.\d]+", text):
        return f"${text.replace('×', TIMES)}$"
    return escape_text(label_of(text))


def wire(path: Sequence[Place], more: str) -> str:
    """Draw a wire."""
    return rf"\draw[wire{more}] {' -- '.join(map(place, path))};"


def numbers(places: Sequence[Place], lines: Sequence[str], role: str) -> Iterator[str]:
    """Write numbers."""
    for (x, y), line in zip(places, lines):
        yield rf"\node[{role}] at {place((x, y))} {{{escape_text(line).replace(' ', '~')}}};"


def place(of: Place) -> str:
    """Write a place: ``(2,1.5)``."""
    return f"({of[0]:g},{of[1]:g})"
