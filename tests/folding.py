"""Folding: what a run recorded whole, with the passes that repeat one structure folded into ``Repeats``."""

from itertools import chain

from stepgrad.called import Counted
from stepgrad.numeric import FLOAT
from stepgrad.repeats import Pattern, Repeats
from stepgrad.tape import Node, Updated
from stepgrad.tensor import flat, shape_of
from stepgrad.trace import Trace

FEWEST = 2


def folded(trace, *, least=FEWEST):
    """Return a trace of the same run, recorded by the language, with its repeated passes folded."""
    whole = [each.recorded for each in trace.stretches]
    passes, names, k = [], dict(trace.called.given), 0
    spans, calls = list(trace.spans), list(trace.calls)
    kept_spans, number_of = [], dict(enumerate(calls))
    repeated = set()
    while k < len(whole):
        stop = k
        key = structure(trace, whole, k)
        while key is not None and stop < len(whole) and structure(trace, whole, stop) == key:
            stop += 1
        if stop - k < least:
            passes.append(whole[k])
            made = trace.stretches[k].made
            kept_spans += [spans[trace.index_of(node)] for node in made]
            k += 1
            continue
        passes.append((k, stop))
        for each in whole[k:stop]:
            repeated.update(range(each.first_index, each.first_index + len(each.nodes) + len(each.tail)))
        k = stop
    kept_calls = [n for n, call in number_of.items() if not is_within(call, repeated)]
    kept_place = {n: place for place, n in enumerate(kept_calls)}
    passes = [fold(trace, whole, *each, kept_place) if isinstance(each, tuple) else each for each in passes]
    given = {node: name for node, name in names.items() if node.index not in repeated}
    return Trace(
        passes,
        FLOAT,
        program=trace.program,
        names=Counted(given, passes),
        spans=kept_spans,
        calls=[
            calls[n]._replace(caller=None if calls[n].caller is None else kept_place[calls[n].caller])
            for n in kept_calls
        ],
        result=None if trace.stretches.last_swept is not None else trace.result,
        given=trace.given,
        asked=trace.asked,
    )


def is_within(call, repeated):
    """Whether a call was made in a repeated pass: it makes nodes, all of them there."""
    return call.start in repeated and call.stop > call.start and call.stop - 1 in repeated


def structure(trace, whole, k):
    """Return what must be equal for passes to be folded; None where one cannot be."""
    recorded = whole[k]
    before = whole[k - 1] if k else None
    if before is None or recorded.earlier or recorded.marks or recorded.output is None or trace.number is not FLOAT:
        return None
    if shape_of(recorded.output.value) or not recorded.tail or not only_fresh(recorded) or not only_fresh(before):
        return None
    place = {node: n for n, node in enumerate(made_in(recorded))}
    moving = {each.node: n for n, each in enumerate(before.tail)}

    def role(operand):
        if not isinstance(operand, Node):
            return ("literal", operand if shape_of(operand) == () else (operand.shape, tuple(operand.data)))
        if operand in place:
            return ("made", place[operand])
        return ("moving", moving[operand]) if operand in moving else ("fixed", operand.index)

    given = trace.called.given
    nodes = [
        (type(node), node.gate, [role(each) for each in node.operands], repr(node.params), shape_of(node.value))
        for node in made_in(recorded)
    ]
    leaves = [role(node.value) for node in recorded.nodes if not node.operands]
    names = [given.get(node) for node in place]
    first = recorded.first_index
    spans = list(trace.spans[first : first + len(place)])
    calls = [(call.name, call.start - first, call.stop - first) for _, call in calls_in(trace, recorded)]
    return repr((nodes, leaves, place[recorded.output], names, spans, calls, len(before.tail)))


def only_fresh(recorded):
    """Whether the tail has only updates that made fresh leaves."""
    nodes = [each.node for each in recorded.tail if isinstance(each, Updated)]
    return len(nodes) == len(recorded.tail) == len(recorded.tail_nodes)


def made_in(recorded):
    return [*recorded.nodes, *(each.node for each in recorded.tail)]


def calls_in(trace, recorded):
    first = recorded.first_index
    inside = set(range(first, first + len(made_in(recorded))))
    return [(n, call) for n, call in enumerate(trace.calls) if is_within(call, inside)]


def fold(trace, whole, start, stop, kept_place):
    """Return the repeats of passes."""
    model, before = whole[start], whole[start - 1]
    outside = [leaf for leaf in model.leaves if leaf not in set(made_in(model))]
    fresh = {each.node: n for n, each in enumerate(before.tail)}
    moving = [(leaf, fresh[leaf]) for leaf in outside if leaf in fresh]
    first, given = model.first_index, trace.called.given
    replaced = []
    for n, each in enumerate(model.tail):
        held = [*outside, *(leaf for leaf in model.nodes if not leaf.operands), *(e.node for e in model.tail[:n])]
        found = [node for node in held if node.value is each.old and given[node] == given[each.node]]
        replaced.append(found[-1])
    place = {node: n for n, node in enumerate(made_in(model))}
    names = {place[node]: text for node, (_, text) in given.items() if node in place}
    inside = calls_in(trace, model)
    own = {n: m for m, (n, _) in enumerate(inside)}
    calls = [
        call._replace(
            start=call.start - first,
            stop=call.stop - first,
            caller=None
            if call.caller is None
            else own[call.caller]
            if call.caller in own
            else ~kept_place[call.caller],
        )
        for _, call in inside
    ]
    passes = whole[start:stop]
    return Repeats(
        Pattern(model, moving, replaced, list(trace.spans[first : first + len(place)]), names, calls),
        first,
        [each.new for each in before.tail],
        list(chain.from_iterable(flat(mark.new) for each in passes for mark in each.tail)),
        [each.output.value for each in passes],
    )
