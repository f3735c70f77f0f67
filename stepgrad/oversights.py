"""Oversights: what is wrong in a backward sweep as a whole: what was left, clipped, or updated too early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from stepgrad.mistakes import times
from stepgrad.numeric import FLOAT
from stepgrad.ops import INPUT
from stepgrad.sweeps import Mutant, Sweep, Unfit
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, flat, shape_of


def second_backward(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield what was left from sweeps of the same graph."""
    inputs = {node: ours for node, ours in sweep.ours.items() if node.gate is INPUT}
    for count in (2, 3, 4, 5):
        left = {node: times(ours, float(count - 1)) for node, ours in inputs.items()}
        yield f"backward ran {count} times, and nothing was set to zero in between", Mutant(start=left)
    inner = {node: ours for node, ours in sweep.ours.items() if node is not sweep.output}
    words = "backward ran a second time, and not even the gradients between were set to zero"
    yield words, Mutant(start=inner)
    changed = sweep.run(Mutant(start=inner))
    third = {node: changed.get(node, ours) for node, ours in inner.items()}
    yield words.replace("second", "third"), Mutant(start=third)


def earlier_passes(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield what was left from the pass before, or from all before."""
    trace = sweep.trace
    inputs = {trace.bare_name(trace.index_of(node)): node for node in sweep.ours if node.gate is INPUT}
    left: dict[Node, Array] = {}
    before = (number for number in range(sweep.number - 1, 0, -1) if trace.passes[number - 1].backward)
    for count, number in enumerate(islice(before, MOST_PASSES), 1):
        for node, gradient in Sweep(trace, number).ours.items():
            own = inputs.get(trace.bare_name(trace.index_of(node)))
            if node.gate is INPUT and own is not None and shape_of(gradient) == shape_of(own.value):
                left[own] = left[own] + gradient if own in left else gradient
        which = "the pass before" if count == 1 else f"the {count} passes before"
        yield f"the gradients of {which} were not set to zero", Mutant(start=dict(left))


MOST_PASSES = 20  # of which the gradients can have been left


def wrong_seeds(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield sweeps that start with something else than the seed."""
    if not shape_of(sweep.output.value):
        yield "the sweep started with the output itself, not with 1", Mutant(seed=sweep.output.value)
    yield "nothing was sent back: all gradients are 0", Mutant(seed=times(sweep.seed, 0.0))


def clipped(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield gradients clipped to the largest that there is, or all shortened alike."""
    pairs = [
        (x, y)
        for node, array in theirs.items()
        if node.gate is INPUT and node in sweep.ours and shape_of(array) == shape_of(node.value)
        for x, y in zip(flat(array), flat(sweep.ours[node]), strict=True)
    ]
    border = max((abs(x) for x, y in pairs if x == x), default=0.0)
    if any(abs(y) > border for _, y in pairs) and is_likely(border, pairs):
        yield f"the inputs' gradients were clipped to ±{border:g}", Mutant(finish=lambda g: clip_to(g, border))
    x, y = max(pairs, key=lambda pair: abs(pair[1]), default=(0.0, 0.0))
    ratio = x / y if y else 0.0
    if 0 < ratio < 1 and is_likely(ratio, pairs):
        words = f"all inputs' gradients were shortened to {ratio:.4g} of their length"
        yield words, Mutant(finish=lambda g: times(g, ratio))


def penalised(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield gradients to which a multiple of the weights themselves was added, as weight decay does."""
    inputs = [node for node in theirs if node.gate is INPUT and node in sweep.ours]
    apart = [
        node
        for node in inputs
        if shape_of(theirs[node]) == shape_of(node.value)
        and any(abs(x - y) > 1e-9 * abs(y) for x, y in zip(flat(theirs[node]), flat(sweep.ours[node]), strict=True))
    ]
    found = [
        (x - y, weight)
        for node in apart
        for x, y, weight in zip(flat(theirs[node]), flat(sweep.ours[node]), flat(node.value), strict=True)
    ]
    added, weight = max(found, key=lambda pair: abs(pair[1]), default=(0.0, 0.0))
    rate = float(f"{added / weight:.12g}") if weight else 0.0
    if is_likely(rate, [(y + x, y) for x, y in found]):
        words = f"{rate:.4g} times the value was added, as by a penalty on large weights"
        yield words, Mutant(start={node: times(node.value, rate) for node in apart})


def is_likely(found: float, pairs: Sequence[tuple[Any, Any]]) -> bool:
    """Whether a number found from their gradients is a number that people write, or they are more than it explains."""
    apart = sum(1 for x, y in pairs if abs(x - y) > 1e-6 * abs(y))
    return bool(found) and (apart >= ENOUGH or abs(float(f"{found:.2g}") - found) <= 1e-6 * abs(found))


ENOUGH = 3  # numbers that depart: as many are not explained by one free number by chance


def clip_to(array: Array, border: float) -> Array:
    """Bring every number between -border and border."""
    if isinstance(array, Tensor):
        return Tensor(array.shape, [min(max(x, -border), border) for x in array.data])
    return min(max(array, -border), border)


def updated_weights(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield sweeps that went on with weights already updated: Mazur's 0.291027924.

    Where the trace has no updates, the learning rate is found from the first gradient that departs: there the
    difference is proportional to it.
    """
    for rate in rates(sweep, theirs):
        found = with_updated(sweep, rate)
        if found:
            yield f"the weights had already been updated, at a learning rate of {rate:.4g}", Mutant(locals=found)


PRODUCTS = ("mul", "matmul", "outer", "conv2d")  # whose locals are the other operand


def with_updated(sweep: Sweep, rate: float) -> dict[int, Any]:
    """Return the locals that weights make after their update, by the places of their edges."""
    found: dict[int, Any] = {}
    for place in range(len(sweep)):
        node = sweep.nodes[place]
        weights = [
            (slot, each)
            for slot, each in enumerate(node.operands)
            if slot != sweep.slots[place] and isinstance(each, Node) and each.gate is INPUT and each in sweep.ours
        ]
        if node.gate.name not in PRODUCTS or not weights or sweep.operands[place].gate is INPUT:
            continue
        edge = sweep.edge(place)
        values = list(edge.operands)
        for slot, weight in weights:
            values[slot] = values[slot] + times(sweep.ours[weight], -rate)
        wanted = [slot == edge.slot for slot in range(len(values))]
        found[place] = edge.gate.apply(FLOAT, values, wanted, edge.params)[1][edge.slot]
    return found


def rates(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[float]:
    """Yield the learning rate that would explain the gradient that it moves first, if there is one: by secants."""
    moved = swept_at(sweep, SMALL_RATE)
    node = max((each for each in moved if each in theirs), key=lambda each: each.index, default=None)
    if node is None or shape_of(theirs[node]) != shape_of(moved[node]):
        return
    ours = flat(sweep.ours[node])
    place = max(range(len(ours)), key=lambda i: abs(flat(moved[node])[i] - ours[i]))
    wanted = flat(theirs[node])[place]
    before, after = (0.0, ours[place]), (SMALL_RATE, flat(moved[node])[place])
    for _ in range(MOST_SECANTS):
        if after[1] == before[1] or abs(after[1] - wanted) <= 1e-15 * abs(wanted):
            break
        rate = after[0] + (wanted - after[1]) * (after[0] - before[0]) / (after[1] - before[1])
        before, after = after, (rate, flat(swept_at(sweep, rate).get(node, sweep.ours[node]))[place])
    pairs = [
        pair
        for each, array in theirs.items()
        if each in sweep.ours and shape_of(array) == shape_of(each.value)
        for pair in zip(flat(array), flat(sweep.ours[each]), strict=True)
    ]
    if after[0] == after[0] and is_likely(after[0], pairs):
        yield after[0]


SMALL_RATE = 1e-3
MOST_SECANTS = 8


def swept_at(sweep: Sweep, rate: float) -> dict[Node, Array]:
    """Return the gradients that are not ours where the weights have been updated at this rate."""
    try:
        return sweep.run(Mutant(locals=with_updated(sweep, rate)))
    except (Unfit, ArithmeticError):
        return {}
