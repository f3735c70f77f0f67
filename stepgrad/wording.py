"""Wording: a step in names and in numbers, as a lecture writes it.

What the text export prints and what the screen shows are put together here, so that they agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from stepgrad.events import Backward, Direction, Event, Forward, Seed, Tangent, Update, partial
from stepgrad.formula import OPERANDS, spell
from stepgrad.gate import in_parentheses
from stepgrad.linear import LinearMap, Term
from stepgrad.ops import CONSTANT, INPUT
from stepgrad.style import LECTURE, MAX_COLUMNS, Style, bracketed, escaped, literal_text
from stepgrad.tape import Node
from stepgrad.tensor import Array, Shape, Tensor, show_shape
from stepgrad.trace import Trace

MAX_LITERAL = 40  # characters of a literal that an expression writes out


class Wording:
    """Names and equations of a trace's steps, in one style."""

    def __init__(self, trace: Trace, style: Style = LECTURE) -> None:
        self.trace = trace
        self.style = style

    def name(self, node: int) -> str:
        """Return a node's name."""
        name = self.trace.name(node, ascii_only=self.style.ascii_only)
        return escaped(name) if self.style.ascii_only else name

    def operand(self, operand: object) -> str:
        """Return an operand's name, or the literal."""
        if isinstance(operand, int):
            return self.name(operand)
        if isinstance(operand, Tensor):
            small = len(operand.data) <= MAX_COLUMNS and len(operand.shape) == 1
            text = f"[{', '.join(map(literal_text, operand.data))}]"
            return text if small and len(text) <= MAX_LITERAL else f"({show_shape(operand.shape)} literal)"
        return literal_text(operand)

    def operands(self, node: int) -> list[str]:
        """Return the names of a node's operands, literals written out."""
        operands = self.trace.node(node).operands
        return [self.operand(self.trace.index_of(each) if isinstance(each, Node) else each) for each in operands]

    def expression(self, event: Forward) -> str:
        """Return what a forward step computes: ``w0 × x0``, or ``input``."""
        if event.gate in (INPUT, CONSTANT):
            return event.gate.name
        operands = [self.operand(operand) for operand in event.operands]
        return self.style.sign(event.gate.written(operands, self.trace.node(event.node).params))

    def label(self, event: Forward) -> str:
        """Return what stands in the gate's box: ``×-1``, ``exp``."""
        literals = {i: self.operand(o) for i, o in enumerate(event.operands) if not isinstance(o, int)}
        return self.style.sign(event.gate.label(literals, self.trace.node(event.node).params))

    def label_of(self, node: int) -> str:
        """Return what stands in the box of a node's gate; the name of a leaf."""
        event = self.trace[self.trace.forward_index(node)]
        assert isinstance(event, Forward)
        return self.label(event) if event.operands else self.name(node)

    def output(self, event: Event) -> str:
        """Return the name of the output from which the event's pass goes backward."""
        return self.name(self.trace.output_at(event.step - 1))

    def partial(self, of: str, by: str) -> str:
        """Write a derivative: ``∂f/∂x``."""
        return self.style.sign(partial(of, by))

    def equation(self, event: Backward | Tangent) -> str:
        """Write the chain rule with names: ``∂f/∂m = ∂f/∂h · ∂h/∂m``."""
        arriving, result = self.arriving(event), self.result(event)
        becomes = "=" if event.first else "+="
        if isinstance(event.local, LinearMap):
            return f"{result} {becomes} {self.carried(event, arriving)}"
        return self.style.sign(f"{result} {becomes} {arriving} · {self.local(event)}")

    def arriving(self, event: Backward | Tangent) -> str:
        """Write what an edge multiplies: the upstream ``∂f/∂h``, or forwards the operand's tangent ``∂m/∂t``."""
        if isinstance(event, Tangent):
            return self.tangent(event.operand)
        return self.partial(self.output(event), self.name(event.node))

    def result(self, event: Backward | Tangent) -> str:
        """Write what an edge adds to: the operand's gradient ``∂f/∂m``, or forwards the node's tangent ``∂h/∂t``."""
        if isinstance(event, Tangent):
            return self.tangent(event.node)
        return self.partial(self.output(event), self.name(event.operand))

    def local(self, event: Backward | Tangent) -> str:
        """Write the local of an edge: ``∂h/∂m``."""
        return self.partial(self.name(event.node), self.name(event.operand))

    def tangent(self, node: int | None = None, index: Shape = ()) -> str:
        """Write a node's tangent, or an element of it: ``∂h/∂w0``; without a node, that of any: ``∂…/∂w0``."""
        along = escaped(self.trace.along) if self.style.ascii_only else self.trace.along
        return self.partial(self.style.sign("…") if node is None else self.name(node) + bracketed(index), along)

    def sweep_title(self, index: int) -> str:
        """Return the title of the sweep that begins with an event."""
        if isinstance(self.trace[index], Direction):
            return f"Tangents by {escaped(self.trace.along) if self.style.ascii_only else self.trace.along}"
        return backward_title(self.name(self.trace.output_at(index)))

    def carried(self, event: Backward | Tangent, arriving: str) -> str:
        """Write the product of a tensor edge: ``∂f/∂q · xᵀ``; forwards ``∂q/∂W · ∂W/∂t``, element by element ⊙."""
        if isinstance(event, Backward):
            return self.pulled(event, arriving)
        formula = self.trace.node(event.node).gate.pulled(event.slot, self.literals(event))
        if not formula:
            return self.style.sign(f"{self.local(event)} · {arriving}")
        return self.style.sign(formula.format(up=arriving, **{"x": "", "y": "", **self.operands_by_letter(event)}))

    def operands_by_letter(self, event: Backward | Tangent) -> dict[str, str]:
        """Return the names that stand for ``x``, ``y`` and ``z`` in the formulas of the event's gate."""
        names = dict(zip(OPERANDS, self.operands(event.node)))
        return {**names, "z": self.name(event.node)}

    def literals(self, event: Backward | Tangent) -> dict[int, Array]:
        """Return the literal operands of the event's node, by slot."""
        operands = self.trace.node(event.node).operands
        values = self.trace.operand_values(event)
        return {i: value for i, (o, value) in enumerate(zip(operands, values, strict=True)) if o is value}

    def pulled(self, event: Backward, upstream: str) -> str:
        """Write the product of a tensor edge: ``∂f/∂q · xᵀ``."""
        assert isinstance(event.local, LinearMap)
        gate = self.trace.node(event.node).gate
        formula = gate.pulled(event.slot, self.literals(event)) or event.local.formula
        return self.style.sign(formula.format(up=upstream, **{"x": "", "y": "", **self.operands_by_letter(event)}))

    def local_rule(self, event: Backward | Tangent) -> str:
        """Write the local of a scalar edge as a formula: ``∂h/∂m = h``; empty where it has none."""
        gate = self.trace.node(event.node).gate
        formula = gate.local_formula(event.slot, self.literals(event))
        if not formula or isinstance(event.local, LinearMap):
            return ""
        spelled = spell(formula, self.operands_by_letter(event), ascii_only=self.style.ascii_only)
        return f"{self.local(event)} = {spelled}"

    def factors(self, event: Backward | Tangent) -> list[tuple[str, list[str]]]:
        """Return the matrices of a tensor edge, labelled: what it multiplies, the operands in the formula, product."""
        assert isinstance(event.local, LinearMap)
        gate = self.trace.node(event.node).gate
        formula = gate.pulled(event.slot, self.literals(event))
        formula = formula or (event.local.formula if isinstance(event, Backward) else "")
        values = dict(zip(OPERANDS, self.trace.operand_values(event)))
        values["z"] = self.trace.value_at(event.node, event.step)
        names = self.operands_by_letter(event)
        blocks = [(self.arriving(event), arriving(event))]
        blocks += [(names[letter], values[letter]) for letter in dict.fromkeys(re.findall(r"{([xyz])}", formula))]
        result = self.result(event)
        blocks.append((result if event.first else self.style.sign("product"), event.product))
        if not event.first:
            blocks.append((result, event.total))
        return [(f"{name} {self.style.equals(value)} ", self.style.lines(value)) for name, value in blocks]

    def element(self, event: Backward | Tangent, index: Shape) -> str:
        """Write an element of what a tensor edge sends: ``∂f/∂W[0][1]``, or forwards ``∂q[0]/∂t``."""
        if isinstance(event, Tangent):
            return self.tangent(event.node, index)
        return self.partial(self.output(event), self.name(event.operand) + bracketed(index))

    def sum_of(self, event: Backward | Tangent, index: Shape, terms: Sequence[Term], most: int = 2) -> str:
        """Write the sum that an opened element is: ``∂f/∂q[0] · ∂q[0]/∂W[0][1] + …``."""
        written = [
            self.style.sign(f"{arriving} · {self.partial(*ends)}")
            for arriving, ends in (self.term(event, index, term.result) for term in terms[:most])
        ]
        return self.style.sign(" + ".join(written + ["…"] * (len(terms) > most))) or "0"

    def term(self, event: Backward | Tangent, index: Shape, other: Shape) -> tuple[str, tuple[str, str]]:
        """Return what arrives at one product of an opened element, and the two elements of its local."""
        node, operand = self.name(event.node), self.name(event.operand)
        if isinstance(event, Tangent):
            return self.tangent(event.operand, other), (node + bracketed(index), operand + bracketed(other))
        result = node + bracketed(other)
        return self.partial(self.output(event), result), (result, operand + bracketed(index))

    def arithmetic(self, event: Backward | Tangent) -> tuple[str, str, str]:
        """Return a scalar edge's upstream, or forwards tangent, its local and product in numbers."""
        number = self.style.number
        return number(arriving(event)), number(event.local), number(event.product)

    def updated(self, event: Update) -> str:
        """Write an update of a number: ``w = 0.40 + (-0.04)``."""
        added = in_parentheses(self.style.number(event.change))
        return f"{self.name(event.node)} = {self.style.number(event.old)} + {added}"

    def old_and_new(self, event: Update) -> list[tuple[str, list[str]]]:
        """Return what an input held, by how much it changed, and what it holds, as labelled blocks of lines."""
        shown = [("old", event.old), ("change", event.change), ("new", event.new)]
        return [(f"{name} {self.style.equals(x)} ", self.style.rows(x)) for name, x in shown if x is not None]

    def seeded(self, event: Seed) -> str:
        """Write the seed's equation: ``∂f/∂f = 1``."""
        name = self.name(event.node)
        return self.partial(name, name)


def backward_title(output: str) -> str:
    """Return the title of the backward sweep from an output."""
    return f"Backward from {output}"


def arriving(event: Backward | Tangent) -> Array:
    """Return what an edge multiplies: the upstream, or forwards the operand's tangent."""
    return event.tangent if isinstance(event, Tangent) else event.upstream
