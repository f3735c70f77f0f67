"""The step pane: the chain rule with names, then with numbers, and what the gate does."""

from __future__ import annotations

import re

from stepgrad.events import Backward, Direction, Forward, Print, Seed, Tangent, Update
from stepgrad.gate import in_parentheses
from stepgrad.linear import LinearMap
from stepgrad.ops import CONSTANT, INPUT
from stepgrad.style import beside, cells, one_line
from stepgrad.tensor import Tensor, entry, show_shape
from stepgrad.wording import Wording, arriving
from tui.session import Session
from tui.view.page import Line, Sheetful, Words, joined, padded, plain_text, width_of

LEGEND: Line = (
    Words("■", "upstream"), Words(" upstream   ", "dim"),
    Words("■", "local"), Words(" local   ", "dim"),
    Words("■", "gradient"), Words(" product", "dim"),
)  # fmt: skip
FORWARD_LEGEND: Line = (Words("■", "upstream"), Words(" tangent   ", "dim"), *LEGEND[2:])


def step_page(session: Session, width: int) -> Sheetful:
    """Return what the step pane shows."""
    event, wording = session.cursor.event, session.wording
    match event:
        case Forward():
            lines = forward_lines(event, wording, width)
        case Seed():
            lines = seed_lines(event, wording, width)
        case Direction():
            lines = direction_lines(event, wording, width)
        case Backward() | Tangent():
            lines = [edge_title(event, wording), ()]
            if session.cursor.element is not None:
                lines += opened_lines(session, event)
            elif isinstance(event.local, LinearMap):
                lines += tensor_lines(event, wording, width)
            else:
                lines += number_lines(event, wording, width)
            lines += fork_lines(session, event, width)
        case Update():
            lines = update_lines(event, wording, width)
        case Print():
            lines = [(Words("Print", "strong"),), (), (Words(f"  {one_line(event.text)}", "value"),)]
    note = event.note if isinstance(event, (Forward, Backward, Tangent)) else None
    if note:
        lines += [(Words("  note ", "strong"), Words(wording.style.sign(note), "note"))]
    if isinstance(event, Backward) and session.cursor.element is None:
        words = f"{wording.label_of(event.node)} {wording.style.sign(wording.trace.node(event.node).gate.words)}."
        lines += [*call_lines(session), (), (Words(words, "dim"),), (), LEGEND]
    elif isinstance(event, Tangent) and session.cursor.element is None:
        lines += [(), (Words("The same local as backwards, met from the other side.", "dim"),), (), FORWARD_LEGEND]
    elif isinstance(event, Forward):
        lines += call_lines(session)
    return Sheetful([part for line in lines for part in folded(line, width)])


def forward_lines(event: Forward, wording: Wording, width: int) -> list[Line]:
    """Write a forward step: its equation, the operands' values, the result."""
    name = wording.name(event.node)
    if event.gate in (INPUT, CONSTANT):
        given = "an input: it gets a gradient" if event.gate is INPUT else "a constant: no gradient flows to it"
        return [
            (Words("Forward ", "strong"), Words(f"{name} is {given}")),
            (),
            *valued(wording, name, event.value, "value", width),
        ]
    lines: list[Line] = [
        (Words("Forward ", "strong"), Words(f"{name} = {wording.expression(event)}")),
        (),
    ]
    trace = wording.trace
    seen: dict[int, None] = dict.fromkeys(operand for operand in event.operands if isinstance(operand, int))
    for operand in seen:
        lines += valued(wording, wording.name(operand), trace.value_at(operand, event.step), "operand", width)
    lines += valued(wording, name, event.value, "value strong", width)
    return [*lines, (), (Words(f"Backward it {wording.style.sign(event.gate.words)}.", "dim"),)]


def valued(wording: Wording, name: str, value: object, role: str, width: int) -> list[Line]:
    """Write ``name = value``, a matrix over several lines, with its shape where that fits."""
    label = f"  {name} {wording.style.equals(value)} "
    lines = beside([(label, wording.style.rows(value))])
    shape = f"  {show_shape(value.shape)}" if isinstance(value, Tensor) else ""
    fits = cells(lines[0] + shape) <= width
    first = (Words(label), Words(lines[0][len(label) :], role), Words(shape if fits else "", "dim"))
    return [first, *((Words(line, role),) for line in lines[1:])]


