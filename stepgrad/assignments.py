"""Assignments: statements that give names, entries and inputs something else to stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepgrad.applications import Applications
from stepgrad.expressions import Link
from stepgrad.literals import Entries, OffTape, Size, holds_nodes, is_whole, raw
from stepgrad.names import counters, dotted, names_given
from stepgrad.numeric import NumberType
from stepgrad.ops import INPUT
from stepgrad.reader import NOT_A_TARGET
from stepgrad.scopes import Act, Thunk
from stepgrad.source import Program
from stepgrad.syntax import by_kind
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, flat, nested

FIXED_GRADIENT = "a gradient cannot be changed; compute with it, as in `g = 0.5 * w.grad`, and use that in the update"


class Assignments(Applications):
    """A machine that reads assignments, too.

    Parameters
    ----------
    program, number, max_steps
        As for :class:`stepgrad.machine.Machine`.
    tree : ast.Module
    supplied : mapping
        Arrays from outside, by name: each replaces the first assignment of its name.
    """

    def __init__(
        self, program: Program, tree: ast.Module, number: NumberType, supplied: Mapping[str, Array], max_steps: int
    ) -> None:
        super().__init__(program, number, max_steps)
        self.tree = tree
        self.supplied = dict(supplied)
        self.kinds = by_kind(tree)
        self.assigned, self.lists = names_given(self.kinds)
        self.counters = counters(self.kinds)
        self.loops = self.functions = 0  # in how many the statement that is being read stands

    def read_Assign(self, node: ast.Assign) -> Act:
        """Read an assignment."""
        return self.read_assignment(node.targets, node.value)

    def read_AnnAssign(self, node: ast.AnnAssign) -> Act:
        """Read an assignment that says a type, which says nothing new."""
        if node.value is None:
            self.fail("this says a type and no value; write the value behind it, as in `x: float = 2.0`", node.target)
        return self.read_assignment([node.target], node.value)

    def read_assignment(self, targets: Sequence[ast.expr], source: ast.expr) -> Act:
        """Read an assignment to names, unpacking tuples."""
        pairs = [pair for target in targets for pair in paired(target, source)]
        for target, _ in pairs:
            self.check_target(target)
        thunks = {part: self.read(part) for _, part in pairs}
        if len(pairs) == 1 and isinstance(pairs[0][0], ast.Name):
            return self.read_simple_assignment(pairs[0][0], source, thunks[source])

        def assign() -> None:
            # Every part is evaluated once, and all before the first name is bound; what is supplied from outside
            # replaces the first assignment of its name.
            values: dict[ast.expr, Any] = {}
            for target, part in pairs:
                if part not in values and not (isinstance(target, ast.Name) and self.is_supplied(target.id)):
                    values[part] = thunks[part]()
            for target, part in pairs:
                self.assign(target, values.get(part), part)

        return assign

    def read_simple_assignment(self, target: ast.Name, source: ast.expr, thunk: Thunk) -> Act:
        """Read an assignment to one name: what most statements are."""
        name, scalar, number = target.id, self.recording.scalar_type, self.number.kind
        span = self.program.span_of(target, source)
        copies = isinstance(source, ast.Name)

        def assign() -> None:
            if self.supplied and self.is_supplied(name):
                self.assign(target, None, source)
                return
            value = thunk()
            if value.__class__ is number and not self.under_way and not self.off:
                value = self.recording.leaf(value)
                self.spans.append(span)
                self.call_it(name, value)
                self.last = (value, target)
            elif value.__class__ is not scalar:
                self.assign(target, value, source)
            elif copies or value.gate is not INPUT:  # `old = x` keeps the number when x is updated in place
                self.scope[name] = value
                self.give_name(name, value)
                self.last = (value, target)
                if copies:
                    self.release(name, value)
            else:
                self.call_it(name, value)
                self.last = (value, target)

        return assign

    def check_target(self, target: ast.expr) -> None:
        """Refuse what cannot be assigned."""
        match target:
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for each in targets:
                    self.check_target(each)
            case ast.Starred():
                self.fail("`*` before a name is not understood; name every entry", target)
            case ast.Attribute(attr="data" | "grad" | "requires_grad" | "label"):
                pass
            case ast.Attribute():
                self.fail(f"{NOT_A_TARGET}, entries of lists and `.data`; compute the new value and name it", target)

    def assign(self, target: ast.expr, value: Any, source: ast.expr) -> None:
        """Bind one target, entry by entry where it is a tuple."""
        match target:
            case ast.Name(id=name):
                self.assign_name(name, value, target, source)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for each, entry in zip(targets, self.unpacked(value, targets, target), strict=True):
                    self.assign(each, entry, source)
            case ast.Subscript(value=holder, slice=index):
                self.put_entry(self.evaluate(holder), self.read_items(index)(), value, target)
            case ast.Attribute(value=holder, attr="data"):
                self.put_data(self.evaluate(holder), value, target)
            case ast.Attribute(attr="grad"):
                if value is not None and any(flat(raw(self.operand(value, source)))):
                    self.fail(FIXED_GRADIENT, target)

    def assign_name(self, name: str, value: Any, target: ast.AST, source: ast.expr) -> None:
        """Give a name what it stands for from now on."""
        value = self.newest(value)
        if self.supplied and self.is_supplied(name):
            value = self.replacement(name, source, value, target)
        if name in self.lists and isinstance(value, (list, tuple, Tensor)):
            self.scope[name] = self.list_of_entries(value, target)
        elif name in self.counters and is_whole(value):
            self.scope[name] = Size(value)
        else:
            self.bind(name, value, target, source)
            self.remember(self.scope[name], target)

    def list_of_entries(self, value: Any, target: ast.AST) -> list[Any]:
        """Make a list of the program's; one that is a list already stays the same one."""
        if isinstance(value, Entries) or (isinstance(value, list) and self.under_way):
            return value
        rows = nested(value) if isinstance(value, Tensor) else self.listed(value, target)
        return Entries(Entries(row) if isinstance(row, list) and not isinstance(row, Entries) else row for row in rows)

    def is_supplied(self, name: str) -> bool:
        """Whether a value from outside waits for the first assignment of a name of the program itself."""
        return name in self.supplied and not self.under_way

    def replacement(self, name: str, source: ast.expr, value: Any, target: ast.AST) -> Node:
        """Record a supplied value in place of the one assigned, which is None if nothing else needed it."""
        calls_constant = isinstance(source, ast.Call) and dotted(source.func) == "constant"
        constant = calls_constant or (isinstance(value, Node) and not value.flows)
        return self.recorded_leaf(self.supplied.pop(name), target, source, constant=constant)

    def put_entry(self, holder: Any, items: tuple[Any, ...], value: Any, target: ast.expr) -> None:
        """Put a value into a list, or into one that is an entry of it."""
        for item in items[:-1]:
            holder = self.item_of(holder, (item,), target)
        item = items[-1]
        if not isinstance(holder, list) or not isinstance(item, int):
            self.fail("only entries of a list can be assigned; build a new tensor with the new entry in it", target)
        if not -len(holder) <= item < len(holder):
            self.fail(f"index {item} is out of range; the list has {len(holder)} entries", target)
        self.mutations += 1
        holder[item] = self.entry(holder, self.updated(self.newest(holder[item]), value, target), target)

    def put_data(self, holder: Any, value: Any, target: ast.expr) -> None:
        """Give an input other data, for whoever holds it: an update."""
        if not (isinstance(holder, Node) and holder.gate is INPUT):
            self.fail("only the data of an input can be assigned; give the computed value a name", target)
        if self.recording.last is None:
            self.fail("there was no backward sweep yet; assign the input itself", target)
        self.update_in_place(holder, self.operand(value, target), target)

    def remember(self, value: Any, place: ast.AST) -> None:
        """Take a value for the program's last one, if gradients could start from it."""
        if isinstance(value, Node) or (isinstance(value, (list, tuple)) and holds_nodes(value)):
            self.last = (value, place)

    def read_AugAssign(self, node: ast.AugAssign) -> Act:
        """Read ``x += y``: an operator and an assignment; what is updated so changes in place."""
        self.check_target(node.target)
        if isinstance(node.target, ast.Attribute) and node.target.attr != "data":
            zeroed = isinstance(node.op, ast.Mult) and isinstance(node.value, ast.Constant) and not node.value.value
            if node.target.attr == "grad" and not zeroed:
                self.fail(FIXED_GRADIENT, node.target)
            return do_nothing  # every sweep starts from zero anyway
        if isinstance(node.target, ast.Subscript):
            return self.read_augmented_entry(node.target, node)
        left, apply = self.read(node.target), self.link(node.value, node, node.target)
        if isinstance(node.target, ast.Attribute):
            return self.read_augmented_data(node.target, left, apply)
        name = node.target.id

        def assign() -> None:
            before = left()
            value = apply(before)
            if value.__class__ is OffTape and self.was_reached(before):
                fresh = self.update_in_place(before, value, node)
                self.scope[name] = fresh
                self.last = (fresh, node)
                if not self.is_held(name, fresh, self.scope):
                    self.hold(name, fresh)
            elif isinstance(before, list) and isinstance(value, list):
                before[:] = value  # a list changes in place, too
                self.mutations += 1
                self.spoil()
                self.scope[name] = before
            else:
                self.assign_name(name, value, node, node.value)

        return assign

    def read_augmented_data(self, target: ast.Attribute, left: Thunk, apply: Link) -> Act:
        """Read ``x.data -= y``."""
        holder, _ = self.weighed(target.value)  # which was weighed as part of the left operand

        def assign() -> None:
            value = apply(left())
            self.put_data(holder(), value, target)

        return assign

    def read_augmented_entry(self, target: ast.Subscript, node: ast.AugAssign) -> Act:
        """Read ``xs[i] += y``: what stands between the brackets is evaluated once."""
        holder, items, apply = self.read(target.value), self.read_items(target.slice), self.link(node.value, node)

        def assign() -> None:
            values, at = holder(), items()
            before = self.item_of(values, at, target)
            value = apply(before)
            if value.__class__ is OffTape and self.was_reached(before):
                value = self.update_in_place(before, value, node)
            self.put_entry(values, at, value, target)

        return assign


def do_nothing() -> None:
    """Execute what says nothing to do."""


def paired(target: ast.expr, source: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Pair the names of a target with the parts of its source, where both are written out."""
    match target, source:
        case (ast.Tuple(elts=targets) | ast.List(elts=targets), ast.Tuple(elts=parts) | ast.List(elts=parts)) if len(
            targets
        ) == len(parts) and not any(isinstance(each, ast.Starred) for each in (*targets, *parts)):
            for each, part in zip(targets, parts, strict=True):
                yield from paired(each, part)
        case _:
            yield target, source
