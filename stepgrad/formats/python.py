"""Python: a pass written out, forwards and backwards, as straight-line code that runs by itself.

Every line computes one value, or one product and its ``+=``, in the order of the trace and to the same bits; so what
the code prints is what ``stepgrad run`` prints. Elementwise gates are the texts of their rows; structural ones are
written out element by element, by applying their rules to symbols. Choices that a rule makes by looking at numbers,
such as which element is the largest, are written as they fell. Whatever a symbol cannot show is written as the number
that it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from keyword import iskeyword
from math import prod
from typing import NamedTuple

from stepgrad.errors import FormatError
from stepgrad.events import Backward, Forward, Seed
from stepgrad.formats.graph import nodes_of, pass_of
from stepgrad.formats.symbols import SYMBOLS, WALRUS, Symbol, literal, row_symbol, written
from stepgrad.gate import Elementwise, Local
from stepgrad.linear import LinearMap
from stepgrad.style import bracketed, one_line
from stepgrad.tape import Node
from stepgrad.tensor import Array, Shape, Tensor, flat, fold_rows, indices, shape_of, shaped
from stepgrad.trace import Trace
from stepgrad.wording import Wording
from stepgrad.work import PRODUCTS

MOST_PRODUCTS = 20_000  # scalar products and elements that are written out
WIDE = 100  # columns of a list that stands on one line
RESERVED = ("math", "print", "abs", "inf", "nan")

HELPERS = {
    "div": """\
def ieee_div(x, y):  # as the hardware divides: 1/0 is inf, 0/0 is nan
    if y:
        return x / y
    if not x or x != x or y != y:
        return math.nan
    return math.inf * math.copysign(1.0, x) * math.copysign(1.0, y)""",
    "pow": """\
def ieee_pow(x, y):  # as C does: never an exception, never a complex number
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf
    except ValueError:
        if x:
            return math.nan
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf""",
    **{
        name: f"""\
