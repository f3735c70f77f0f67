"""Bindings: what names stand for: inputs, their updates, their gradients."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from stepgrad.errors import GateError, nearest
from stepgrad.journal import UPDATE
from stepgrad.literals import Entries, OffTape, Size, holds, raw
from stepgrad.machine import Machine
from stepgrad.numeric import NumberType
from stepgrad.ops import INPUT
from stepgrad.scopes import MISSING, Function, Scope
from stepgrad.tape import Node, Pass
from stepgrad.tensor import Array, Tensor, full, shape_of
from stepgrad.vocabulary import GATE_OF, KNOWN_CALLS, MODULE_NUMBERS
from stepgrad.work import PER_SUM, steps_for, steps_of_entries


class Bindings(Machine):
    """A machine with names."""

    # Names

    def look_up(self, name: str, node: ast.AST) -> Any:
        """Return what a name stands for."""
        value = self.scope.find(name)
        if value is not MISSING:
            return self.newest(value)
        if name in self.scope.own:
            self.fail(
                f"`{name}` is assigned in this function, so it is a name of its own, and has no value here yet; "
                "hand the value over as an argument",
                node,
            )
        if name in ("inf", "nan"):
            return self.module_number(name, node)
        if name in KNOWN_CALLS:
            self.fail(f"`{name}` is a function; call it, as in `{name}(x)`", node)
        known = nearest(name, [*self.scope.names(), *GATE_OF])
        return self.fail(f"`{name}` has no value; assign it on a line before, or supply {name}=…{known}", node)

    def module_number(self, name: str, node: ast.AST) -> Any:
        """Return a number that modules have: ``pi``, ``inf``."""
        try:
            return self.number.named[name]() if name in self.number.named else self.number.make(MODULE_NUMBERS[name])
        except GateError as error:
            self.fail(str(error), node)

    def bind(self, name: str, value: Any, target: ast.AST, source: ast.AST | None = None) -> None:
        """Give a value a name.

        Outside of functions a literal becomes an input. What is off the tape updates the input of that name, if
        the last sweep reached it.
        """
        if value.__class__ is not OffTape and is_input(value, self.number):
            if self.off and self.was_reached(self.scope.find(name)):
                value = OffTape(self.operand(value, source or target))
            elif not self.under_way:
                value = self.recorded_leaf(value, target, source)
        if isinstance(value, (list, tuple)):
            self.listed(value, source or target)
        if isinstance(value, (OffTape, list, tuple)):
            value = self.updated(self.scope.find(name), value, target)
        self.call_it(name, value)

    def call_it(self, name: str, value: Any) -> None:
        """Let a name stand for a value; one for an input follows its updates in place."""
        self.scope[name] = value
        if isinstance(value, Node):
            self.give_name(name, value)
            if value.gate is INPUT:
                self.hold(name, value)

    def call_again(self, name: str, value: Any, *, held: bool) -> None:
        """Let a name stand for a value that was named before; if it is ``held``, it follows updates in place."""
        self.scope[name] = value
        if not held:
            self.release(name, value)
        elif not self.is_held(name, value, self.scope):
            self.hold(name, value)

    def give_name(self, name: str, node: Node) -> None:
        """Note what a node is called."""
        depth = len(self.under_way)
        if node not in self.names or depth < self.names[node][0]:
            self.names[node] = (depth, name)

    def hold(self, name: str, node: Node) -> None:
        """Note that a name of the scope at hand stands for an input."""
        self.holders.setdefault(node, []).append((self.scope.reference, name))
        if len(self.holders) > self.most_holders:
            self.forget_holders()

    def is_held(self, name: str, value: Any, scope: Scope) -> bool:
        """Whether a name of a scope, which stands for a value, follows its updates in place."""
        if not isinstance(value, Node) or value.gate is not INPUT:
            return False
        reference = scope.reference
        return name in [held for each, held in self.holders.get(value, ()) if each is reference]

    def release(self, name: str, value: Any) -> None:
        """Let a name keep a value, whatever was noted when it last stood for it."""
        if self.is_held(name, value, self.scope):
            reference, held = self.scope.reference, self.holders[value]
            held[:] = [each for each in held if each[0] is not reference or each[1] != name]

    def forget_holders(self) -> None:
        """Forget the names of inputs that stand for something else by now."""
        for node, held in list(self.holders.items()):
            scopes = [(reference, name, reference()) for reference, name in held]
            alive = [(ref_, name) for ref_, name, scope in scopes if scope is not None and scope.get(name) is node]
            if alive:
                self.holders[node] = alive
            else:
                del self.holders[node]
        self.most_holders = 1000 + 2 * len(self.holders)

    # Updates

    def was_reached(self, value: Any) -> bool:
        """Whether a value is an input that the last sweep sent a gradient to."""
        if not isinstance(value, Node) or value.gate is not INPUT:
            return False
        if self.journal is not None:
            self.journal.reached.append((value, self.has_gradient(value)))
        return self.has_gradient(value)

    def has_gradient(self, node: Node) -> bool:
        """Whether the last sweep sent a gradient to a node."""
        return node.total is not None and node.home >= self.swept > 0

    def updated(self, before: Any, value: Any, place: ast.AST) -> Any:
        """Turn what is off the tape into updates of the inputs whose place it takes, in lists too."""
        if isinstance(value, OffTape) and self.was_reached(before):
            return self.update(before, value, place)
        lists = isinstance(before, (list, tuple)) and isinstance(value, (list, tuple))
        if lists and len(before) == len(value) and before is not value and holds(value, (OffTape,)):
            return type(value)(self.updated(*pair, place) for pair in zip(self.refreshed(before), value, strict=True))
        return value

    def update(self, old: Node, value: Any, place: ast.AST) -> Node:
        """Give an input another value: a fresh leaf takes its place."""
        return self.updating(self.fresh_leaf, old, value, place)

    def update_in_place(self, old: Node, value: Any, place: ast.AST) -> Node:
        """Give an input another value for all who hold it, as where an array changes in place."""
        return self.updating(self.fresh_leaf_for_all, old, value, place)

    def updating(self, replace: Callable[[Pass, Node, Any], Node], old: Node, value: Any, place: ast.AST) -> Node:
        """Let a fresh leaf take the place of an input, and write down where the program says so."""
        fresh = replace(self.recording.current, old, value)
        self.spans.append(self.span_of(place))
        if self.journal is not None:
            self.journal.note(fresh, replace, old, value, way=UPDATE)
        return fresh

    def fresh_leaf(self, _: Pass, old: Node, value: Any) -> Node:
        """Return the leaf that takes the place of an input, with its name."""
        fresh = self.recording.update(old, raw(value))
        if old in self.names:
            self.names[fresh] = self.names[old]
        return fresh

    def fresh_leaf_for_all(self, current: Pass, old: Node, value: Any) -> Node:
        """Return the leaf that takes the place of an input, wherever that is held."""
        if self.journal is not None:
            self.journal.note_followers(old, self.holders.get(old, ()))
        fresh = self.fresh_leaf(current, old, value)
        self.newer.setdefault(old, fresh)  # lists do not follow a name that had kept what was updated before
        if old in self.holders:
            self.holders[fresh] = []
            for reference, name in self.holders.pop(old):
                scope = reference()
                if scope is not None and scope.get(name) is old:
                    scope.update({name: fresh})  # no assignment of the program: a journal leaves it out
                    self.holders[fresh].append((reference, name))
        return fresh

    # Backward

    def backward(self, output: Node, place: ast.AST, seed: Array) -> None:
        """Run the reverse sweep, from zero."""
        try:
            swept = self.recording.backward(output, seed)
        except GateError as error:
            self.fail(str(error), place)
        self.swept = self.recording.current.after = swept.number
        self.recording.current.waits = True
        self.spend(1 + len(swept.totals), place)
        if self.has_tensors:
            sizes = [len(total.data) for total in swept.totals if isinstance(total, Tensor)]
            again = [node for node in swept.earlier if node.total is not None and isinstance(node.value, Tensor)]
            work = [steps_for(node.gate, [shape_of(raw(o)) for o in node.operands], node.params) for node in again]
            self.spend(PER_SUM * len(sizes) + steps_of_entries(sum(sizes)) + sum(work), place)

    def gradient(self, node: Node, place: ast.AST) -> Array:
        """Return what the last sweep found at a node; zeros if it did not get there."""
        if not self.swept:
            self.fail("there is no gradient yet; call backward(...) on a line before", place)
        if node.home >= self.swept and node.total is not None:
            return node.total
        last = self.recording.last
        end = last.first_index + len(last.nodes) if last is not None else 0
        if node.gate is not INPUT and getattr(node, "index", end) >= end:
            self.fail(
                "this was computed after the last backward, which does not know it; "
                "for an entry or a part of x, write x.grad[...]",
                place,
            )
        return full(shape_of(node.value), self.number.make(0))


def is_input(value: Any, number: NumberType) -> bool:
    """Whether a value becomes an input where it gets a name: a number, or lists or a tensor of numbers, no shape."""
    if isinstance(value, Entries):
        return False
    if isinstance(value, (list, tuple)):
        counts = isinstance(value, tuple) and any(isinstance(each, Size) for each in value)
        return not counts and not holds(value, (Node, OffTape, str, Function, type(None), bool, range))
    return isinstance(value, (int, float, number.kind, Tensor)) and not isinstance(value, (Size, bool))
