"""Statements of the language: from ``ast`` to functions that execute them.

A statement's function returns how it ended, if not as usual: by ``break``, ``continue`` or ``return``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence, Set
from functools import cached_property
from itertools import groupby

from stepgrad.apart import SWEPT, Kept, is_paid, is_sweep, with_sweep_apart
from stepgrad.assignments import Assignments, do_nothing
from stepgrad.errors import GateError
from stepgrad.late import Appending, Sweep
from stepgrad.literals import OffTape, holds
from stepgrad.machine import NOWHERE
from stepgrad.names import assigned_in, dotted
from stepgrad.numeric import FLOAT
from stepgrad.printing import printed
from stepgrad.quiet import Reads, counted_by, quiet_in, quiet_names
from stepgrad.reader import TOO_DEEP
from stepgrad.refrains import Refrain
from stepgrad.repeatable import repeatable_nodes
from stepgrad.rounds import Rounds
from stepgrad.scopes import BREAK, CONTINUE, RETURN, Act, Function
from stepgrad.tape import Node
from stepgrad.tensor import Tensor
from stepgrad.vocabulary import MODULE_NUMBERS, MODULES

OPEN = (Node, OffTape, Tensor, Function)  # what a loop's rounds may change, or change something
CONDITIONS = (ast.If, ast.IfExp, ast.Compare, ast.BoolOp)
UNDERSTOOD = "only the functions of math, numpy and torch that the language has are understood"


class Statements(Assignments):
    """A machine that reads statements.

    Attributes
    ----------
    in_refrain : bool
        Whether the statement that is being read is part of a refrain.
    """

    in_refrain = False

    @cached_property
    def varying(self) -> frozenset[str]:
        """The names that loops give their entries, and those that are only counted."""
        return self.counters | assigned_in([loop.target for loop in self.kinds[ast.For]])

    def block(self, statements: Sequence[ast.stmt]) -> Act:
        """Read statements into a function that executes them in order, and has them pay for the nodes they make."""
        acts = [(each, *self.weighed(each)) for each in statements]
        if not (self.functions or self.in_refrain):
            acts = [(each, self.careful(act, self.reads_of(each)), weight) for each, act, weight in acts]
        return self.executed(acts)

    def reads_of(self, statement: ast.stmt) -> Reads | None:
        """Return what a quiet statement reads; None for any other."""
        return quiet_names(statement, self.assigned, self.counters)

    def careful(self, act: Act, reads: Reads | None) -> Act:
        """Return what executes a statement after all that has been put off, unless it can see nothing of that."""

        def careful_act() -> str | None:
            if self.pending is not None and not self.is_quiet(reads):
                self.pending.settle()
            return act()

        return careful_act

    def is_quiet(self, reads: Reads | None) -> bool:
        """Whether what is put off leaves alone what is read now; None for a statement that is not quiet."""
        if reads is None or self.pending is None or self.pending.gives(reads.literals):
            return False
        if any(holds(self.scope.get(name), OPEN) for name in reads.literals):
            return False
        if reads.appended is not None and (
            self.pending.gives((reads.appended,)) or self.pending.sees(self.scope.get(reads.appended))
        ):
            return False
        open_ = [each for each in reads.compared if self.pending.gives((each,)) or holds(self.scope.get(each), OPEN)]
        return all(map(self.pending.tells, open_))

    def executed(self, acts: Sequence[tuple[ast.AST, Act, int]]) -> Act:
        """Return what executes statements in order; each comes with its weight, 0 if it pays for itself."""
        spans = self.spans

        def execute() -> str | None:
            statement: ast.AST = NOWHERE
            try:
                for statement, act, weight in acts:
                    ended: str | None = act()
                    made = len(spans) - self.paid
                    self.paid += made
                    if made and self.counts_digits:
                        self.pay_for_digits(made, statement)
                    self.steps_left -= 1 + made if made >= weight > 0 else weight
                    if self.steps_left < 0:
                        self.spend(0, statement)
                    if ended is not None:
                        return ended
            except RecursionError:
                self.fail(f"this is {TOO_DEEP}", statement)
            except GateError as error:  # digits have been used up
                self.fail(str(error), statement)
            return None

        return execute

    def inner_block(self, statements: Sequence[ast.stmt]) -> Act:
        """Read the statements of a loop."""
        self.loops += 1
        try:
            return self.block(statements) if self.functions or self.in_refrain else self.block_with_refrains(statements)
        finally:
            self.loops -= 1

    def block_with_refrains(self, statements: Sequence[ast.stmt]) -> Act:
        """Read statements of a loop of the program itself; those that no value can steer are refrains."""
        acts: list[tuple[ast.AST, Act, int]] = []
        statements = [part for each in statements for part in with_sweep_apart(each, self.assigned)]
        for (repeats, *_), several in groupby(statements, self.refrain_of):
            self.in_refrain = repeats
            run = [(each, *self.weighed(each)) for each in several]
            self.in_refrain = False
            if repeats:
                acts.append((run[0][0], Refrain(self, self.executed(run)), 0))
            else:
                acts += [
                    (each, self.other(each, act), 0 if is_paid(each, self.assigned) else weight)
                    for each, act, weight in run
                ]
        if any(isinstance(act, Sweep) for _, act, _ in acts):
            parts = [(act, self.executed([(statement, act, weight)])) for statement, act, weight in acts]
            return Rounds(self, parts, self.executed(acts), self.compared_in(statements))
        return self.executed(acts)

    def compared_in(self, statements: Sequence[ast.stmt]) -> list[Set[str]]:
        """List, for each statement that is quiet, and for those within it, the names that it compares."""
        found: list[Set[str]] = []
        for each in statements:
            reads = self.reads_of(each)
            if reads is not None:
                found.append(reads.compared)
                inner = [*getattr(each, "body", ()), *getattr(each, "orelse", ())]
                found += self.compared_in(inner)
        return found

    def other(self, statement: ast.stmt, act: Act) -> Act:
        """Return what executes a statement of a loop that is no refrain."""
        reads = self.reads_of(statement)
        careful = self.careful(act, reads)
        if self.number is FLOAT and is_sweep(statement, self.assigned):
            return Sweep(careful)  # a loop within the round may have put something off
        return careful if reads is None or reads.appended is None else Appending(careful, reads.appended)

    def read_Expr(self, node: ast.Expr) -> Act:
        """Read an expression on a line of its own; a text is a comment."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return do_nothing
        thunk = self.read(node.value)

        def act() -> None:
            value = thunk()
            if value is not None:
                self.remember(value, node.value)

        return act

    def read_Kept(self, node: Kept) -> Act:
        """Read what a sweep goes backward from."""
        thunk = self.read(node.value)

        def act() -> None:
            self.scope[SWEPT] = thunk()

        return act

    def read_Pass(self, node: ast.Pass) -> Act:
        """Read ``pass``."""
        return do_nothing

    def read_Assert(self, node: ast.Assert) -> Act:
        """Read ``assert``."""
        condition, message = self.read(node.test), self.read(node.msg) if node.msg is not None else None

        def act() -> None:
            if not self.truth(condition(), node.test):
                said = f": {printed(message())}" if message is not None else ""
                self.fail(f"this does not hold{said}; correct the program, or the condition", node.test)

        return act

    # Control flow

    def read_If(self, node: ast.If) -> Act:
        """Read ``if``, ``elif`` and ``else``."""
        condition, first, second = self.read(node.test), self.block(node.body), self.block(node.orelse)
        return lambda: first() if self.truth(condition(), node.test) else second()

    def read_For(self, node: ast.For) -> Act:
        """Read ``for``."""
        thunk, set_target = self.read(node.iter), self.read_target(node.target, held=True)
        inside, after = self.inner_block(node.body), self.block(node.orelse)
        targets = assigned_in([node.target])

        def loop() -> str | None:
            self.settle_within_round()
            entries = self.entries_of(thunk(), node.iter)
            if isinstance(inside, Rounds):
                inside.left = len(entries)
            for entry in entries:
                if self.pending is not None and (
                    self.pending.minds(targets) or (entry.__class__ is not int and holds(entry, OPEN))
                ):
                    self.pending.settle()
                set_target(entry)
                ended = inside()
                if ended == BREAK:
                    return None
                if ended == RETURN:
                    return ended
            return after()

        return loop

    def read_While(self, node: ast.While) -> Act:
        """Read ``while``; an endless one ends at the limit of steps."""
        condition, weight = self.weighed(node.test)
        reads = quiet_in(node.test, self.assigned)
        inside, after = self.inner_block(node.body), self.block(node.orelse)
        if isinstance(inside, Rounds) and reads is not None:
            inside.compared |= reads.compared

        def loop() -> str | None:
            self.settle_within_round()
            while True:
                if self.pending is not None and not self.is_quiet(reads):
                    self.pending.settle()
                if not self.truth(condition(), node.test):
                    return after()
                self.spend(weight, node)
                ended = inside()
                if ended == BREAK:
                    return None
                if ended == RETURN:
                    return ended

        return loop

    def settle_within_round(self) -> None:
        """Do what has been put off of a round under way: a loop in it may take more steps than are kept in reserve."""
        if self.pending is not None and self.pending.position:
            self.pending.settle()

    def refrain_of(self, statement: ast.stmt) -> tuple[bool, bool, bool]:
        """Return whether no value steers a statement, unless a condition turns out to read one; and on what it depends.

        That is whether it has a condition, and whether it reads what a loop counts or goes over.
        """
        if counted_by(statement, self.counters) is not None:
            return False, False, False
        nodes = repeatable_nodes([statement])
        kinds = set(map(type, nodes or ()))
        names = [each.id for each in nodes or () if each.__class__ is ast.Name]
        return nodes is not None, not kinds.isdisjoint(CONDITIONS), not self.varying.isdisjoint(names)

    def read_Break(self, node: ast.Break) -> Act:
        """Read ``break``."""
        self.check_loop("break", node)
        return lambda: BREAK

    def read_Continue(self, node: ast.Continue) -> Act:
        """Read ``continue``."""
        self.check_loop("continue", node)
        return lambda: CONTINUE

    def check_loop(self, word: str, node: ast.stmt) -> None:
        """Refuse what only makes sense in a loop."""
        if not self.loops:
            self.fail(f"`{word}` stands outside of a loop; leave it out", node)

    # Functions

    def read_FunctionDef(self, node: ast.FunctionDef) -> Act:
        """Read ``def``."""
        if node.decorator_list:
            self.refuse(node)
        own = assigned_in(node.body)
        loops, self.loops = self.loops, 0
        self.functions += 1
        try:
            define = self.read_function(node.name, node, self.block(node.body), own)
        finally:
            self.loops = loops
            self.functions -= 1

        def act() -> None:
            self.scope[node.name] = define()

        return act

    def read_Return(self, node: ast.Return) -> Act:
        """Read ``return``."""
        if not self.functions:
            self.fail("`return` stands outside of a function; leave it out", node)
        thunk = self.read(node.value) if node.value is not None else None

        def act() -> str:
            self.returned = thunk() if thunk is not None else None
            return RETURN

        return act

    # Blocks and imports

    def read_With(self, node: ast.With) -> Act:
        """Read ``with no_grad():``, under which nothing is recorded."""
        inside = self.block(node.body)
        for item in node.items:
            call = item.context_expr
            if not (isinstance(call, ast.Call) and dotted(call.func).split(".")[-1] == "no_grad"):
                self.fail("only `with no_grad():` is understood", node)

        def act() -> str | None:
            self.off += 1
            try:
                return inside()
            finally:
                self.off -= 1

        return act

    def read_Import(self, node: ast.Import) -> Act:
        """Accept ``import math`` and ``import numpy as np``: nothing is loaded."""
        for alias in node.names:
            self.check_module(alias.name, node)
            self.modules[alias.asname or alias.name.split(".")[0]] = (
                alias.name if alias.asname else alias.name.split(".")[0]
            )
        return do_nothing

    def check_module(self, module: str, place: ast.stmt) -> None:
        """Refuse modules that are not understood."""
        if module not in MODULES and module != "__future__":
            self.fail(f"`{module}` cannot be imported; {UNDERSTOOD}", place)

    def read_ImportFrom(self, node: ast.ImportFrom) -> Act:
        """Accept ``from math import exp``: the functions are understood anyway."""
        module = node.module or ""
        self.check_module(module, node)
        numbers = []
        for alias in node.names:
            name = alias.asname or alias.name
            if f"{module}.{alias.name}" in MODULES:
                self.modules[name] = f"{module}.{alias.name}"
            elif alias.name in MODULE_NUMBERS:
                numbers.append((name, alias.name))
            elif alias.asname not in (None, alias.name):
                self.fail(f"`{alias.name}` keeps its name here; write `from {module} import {alias.name}`", node)

        def act() -> None:
            for name, number in numbers:
                if self.supplied and self.is_supplied(name):
                    self.bind(name, self.recorded_leaf(self.supplied.pop(name), node), node)
                    self.remember(self.scope[name], node)
                else:
                    self.scope[name] = self.module_number(number, node)

        return act