def ieee_{name}(x):  # never an exception
    try:
        return math.{name}(x)
    except (ArithmeticError, ValueError):
        return {edge}"""
        for name, edge in {
            "exp": "math.inf",
            "log": "math.nan if x else -math.inf",
            "expm1": "math.inf",
            "log1p": "math.nan if x < -1 else -math.inf",
            "sqrt": "math.nan",
            "sin": "math.nan",
            "cos": "math.nan",
            "tan": "math.nan",
        }.items()
    },
}


def python(trace: Trace, *, pass_number: int | None = None) -> Iterator[str]:
    """Yield a pass as Python that prints its output and the gradients of the inputs.

    Parameters
    ----------
    trace : Trace
    pass_number : int, optional
        Which pass, counted from 1; the last that was swept, if None.

    Raises
    ------
    FormatError
        If there is no such pass, if it is too large to be written out, or if its numbers are not float64.
    """
    yield from PythonExport(trace, pass_number).lines()


class Written(NamedTuple):
    """A node as it stands in the code: its name and the symbols of its elements, each by name."""

    name: str
    symbols: list[Symbol]
    value: Array


class PythonExport:
    """Writes one pass."""

    def __init__(self, trace: Trace, pass_number: int | None) -> None:
        self.trace = trace
        self.wording = Wording(trace)
        self.told = pass_of(trace, pass_number)
        self.known = self.told.backward.stop if self.told.backward else self.told.forward.stop
        self.output = trace.output_at(self.known - 1)
        self.nodes = nodes_of(trace, self.told, whole=True)
        self.check()
        self.taken = dict.fromkeys([*RESERVED, *(f"ieee_{name}" for name in HELPERS)])
        self.values: dict[int, Written] = {}
        self.gradients: dict[int, Written] = {}
        self.maps: dict[int, Sequence[Local]] = {}
        self.names = {node: self.identifier(trace.name(node, ascii_only=True)) for node in self.nodes}
        reached = dict.fromkeys([self.output, *self.nodes])
        names = self.names
        self.gradient_names = {node: self.identifier(f"d{names[self.output]}_d{names[node]}") for node in reached}
        self.spare = self.identifier(WALRUS)
        self.steps = 0

    def check(self) -> None:
        """Refuse what nobody could read, and what is no float64."""
        if not all(isinstance(x, float) for x in flat(self.trace.node(self.output).value)):
            raise FormatError("the format 'python' writes float64, and these are other numbers; run with number=float")
        count = sum(self.cost(node) for node in self.nodes)
        if count > MOST_PRODUCTS:
            raise FormatError(
                f"the pass takes {count:,} scalar products, too many to write out as Python; "
                f"choose a smaller program, or one of its passes with at most {MOST_PRODUCTS:,}"
            )

    def cost(self, node: int) -> int:
        """Count the scalar products of a node, about."""
        made = self.trace.node(node)
        shapes = [shape_of(each.value if isinstance(each, Node) else each) for each in made.operands]
        products = PRODUCTS[made.gate.name](shapes, made.params) if made.gate.name in PRODUCTS else 0
        return products + sum(map(prod, shapes)) + prod(shape_of(made.value))

    def identifier(self, name: str) -> str:
        """Make a name of Python's that is not taken."""
        plain = unicodedata.normalize("NFKC", re.sub(r"\W", "_", name.replace("%", "v").replace("#", "_")))
        if not plain.isidentifier() or iskeyword(plain):
            plain = "_" + re.sub(r"\W", "_", plain)
        found, k = plain, 2
        while found in self.taken:
            found, k = f"{plain}_{k}", k + 1
        self.taken[found] = None
        return found

    def lines(self) -> Iterator[str]:
        """Yield the code: the helpers that it needs first, so all else is written before."""
        code = [*self.forward(), *self.backward(), *self.results()]
        yield from self.header()
        used = dict.fromkeys(name for line in code for name in re.findall(r"\bieee_(\w+)\(", line.partition("  #")[0]))
        for name, helper in HELPERS.items():
            if name in used:
                yield from ["", "", *helper.split("\n")]
        yield from ["", "", *code] if used else ["", *code]

    def header(self) -> Iterator[str]:
        """Yield the program, as a comment, and the one import."""
        passes = self.trace.passes
        which = "" if len(passes) == 1 else f", pass {self.told.number} of {len(passes)}"
        yield f"# Forward and backward{which}, written out by stepgrad: each line is a step of the trace."
        if self.trace.program is not None:
            yield "#"
            for line in self.trace.program.text.rstrip().splitlines():
                yield f"#     {one_line(line)}".rstrip()
        yield from ["", "import math"]

    # Forwards

    def forward(self) -> Iterator[str]:
        """Yield every value."""
        yield "# Forward"
        for node in self.nodes:
            yield from self.node(node)

    def node(self, node: int) -> Iterator[str]:
        """Yield the lines that compute a node."""
        event = self.trace[self.trace.forward_index(node)]
        if not isinstance(event, Forward) or not event.operands:
            seen = self.trace.value_at(node, self.told.backward.start + 1 if self.told.backward else self.known)
            remark = event.gate.name if isinstance(event, Forward) else "input, updated"
            yield from self.value(node, literals(seen), f"{event.step}: {remark}", seen)
            return
        operands = self.operands(event)
        if isinstance(event.gate, Elementwise):
            found = self.elementwise(event.gate.forward, event.value, operands, None)
        else:
            result, self.maps[node] = event.gate.apply(SYMBOLS, operands, [True] * len(operands), self.params(node))
            found = [each if isinstance(each, Symbol) else Symbol(each) for each in flat(result)]
        if not same_bits(found, flat(event.value)):
            found = literals(event.value)
            self.maps.pop(node, None)
        remark = f"{event.step}: {one_line(self.wording.name(node))} = {one_line(self.wording.expression(event))}"
        yield from self.value(node, found, remark, event.value)

    def params(self, node: int) -> dict[str, object]:
        """Return the parameters of a node's gate."""
        return dict(self.trace.node(node).params)

    def operands(self, event: Forward | Backward) -> list[Array]:
        """Return the operands of a node as symbols: by name, unless the node saw another number there."""
        seen = self.trace.operand_values(event)
        found: list[Array] = []
        for operand, value in zip(self.trace.node(event.node).operands, seen, strict=True):
            own = self.values.get(self.trace.index_of(operand)) if isinstance(operand, Node) else None
            named = own is not None and same_bits(flat(own.value), flat(value))
            found.append(shaped(shape_of(value), own.symbols if own and named else literals(value)))
        return found

    def elementwise(self, text: str, value: Array, operands: list[Array], z: list[Symbol] | None) -> list[Symbol]:
        """Apply a row's text, element by element."""
        size = prod(shape_of(value))
        columns = [flat(each) if isinstance(each, Tensor) else [each] * size for each in operands]
        return [
            row_symbol(text, list(each), z[i] if z else None, self.spare)
            for i, each in enumerate(zip(*columns, strict=True))
        ]

    def value(self, node: int, symbols: list[Symbol], remark: str, value: Array) -> Iterator[str]:
        """Yield the assignment of a value, and give its elements their names."""
        name, shape = self.names[node], shape_of(value)
        yield from self.assigned(name, symbols, shape, remark)
        self.values[node] = Written(name, named(name, shape, value), value)
        for symbol, own in zip(symbols, self.values[node].symbols, strict=True):
            if symbol.is_computed:  # the gate's locals speak of it, too
                symbol.name(own.template)

    def assigned(self, name: str, symbols: list[Symbol], shape: Shape, remark: str, sign: str = "=") -> Iterator[str]:
        """Yield an assignment, after those of what it uses more than once."""
        before, texts = written(symbols, lambda: self.identifier("t"))
        yield from before
        if not shape:
            yield f"{name} {sign} {texts[0]}  # {remark}"
            return
        yield f"# {remark}"
        yield from listed(f"{name} {sign} ", fold_rows(shape, texts) if texts else [])

    # Backwards

    def backward(self) -> Iterator[str]:
        """Yield the seed, every product and every total."""
        for index in self.told.backward:
            event = self.trace[index]
            if isinstance(event, Backward):
                yield from self.edge(event)
            elif isinstance(event, Seed):
                yield from ["", f"# Backward from {one_line(self.wording.name(self.output))}"]
                remark = f"{event.step}: {one_line(self.wording.seeded(event))}, the seed"
                yield from self.gradient(self.output, literals(event.gradient), remark, event.gradient)

    def edge(self, event: Backward) -> Iterator[str]:
        """Yield the product of an edge, added to what has arrived."""
        shape = shape_of(event.product)
        products = self.products(event)
        remark = f"{event.step}: {one_line(self.wording.equation(event))}"
        if event.first or not shape:
            yield from self.gradient(event.operand, products, remark, event.total, "=" if event.first else "+=")
            return
        totals = [x + y for x, y in zip(self.gradients[event.operand].symbols, products, strict=True)]
        yield from self.gradient(event.operand, totals, remark, event.total)

    def products(self, event: Backward) -> list[Symbol]:
        """Return upstream × local, element by element: as symbols where these give the same bits."""
        upstream = self.gradients[event.node]
        up = shaped(shape_of(upstream.value), upstream.symbols)
        wanted = flat(event.product)
        for local in (self.local(event), event.local):
            found = flat(up * local) if local is not None else []
            if same_bits(found, wanted):
                return [each if isinstance(each, Symbol) else Symbol(each) for each in found]
        return literals(event.product)

    def local(self, event: Backward) -> Local:
        """Return the local of an edge as a symbol, or as a map of symbols; None where it is only a number."""
        gate, node = self.trace.node(event.node).gate, self.values[event.node]
        if not isinstance(gate, Elementwise):
            return self.maps[event.node][event.slot] if event.node in self.maps else None
        weights = self.elementwise(gate.locals[event.slot], node.value, self.operands(event), node.symbols)
        shape = shape_of(node.value)
        return Rowwise(shape, shape, Symbol(0.0), "", weights) if shape else weights[0]

    def gradient(self, node: int, symbols: list[Symbol], remark: str, value: Array, sign: str = "=") -> Iterator[str]:
        """Yield the assignment of a gradient."""
        name, shape = self.gradient_names[node], shape_of(value)
        yield from self.assigned(name, symbols, shape, remark, sign)
        self.gradients[node] = Written(name, named(name, shape, value), value)

    # Results

    def results(self) -> Iterator[str]:
        """Yield what prints the output and the gradients."""
        yield ""
        plain = Wording(self.trace, self.wording.style._replace(ascii_only=True))
        output = plain.name(self.output)
        label = one_line(f"{output} =")
        yield f"print({label!r}, {self.names[self.output]})"
        if not self.told.backward:
            return
        for node in self.inputs():
            label = one_line(f"{plain.partial(output, plain.name(node))} =")
            if node in self.gradients:
                yield f"print({label!r}, {self.gradients[node].name})"
            else:
                zeros = [literal(0.0)] * prod(shape_of(self.trace.node(node).value))
                yield from listed(f"print({label!r}, ", fold(shape_of(self.trace.node(node).value), zeros), ")")

    def inputs(self) -> Iterable[int]:
        """Return the inputs whose gradients are printed: of the last sweep those of the trace."""
        if next(each for each in reversed(self.trace.passes) if each.backward).number == self.told.number:
            return self.trace.inputs
        return [node for node in self.nodes if self.trace.node(node).gate.name == "input"]


