"""What is found beyond the first derivatives, as lines: the Hessian, both modes, a path sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stepgrad.curvature import Hessian
from stepgrad.directions import Jvp, Modes
from stepgrad.errors import counted
from stepgrad.linear import LinearMap
from stepgrad.paths import MOST_COUNTED, Path, PathSum
from stepgrad.style import Style, beside, cells, escaped, filled, kept
from stepgrad.tensor import Array, Tensor, nested
from stepgrad.wording import Wording

MOST_EDGES = 8  # of a path that are written out; the middle of a longer one is left out
INDENT = "      "


def hessian_lines(found: Hessian, style: Style, width: int) -> Iterator[str]:
    """Yield the Hessian as a table where it fits, else an entry a line, those above the diagonal once."""
    spelled = [escaped(label) if style.ascii_only else label for label in found.labels]
    output = escaped(found.output) if style.ascii_only else found.output
    numbers = [[style.number(x) for x in row] for row in found.matrix]
    columns = [max(map(len, (label, *column))) for label, column in zip(spelled, zip(*numbers), strict=True)]
    first = max(map(cells, spelled), default=0)
    value = f"{output} {style.equals(found.value)} {style.number(found.value)}"
    yield f"{second_derivative(output, 'row', 'column', style)}, where {value}"
    yield ""
    if first + sum(size + 2 for size in columns) <= width:
        yield filled("", first) + "".join(f"  {label:>{size}}" for label, size in zip(spelled, columns, strict=True))
        for label, row in zip(spelled, numbers, strict=True):
            yield filled(label, first) + "".join(f"  {x:>{size}}" for x, size in zip(row, columns, strict=True))
        return
    for i, by in enumerate(spelled):
        for j, then in enumerate(spelled[i:], i):
            name = second_derivative(output, by, then, style)
            yield f"{name} {style.equals(found.matrix[i][j])} {numbers[i][j]}"


def record_of(found: Hessian | Jvp | Modes | PathSum) -> dict[str, Any]:
    """Return what was found as a record for JSON: texts, numbers and lists."""
    record: dict[str, Any]
    match found:
        case Hessian():
            record = {"labels": found.labels, "gradient": found.gradient, "matrix": found.matrix}
            return {"output": found.output, "value": found.value, **record, "steps": len(found.trace)}
        case Jvp():
            record = {"tangent": found.tangent, "along": found.directions, "steps": len(found.trace)}
            return {"output": found.output, "value": found.value, **record}
        case Modes():
            derivatives = {"labels": found.labels, "reverse": found.reverse, "forward": found.forward}
            steps = {"reverse_steps": found.reverse_steps, "forward_steps": found.forward_steps}
            return {"output": found.output, **derivatives, **steps}
    name = found.trace.name
    paths = [{"nodes": list(map(name, path.nodes)), "product": nested(path.product)} for path in found.paths]
    record = {"name": found.name, "gradient": nested(found.gradient), "count": found.count, "paths": paths}
    return {"output": found.output, **record}


def second_derivative(of: str, by: str, then: str, style: Style) -> str:
    """Write a second derivative: ``∂²f/∂w∂x``, ``∂²f/∂w²``; in ASCII ``d2f/dwdx``."""
    if style.ascii_only:
        return f"d2{of}/d{by}d{then}"
    return f"∂²{of}/∂{by}²" if by == then else f"∂²{of}/∂{by}∂{then}"


def modes_lines(found: Modes, style: Style) -> Iterator[str]:
    """Yield a row for every number of the inputs, and what each mode took."""
    spell = escaped if style.ascii_only else str
    output = spell(found.output)
    rows = [
        (style.sign(f"∂{output}/∂{spell(label)}"), style.number(x), style.number(y), f"{steps:,}")
        for label, x, y, steps in zip(found.labels, found.reverse, found.forward, found.forward_steps, strict=True)
    ]
    table = [("", "reverse", "forward", "edges forward"), *rows]
    widths = [max(map(cells, column)) for column in zip(*table, strict=True)]
    for first, *rest in table:
        yield filled(first, widths[0]) + "".join(
            f"  {text:>{size}}" for text, size in zip(rest, widths[1:], strict=True)
        )
    yield ""
    sweeps, edges = len(found.labels), sum(found.forward_steps)
    yield f"reverse mode: 1 sweep of {counted(found.reverse_steps, 'edge')} finds all"
    yield f"forward mode: {counted(sweeps, 'sweep')} of {counted(edges, 'edge')} in all, one for each number"
    gap = found.gap
    yield "they agree to the last bit" if not gap else f"they agree to {float(gap):.0e}, the rounding of the last bits"


def path_lines(found: PathSum, style: Style) -> Iterator[str]:
    """Yield every listed path with the product of its locals, and their sum."""
    wording = Wording(found.trace, style)
    spell = escaped if style.ascii_only else str
    label = wording.partial(spell(found.output), spell(found.name))
    if not found.count:
        yield f"{spell(found.output)} does not depend on {spell(found.name)}: there is no path, and {label} = 0"
        return
    many = f"at least {MOST_COUNTED:,}" if found.count >= MOST_COUNTED else f"{found.count:,}"
    yield f"{spell(found.output)} depends on {spell(found.name)} along {many} path{'' if found.count == 1 else 's'}"
    for number, path in enumerate(found.paths, 1):
        yield ""
        yield f"{number:>4}  {style.sign(' → '.join(route(path, wording)))}"
        yield from product_lines(found, path, wording)
    yield ""
    if found.count > len(found.paths):
        others = "all others" if found.count >= MOST_COUNTED else f"{found.count - len(found.paths):,} others"
        yield from labelled("the listed paths", found.total, style)
        yield from labelled(others, found.rest, style)
    yield from labelled(f"{label}, the sum", found.gradient, style)


def route(path: Path, wording: Wording) -> list[str]:
    """List the names along a path, the middle of a long one left out."""
    places = kept(len(path.nodes), MOST_EDGES + 1)
    return ["…" if place is None else wording.name(path.nodes[place]) for place in places]


def product_lines(found: PathSum, path: Path, wording: Wording) -> Iterator[str]:
    """Yield the product of the locals along a path: their names, and then their numbers or what comes of them."""
    style = wording.style
    places = kept(len(path.locals), MOST_EDGES)
    pairs = [None if k is None else (path.nodes[k], path.nodes[k + 1]) for k in places]
    names = [style.sign("…") if p is None else wording.partial(*map(wording.name, p)) for p in pairs]
    yield INDENT + style.sign(" · ".join(names) or "the seed")
    factors = [found.seed, *path.locals]
    if any(isinstance(each, (LinearMap, Tensor)) for each in factors):
        yield from labelled("brings", path.product, style)
        return
    shown = [None if k is None else path.locals[k] for k in places]
    seed = [] if found.seed == 1 and path.locals else [style.number(found.seed)]
    numbers = [*seed, *(style.sign("…") if x is None else style.number(x) for x in shown)]
    exact = None in shown or any(style.rounded(x) for x in path.locals)
    relation = style.equals(path.product) if not exact else style.sign("≈")
    yield INDENT + style.sign(f"{relation} {' × '.join(numbers)} {relation} ") + style.number(path.product)


def labelled(label: str, array: Array, style: Style) -> Iterator[str]:
    """Yield a number or a tensor behind its label."""
    lines: list[Any] = beside([(f"{label} {style.equals(array)} ", style.lines(array))])
    return (f"{INDENT}{line}" for line in lines)
