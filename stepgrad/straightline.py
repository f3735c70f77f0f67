"""Straight-line code: a recorded pass written out as assignments, to be run again with other values.

What a pass does is settled once it is recorded: which gates, in which order, and where gradients go. So
it can be written as a program without a loop or a branch, one line per gate and per edge, in the texts
of the table's rows; it is the derivation written out. Compiled, it gives the values and the totals of
the engine, to the bit, many times faster. Where Python's arithmetic raises, as at 1/0, the engine
itself runs that pass again and goes on with IEEE values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property, lru_cache, partial
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from stepgrad.errors import InputError, nearest
from stepgrad.fitted import applier
from stepgrad.formula import OPERANDS, for_number_type, namespace_of, require_functions
from stepgrad.gate import Elementwise, Local
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.ops import INPUT
from stepgrad.recording import Recording
from stepgrad.stretch import Edges, Stretch
from stepgrad.tape import Node, Operand, Pass
from stepgrad.tensor import Array, Tensor, from_nested, full, nested, shape_of, show_shape

READY = re.compile(r"\{[xyz]\}|-?[\w.]+")  # a local that needs no arithmetic: an operand, the result, a number
LINES = 10000  # in a function: of a longer one, Python's compiler makes heavy work


class Outcome(NamedTuple):
    """What a pass found, in the order of its nodes and edges.

    Attributes
    ----------
    values : list of Array
        The value of every node.
    totals : list of Array
        The operand's total after every edge.
    """

    values: list[Array]
    totals: list[Array]


class Found(NamedTuple):
    """The same for people: the output's value and the inputs' gradients by name, tensors as nested lists."""

    value: Any
    grads: dict[str, Any]


Slot: TypeAlias = tuple[Node, int]


class Straightline:
    """A recorded pass as straight-line code.

    Parameters
    ----------
    recorded : Pass
    number : NumberType
        What it was recorded with.
    names : mapping, optional
        What its inputs and constants are called where it is called like a function.

    Attributes
    ----------
    givens : list of Node
        Where values come from: inputs, constants, and what was computed before and is held fixed.
    nodes : list of Node
        Those of the pass, in order: what was computed earlier and used again, then what was made in it.
    edges : Edges
        Those that the sweep takes, in order.

    Examples
    --------
    >>> from stepgrad import run
    >>> again = run("f = x * y + x", x=2.0, y=3.0).straightline()
    >>> again(x=10.0)
    Found(value=40.0, grads={'x': 4.0, 'y': 10.0})
    >>> print(again.source)
    def run(s):
        v0 = s[0]
        v1 = s[1]
        v2 = v0 * v1
        v3 = v2 + v0
        g2 = 1.0 + 1.0 * v1
        g3 = 1.0 * v0
        return [v0, v1, v2, v3], [1.0, 1.0, g2, g3]
    <BLANKLINE>
    """

    def __init__(self, recorded: Pass, number: NumberType, names: Mapping[Node, str] | None = None) -> None:
        self.recorded = recorded
        self.number = number
        self.nodes = [*recorded.earlier, *recorded.nodes]
        made = {node for node in self.nodes if node.operands}
        used = (each for node in self.nodes for each in node.operands if isinstance(each, Node))
        self.givens = list(dict.fromkeys(each for each in (*recorded.leaves, *used) if each not in made))
        self.edges: Edges = Stretch(recorded, (), 0, 0).edges
        self.names = names or {}

    def __call__(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Found:
        """Run the pass with other values for some of its inputs and constants, given by name; the others keep theirs.

        Raises
        ------
        InputError
            If there is none of that name, or it has another shape.
        """
        given = {**(values or {}), **more}
        nodes = {self.names[node]: node for node in self.givens if node in self.names}
        for name in given:
            if name not in nodes:
                raise InputError(f"this pass has no input called {name!r}{nearest(name, nodes)}")
        taken = {nodes[name]: self.fitting(name, nodes[name], value) for name, value in given.items()}
        outcome = self.run([taken.get(node, node.value) for node in self.givens])
        output = self.recorded.output or self.nodes[-1]
        grads = {name: self.gradient(outcome, node) for name, node in nodes.items() if node.gate is INPUT}
        zeros = {name: full(shape_of(node.value), self.number.make(0)) for name, node in nodes.items()}
        return Found(
            nested(outcome.values[self.place_of[output]]),
            {name: nested(zeros[name] if found is None else found) for name, found in grads.items()},
        )

    def fitting(self, name: str, node: Node, value: Any) -> Array:
        """Bring a value from outside to an array of an input's shape."""
        array, shape = from_nested(value, self.number.make), shape_of(node.value)
        if shape_of(array) != shape:
            raise InputError(
                f"{name} has shape {show_shape(shape)} in this pass, and {show_shape(shape_of(array))} is given; "
                "run the program anew for other shapes"
            )
        return array

    @cached_property
    def writer(self) -> Writer:
        """What has written it out."""
        return Writer(self.number, self.givens).write_all(self)

    @property
    def source(self) -> str:
        """The code: ``s`` holds the values of the givens, and what one function leaves to another."""
        return "\n".join(self.writer.sources())

    @cached_property
    def functions(self) -> list[Callable[[list[Any]], tuple[list[Array], list[Array]]]]:
        """The compiled code."""
        return list(self.writer.compiled())

    def run(self, values: Sequence[Array]) -> Outcome:
        """Run the pass with these values of the givens, which have the shapes of those recorded."""
        functions = self.functions
        store: list[Any] = [*values, *[None] * (len(self.writer.places) - len(values))]
        outcome = Outcome([], [])
        try:
            for function in functions:
                made, sent = function(store)
                outcome.values.extend(made)
                outcome.totals.extend(sent)
        except (ArithmeticError, ValueError):
            recorded, nodes = self.recorded_again(values)
            return Outcome([nodes[node].value for node in self.nodes], recorded.totals)
        return outcome

    def recorded_again(self, values: Sequence[Array]) -> tuple[Pass, dict[Node, Node]]:
        """Run the pass by the engine itself; return what it recorded, and the new node for each."""
        recording = Recording(self.number)
        value_of = dict(zip(self.givens, values, strict=True))
        found: dict[Node, Node] = {}
        for node in (*(each for each in self.givens if each not in self.place_of), *self.nodes):
            if node in value_of:
                found[node] = recording.leaf(value_of[node], node.gate)
            else:
                operands = [found[each] if isinstance(each, Node) else each for each in node.operands]
                found[node] = recording.apply(node.gate, operands, params_of(node))
        if self.recorded.output is None:
            recording.close()
        else:
            recording.backward(found[self.recorded.output], self.recorded.seed)
        return recording.passes[-1], found

    @cached_property
    def place_of(self) -> dict[Node, int]:
        """The place of every node among the nodes."""
        return {node: place for place, node in enumerate(self.nodes)}

    def gradient(self, outcome: Outcome, node: Node) -> Array:
        """Return the gradient that an outcome has for a node; None where the output does not depend on it."""
        if node is self.recorded.output:
            return self.recorded.seed
        arrived = self.edges.arrivals.get(node)
        return outcome.totals[arrived[-1]] if arrived else None