class Rowwise(LinearMap):
    """The local of an elementwise gate on tensors, with symbols for weights."""

    def __init__(self, operand: Shape, result: Shape, zero: Symbol, formula: str, weights: list[Symbol]) -> None:
        super().__init__(operand, result, zero, formula)
        self.weights = weights

    def column(self, i: int) -> list[tuple[int, Symbol]]:
        """Return the element itself, and its weight."""
        return [(i, self.weights[i])]


def literals(array: Array) -> list[Symbol]:
    """Return the numbers of an array as literals."""
    return [Symbol(x) for x in flat(array)]


def named(name: str, shape: Shape, value: Array) -> list[Symbol]:
    """Return the elements of an array by name: ``W[0][1]``."""
    return [Symbol(x, name + bracketed(index)) for index, x in zip(indices(shape), flat(value), strict=True)]


def same_bits(found: Sequence[float], wanted: Sequence[float]) -> bool:
    """Whether numbers are equal to the last bit, and zeros to the sign."""
    return len(found) == len(wanted) and all(literal(x) == literal(y) for x, y in zip(found, wanted))


def fold(shape: Shape, texts: list[str]) -> object:
    """Fold texts into nested lists; one text by itself where the shape is that of a number."""
    return fold_rows(shape, texts) if shape else texts[0]


def listed(start: str, rows: object, end: str = "") -> Iterator[str]:
    """Yield nested lists of texts: on one line where they fit, else row by row."""
    whole = f"{start}{spelled_list(rows)}{end}"
    if len(whole) <= WIDE or not isinstance(rows, list) or not rows:
        yield whole
        return
    yield f"{start}["
    for row in rows:
        yield from ("    " + line for line in listed("", row, ","))
    yield f"]{end}"


def spelled_list(rows: object) -> str:
    """Write nested lists of texts on one line."""
    return f"[{', '.join(map(spelled_list, rows))}]" if isinstance(rows, list) else str(rows)