def seed_lines(event: Seed, wording: Wording, width: int) -> list[Line]:
    """Write the seed."""
    equation = wording.seeded(event)
    return [
        (Words("Backward ", "strong"), Words(f"begins at {wording.name(event.node)}")),
        (),
        *valued(wording, equation, event.gradient, "gradient strong", width),
        (),
        (Words("The seed: the output changes by 1 for each 1 that it changes.", "dim"),),
    ]


def direction_lines(event: Direction, wording: Wording, width: int) -> list[Line]:
    """Write a direction."""
    return [
        (Words("Tangents ", "strong"), Words(f"begin at {wording.name(event.node)}")),
        (),
        *valued(wording, wording.tangent(event.node), event.tangent, "gradient strong", width),
        (),
        (Words("The direction: how fast the input moves.", "dim"),),
    ]


def edge_title(event: Backward | Tangent, wording: Wording) -> Line:
    """Say between which values the edge runs, and through which gate."""
    arrow = wording.style.sign(" → ")
    label = wording.label_of(event.node)
    ends = (event.node, event.operand) if isinstance(event, Backward) else (event.operand, event.node)
    return (
        Words("Backward " if isinstance(event, Backward) else "Tangent ", "strong"),
        Words(arrow.join(map(wording.name, ends))),
        Words(f"  through {label}", "dim"),
    )


def number_lines(event: Backward | Tangent, wording: Wording, width: int) -> list[Line]:
    """Write the chain rule of an edge between numbers: with names, with numbers, the gate's rule."""
    result, times = wording.result(event), wording.style.sign(" · ")
    upstream, local, product = wording.arithmetic(event)
    style = wording.style
    factors = style.equals(arriving(event), event.local)
    relation = style.equals(arriving(event), event.local, event.product)
    indent = " " * (2 + len(result))
    becomes = "=" if event.first else "+="
    names: list[Line] = [
        (Words(f"  {result} {becomes} "), Words(wording.arriving(event), "upstream")),
        (Words(times), Words(wording.local(event), "local")),
    ]
    numbers: list[Line] = [
        (Words(f"{indent} {factors:>{len(becomes)}} "), Words(upstream, "upstream")),
        (Words(style.sign(" × ")), Words(local, "local")),
        (Words(f" {relation} "), Words(product, "gradient strong")),
    ]
    lines = [*broken(names, len(indent) + 1, width), *broken(numbers, len(indent), width)]
    rule = wording.local_rule(event)
    return [*lines, (Words("  where "), Words(rule, "local"))] if rule else lines