def params_of(node: Node) -> Mapping[str, Any]:
    """Return what a node's gate was given, also where the row's texts have taken it in."""
    gate = node.gate
    return dict(zip(gate.params, gate.given)) if isinstance(gate, Elementwise) else node.params


def depending(nodes: Sequence[Node], on: Iterable[Node]) -> set[Node]:
    """Return, of these and of a pass's nodes, those that are computed from these."""
    found = set(on)
    for node in nodes:
        if not found.isdisjoint(node.operands):
            found.add(node)
    return found


class Page:
    """A function under way: its lines, what it is given, what it leaves to later ones, and what it returns."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.given: dict[str, None] = {}
        self.left: dict[str, None] = {}
        self.values: list[str] = []
        self.totals: list[str] = []


class Writer:
    """Writes a pass out, in functions of bounded length.

    Attributes
    ----------
    namespace : dict
        What the code refers to: the number type's functions, and all that has no text.
    pages : list of Page
        The last one is open.
    page_of : dict
        Where each variable is assigned.
    names : dict
        In which variable a value stands, or which number it is.
    places : dict
        Where in ``s`` a variable is found that another function assigns.
    total_of : dict
        In which variable the gradient of a node stands, as far as the sweep has been written.
    """

    def __init__(self, number: NumberType, givens: Sequence[Any]) -> None:
        self.number = number
        self.namespace = {**namespace_of(number), "closed": number.closed}
        self.pages = [Page()]
        self.names: dict[Any, str] = {each: f"v{k}" for k, each in enumerate(givens)}
        self.places = {name: k for k, name in enumerate(self.names.values())}
        self.page_of: dict[str, Page] = {}
        self.templates: dict[tuple[Elementwise, str], str] = {}
        self.locals: dict[Slot, str] = {}
        self.total_of: dict[Node, str] = {}
        self.edge_count = 0

    def write_all(self, straight: Straightline) -> Writer:
        """Write a pass and its sweep; every value and every total is returned."""
        edges = straight.edges
        wanted = set(zip(edges.nodes, edges.slots))
        for node in straight.nodes:
            if node not in self.names:
                self.write_gate(node, wanted)
            self.pages[-1].values.append(self.use(self.names[node]))
        if straight.recorded.output is not None:
            self.total_of[straight.recorded.output] = self.literal(straight.recorded.seed)
        for each in zip(edges.nodes, edges.slots, edges.operands):
            total = self.write_edge(*each)
            self.pages[-1].totals.append(self.use(total))
        return self

    def sources(self) -> list[str]:
        """Return the source of every function."""
        return [self.source(page) for page in self.pages]

    def compiled(self) -> Iterator[Callable[[list[Any]], Any]]:
        """Yield every function, compiled."""
        for source in self.sources():
            exec(compile(source, "<straight line>", "exec"), self.namespace)
            yield self.namespace["run"]

    def source(self, page: Page) -> str:
        """Return the source of a function."""
        lines = [f"{name} = s[{self.places[name]}]" for name in page.given]
        lines += page.lines
        lines += [f"s[{self.places[name]}] = {name}" for name in page.left]
        if page.values or page.totals:
            lines.append(f"return [{', '.join(page.values)}], [{', '.join(page.totals)}]")
        return "\n    ".join(["def run(s):", *lines]) + "\n"

    def turn(self) -> None:
        """Open a new function if this one is long enough."""
        if len(self.pages[-1].lines) >= LINES:
            self.open_page()

    def open_page(self) -> None:
        """Open a new function."""
        self.pages.append(Page())

    def assign(self, name: str, text: str, *more: str) -> None:
        """Write a line that assigns a variable, or several."""
        page = self.pages[-1]
        page.lines.append(f"{', '.join((name, *more))} = {text}" if more else f"{name} = {text}")
        for each in (name, *more):
            self.page_of[each] = page

    def use(self, name: str) -> str:
        """Make a variable known in the open function; what is none is a number and known everywhere."""
        page, home = self.pages[-1], self.page_of.get(name)
        if home is not page and (home is not None or name in self.places):
            page.given[name] = None
            if home is not None:
                home.left[name] = None
                self.places.setdefault(name, len(self.places))
        return name

    def literal(self, value: Array) -> str:
        """Write a number, or a name for what has no text."""
        if value.__class__ is float and isfinite(value):
            text = repr(value)
            return f"({text})" if text[0] == "-" else text
        name = f"c{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def operand(self, operand: Operand) -> str:
        """Write an operand: a variable, or a literal."""
        return self.use(self.names[operand]) if isinstance(operand, Node) else self.literal(operand)

    def template(self, gate: Elementwise, text: str) -> str:
        """Make a template of a row's text, with places for its operands and its result."""
        if self.number is FLOAT:
            return float_template(text)
        if (gate, text) not in self.templates:
            require_functions(gate.name, [text], self.number)
            self.templates[gate, text] = with_places(for_number_type(text, self.number, self.namespace, ieee=False))
        return self.templates[gate, text]

    def write_gate(self, node: Node, wanted: Set[Slot]) -> None:
        """Write what computes a node, and those of its locals that the sweep will want."""
        self.turn()
        if isinstance(node.gate, Elementwise) and not isinstance(node.value, Tensor):
            self.write_formula(node, node.gate, wanted)
            return
        name, operands = f"v{len(self.names)}", list(map(self.operand, node.operands))
        self.names[node] = name
        locals_ = [f"d{slot}_{name}" for slot in range(len(operands))]
        self.locals |= {(node, slot): local for slot, local in enumerate(locals_)}
        flowing = [local is not None for local in node.locals]
        shapes = [shape_of(each.value if isinstance(each, Node) else each) for each in node.operands]
        fitted = applier(node.gate, self.number, shapes, flowing, node.params)
        self.namespace[f"gate_{name}"] = fitted or partial(apply_gate, node, self.number, flowing)
        self.assign(name, f"gate_{name}({', '.join(operands)})", *locals_)

    def write_formula(self, node: Node, gate: Elementwise, wanted: Set[Slot]) -> None:
        """Write the texts of a row with the node's operands."""
        name, operands = f"v{len(self.names)}", list(map(self.operand, node.operands))
        self.names[node] = name
        filling = dict(zip((*OPERANDS[: len(operands)], "z"), (*operands, name)))
        self.assign(name, self.template(gate, gate.forward).format_map(filling))
        for slot, text in enumerate(gate.locals):
            if (node, slot) in wanted:
                template = self.template(gate, text)
                local = template.format_map(filling)
                if not READY.fullmatch(template):
                    self.assign(f"d{slot}_{name}", local)
                    local = f"d{slot}_{name}"
                self.locals[node, slot] = local

    def write_edge(self, node: Node, slot: int, operand: Node) -> str:
        """Write what an edge sends, and return the variable with the operand's total after it."""
        self.turn()
        upstream, local, before = self.total_of[node], self.locals[node, slot], self.total_of.get(operand, "")
        total, self.edge_count = f"g{self.edge_count}", self.edge_count + 1
        if local == "1.0" and not before:
            total = upstream
        else:
            product = self.use(upstream) if local == "1.0" else f"{self.use(upstream)} * {self.use(local)}"
            self.assign(total, f"{self.use(before)} + {product}" if before else product)
        self.total_of[operand] = total
        return total


def with_places(code: str) -> str:
    """Make a template of a text in ``x``, ``y`` and ``z``."""
    return re.sub(r"\b[xyz]\b", r"{\g<0>}", code)


@lru_cache(1000)
def float_template(text: str) -> str:
    """Make a template of a row's text, its numbers written out as floats."""
    names: dict[str, Any] = {}
    code = for_number_type(text, FLOAT, names, ieee=False)
    return with_places(re.sub(r"\bn\d+\b", lambda match: repr(names[match[0]]), code))


def apply_gate(
    node: Node, number: NumberType, wanted: Sequence[bool], *values: Array
) -> tuple[Array, *tuple[Local, ...]]:
    """Compute what has no text, as the engine does: the result, then the locals."""
    result, locals_ = node.gate.apply(number, values, wanted, node.params)
    return result, *locals_
