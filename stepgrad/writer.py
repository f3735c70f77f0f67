"""Writer: a pass written as Python, a line for every gate and every edge, in the texts of the table's rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import lru_cache, partial
from math import isfinite
from typing import Any, TypeAlias

from stepgrad.fitted import applier
from stepgrad.formula import OPERANDS, for_number_type, namespace_of, require_functions
from stepgrad.gate import Elementwise, Local
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.stretch import Edges
from stepgrad.tape import Node, Operand, Pass
from stepgrad.tensor import Array, Tensor, shape_of

READY = re.compile(r"\{[xyz]\}|-?[\w.]+")  # a local that needs no arithmetic: an operand, the result, a number
LINES = 10000  # in a function: of a longer one, Python's compiler makes heavy work
Slot: TypeAlias = tuple[Node, int]


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

    def write_all(self, recorded: Pass, edges: Edges) -> Writer:
        """Write a pass and its sweep; every value and every total is returned."""
        wanted = set(zip(edges.nodes, edges.slots))
        for node in (*recorded.earlier, *recorded.nodes):
            if node not in self.names:
                self.write_gate(node, wanted)
            self.pages[-1].values.append(self.use(self.names[node]))
        if recorded.output is not None:
            self.total_of[recorded.output] = self.literal(recorded.seed)
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