def broken(parts: list[Line], indent: int, width: int) -> list[Line]:
    """Set the parts of a formula beside each other, and on a line of its own each that does not fit."""
    whole = joined(parts, "")
    if width_of(whole) <= width:
        return [whole]
    indent = min(indent, width // 4)
    return [parts[0], *((Words(" " * indent), *part) for part in parts[1:])]


def tensor_lines(event: Backward | Tangent, wording: Wording, width: int) -> list[Line]:
    """Write the chain rule of an edge between tensors: with names, then with its matrices."""
    return [(Words(f"  {wording.equation(event)}"),), *matrix_lines(event, wording, width)]


def matrix_lines(event: Backward | Tangent, wording: Wording, width: int) -> list[Line]:
    """Set the matrices of a tensor edge side by side where there is room, else one below the other."""
    blocks = wording.factors(event)
    products = 1 if event.first else 2
    return side_by_side(
        blocks, ["upstream", *["local"] * (len(blocks) - 1 - products), *["gradient strong"] * products], width
    )


def side_by_side(blocks: list[tuple[str, list[str]]], roles: list[str], width: int) -> list[Line]:
    """Set labelled matrices side by side where there is room, else one below the other."""
    columns: list[list[Line]] = [
        [(Words(label if i == 0 else " " * cells(label)), Words(row, role)) for i, row in enumerate(rows)]
        for (label, rows), role in zip(blocks, roles, strict=True)
    ]
    widths = [max(map(width_of, column)) for column in columns]
    if sum(widths) + 3 * len(widths) > width:
        return [(Words("  "), *line) for column in columns for line in column]
    lines = []
    for y in range(max(map(len, columns))):
        line: Line = (Words("  "),)
        for column, size in zip(columns, widths, strict=True):
            line = (*line, *padded(column[y] if y < len(column) else (), size + 3))
        lines.append(line)
    return lines


def update_lines(event: Update, wording: Wording, width: int) -> list[Line]:
    """Write an update: what the input held, by how much it changed, what it holds."""
    name = wording.name(event.node)
    title: Line = (Words("Update ", "strong"), Words(f"{name} is given another value"))
    words = (Words("A step against the gradient makes the loss smaller.", "dim"),)
    if event.change is None or isinstance(event.change, Tensor):
        blocks = wording.old_and_new(event)
        roles = ["operand", *["gradient"] * (len(blocks) - 2), "update strong"][-len(blocks) :]
        return [title, (), *side_by_side(blocks, roles, width), (), words]
    style = wording.style
    relation = style.equals(event.old, event.change, event.new)
    result = Words(style.number(event.new), "update strong")
    return [title, (), (Words(f"  {wording.updated(event)} {relation} "), result), (), words]


def call_lines(session: Session) -> list[Line]:
    """Say within which call of a function the step lies, and the local gradient of the whole, where it is a number."""
    path = session.trace.path(session.gate_node)
    if not path:
        return []
    wording, call = session.wording, session.trace.calls[path[-1]]
    found = session.trace.composite(path[-1])
    arguments = ", ".join(map(wording.name, found.operands[:4]))
    lines: list[Line] = [
        (),
        (Words(f"  within {call.name}({arguments})", "name"), Words(f"  line {call.span.line}", "dim")),
    ]
    for operand, local in list(zip(found.operands, found.locals, strict=True))[:4]:
        if found.result is not None and local is not None:
            whole = f"  as one gate: {wording.partial(wording.name(found.result), wording.name(operand))} "
            number = Words(wording.style.number(local), "local")
            lines.append((Words(whole + wording.style.equals(local) + " "), number))
    return lines


def opened_lines(session: Session, event: Backward | Tangent) -> list[Line]:
    """Write one element of an opened tensor step: every scalar product that it is the sum of."""
    wording = session.wording
    index, terms = session.cursor.opened()
    style = wording.style
    title = wording.element(event, index)
    lines: list[Line] = [(Words(f"  {title} = "), Words(wording.sum_of(event, index, terms)))]
    for term in terms[:MOST_TERMS]:
        relation = style.equals(term.upstream, term.local, term.product)
        lines.append(
            (
                Words("    "),
                Words(style.number(term.upstream), "upstream"),
                Words(style.sign(" × ")),
                Words(style.number(term.local), "local"),
                Words(f" {relation} "),
                Words(style.number(term.product), "gradient"),
            )
        )
    if len(terms) > MOST_TERMS:
        lines.append((Words(f"    and {len(terms) - MOST_TERMS} more", "dim"),))
    element = entry(event.product, index)
    lines.append((Words(f"  {title} {style.equals(element)} "), Words(style.number(element), "gradient strong")))
    return [*lines, (), (Words("→ ← from element to element, escape closes", "dim"),)]


MOST_TERMS = 12
MEETING: dict[type, str] = {Backward: "gradients add at forks", Tangent: "tangents add where operands meet"}


def fork_lines(session: Session, event: Backward | Tangent, width: int) -> list[Line]:
    """Write the addition where gradients or tangents meet, below its words where it does not fit beside them."""
    if event.first:
        return []
    wording, style = session.wording, session.style
    name, meet = wording.result(event), f"  {MEETING[type(event)]}: "
    if isinstance(event.total, Tensor):
        return [(Words(f"{meet}{name} += product", "fork"),)]
    changed = event.operand if isinstance(event, Backward) else event.node
    before = session.trace.gradient_at(changed, event.step - 1)
    added = f"{style.number(before)} + {in_parentheses(style.number(event.product))}"
    relation = style.equals(before, event.product, event.total)
    words = Words(meet, "fork")
    total = (Words(f"{added} {relation} ", "fork"), Words(style.number(event.total), "gradient strong"))
    one = (words, *total)
    return [one] if width_of(one) <= width else [(words,), (Words("    "), *total)]


def folded(line: Line, width: int) -> list[Line]:
    """Fold a line of plain sentences at blanks; one of formulas and matrices stays as it is."""
    text = plain_text(line)
    if cells(text) <= width or len(line) > 2 or width < 10:
        return [line]
    indent = " " * (len(text) - len(text.lstrip()))
    lines: list[list[Words]] = [[]]
    room = width
    for words in line:
        for piece in re.findall(r" *[^ ]+| +$", words.text):
            if cells(piece) > room and lines[-1]:
                lines.append([Words(indent)])
                room = width - len(indent)
                piece = piece.lstrip()
            lines[-1].append(Words(piece, words.role))
            room -= cells(piece)
    return [tuple(each) for each in lines]
