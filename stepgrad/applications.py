"""Applications: expressions that call functions, and those that are functions: ``lambda``, comprehensions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence, Set
from typing import Any

from stepgrad.errors import GateError, counted
from stepgrad.gate import Elementwise
from stepgrad.literals import Size
from stepgrad.lookups import Lookups
from stepgrad.names import dotted
from stepgrad.ops import GATES, INPUT
from stepgrad.repeatable import repeatable_nodes
from stepgrad.scopes import MISSING, NO_NAMES, RETURN, Act, Function, Scope, Thunk
from stepgrad.tape import Node
from stepgrad.vocabulary import FLOAT_TYPES, NO_NEWS

Keywords = Callable[[], dict[str, Any]]


def no_keywords() -> dict[str, Any]:
    """Return no arguments by name."""
    return {}


class Applications(Lookups):
    """A machine that reads calls, too.

    Attributes
    ----------
    assigned : set of str
        The names to which the program gives something, somewhere: others mean what the language says.
    """

    assigned: Set[str] = NO_NAMES

    def read_Call(self, node: ast.Call) -> Thunk:
        """Read a call: of a function by its name, of a module's, or as a method."""
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(each.arg is None for each in node.keywords):
            self.fail("`*` and `**` arguments are not understood; write the arguments out", node)
        args, keywords = [self.read(arg) for arg in node.args], self.read_keywords(node)
        match node.func:
            case ast.Name(id=name):
                return self.read_call_by_name(name, args, keywords, node)
            case ast.Attribute(value=operand, attr=name):
                return self.read_method(name, operand, args, keywords, node)
        inner = self.read(node.func)

        def call() -> Any:
            callee = inner()
            if not isinstance(callee, Function):
                self.fail("this is a value, not a function; only functions can be called", node.func)
            return self.call_function(callee, [arg() for arg in args], keywords(), node)

        return call

    def read_keywords(self, node: ast.Call) -> Keywords:
        """Read the arguments that have a name; ``dtype=float`` says nothing new."""
        found: dict[str, Thunk] = {}
        for name, value in ((each.arg or "", each.value) for each in node.keywords):
            if name in found:
                self.fail(f"`{name}` is given twice; leave one of them out", value)
            if name == "dtype" and dotted(value) not in FLOAT_TYPES:
                self.fail("every number is a float64 here; leave `dtype` out", value)
            if name not in NO_NEWS:
                found[name] = self.read(value)
        return (lambda: {name: thunk() for name, thunk in found.items()}) if found else no_keywords

    def read_call_by_name(self, name: str, args: Sequence[Thunk], keywords: Keywords, node: ast.Call) -> Thunk:
        """Read a call of a function by its name: the program's own shadow all others."""
        builtin = self.read_builtin(name, args, keywords, node)
        if name not in self.assigned:
            return builtin

        def call() -> Any:
            callee = self.scope.find(name)
            if callee is MISSING:
                if name in self.scope.own:
                    self.look_up(name, node.func)
                self.spoil()  # the name may mean a function of the program the next time
                return builtin()
            if isinstance(callee, Function):
                return self.call_function(callee, [arg() for arg in args], keywords(), node)
            return self.fail(f"`{name}` is a value here, not a function; give the value another name", node.func)

        return call

    def read_builtin(self, name: str, args: Sequence[Thunk], keywords: Keywords, node: ast.Call) -> Thunk:
        """Read a call of what is no function of the program."""
        gate = GATES.get(name)
        if len(args) == 1 and not node.keywords and isinstance(gate, Elementwise):
            (arg,) = args
            return self.unary(name, "", gate, arg, node)
        return lambda: self.named_call(name, "", [arg() for arg in args], keywords(), node)

    def unary(self, name: str, module: str, gate: Elementwise, operand: Thunk, node: ast.Call) -> Thunk:
        """Read a call of a gate with one operand: a number goes straight to the recorder compiled for it."""
        recording, spans, scalar = self.recording, self.spans, self.recording.scalar_type
        span = self.program.span_of(node)
        try:
            record = recording.recorders[gate, scalar]
        except GateError:  # the number type lacks a function
            record = None
        if record is None:
            return lambda: self.named_call(name, module, [operand()], {}, node)

        def call() -> Any:
            value = operand()
            if value.__class__ is scalar and not self.off:
                try:
                    made = record(recording.current, value)
                except GateError as error:  # the number is not one that it takes
                    self.fail(str(error), node)
                spans.append(span)
                return made
            return self.named_call(name, module, [value], {}, node)

        return call

    def read_method(
        self, name: str, operand: ast.expr, args: Sequence[Thunk], keywords: Keywords, node: ast.Call
    ) -> Thunk:
        """Read a call of a module's function, or of a method."""
        module = self.module_of(dotted(operand))
        if module is None:
            inner, gate = self.read(operand), GATES.get(name)
            if not args and not node.keywords and isinstance(gate, Elementwise):
                return self.unary(name, "method", gate, inner, node)
            return lambda: self.named_call(name, "method", [inner(), *[arg() for arg in args]], keywords(), node)

        def call_of_module() -> Any:
            self.check_module_name(operand)
            return self.named_call(name, self.called_module(module, operand), [arg() for arg in args], keywords(), node)

        return call_of_module

    def called_module(self, module: str, prefix: ast.expr) -> str:
        """Return the module's name for the errors of a call: as the program spells it, unless that tells less."""
        return module if module.startswith(("torch", "numpy.random", "random", "math")) else dotted(prefix)

    # Functions within expressions

    def read_Lambda(self, node: ast.Lambda) -> Thunk:
        """Read a function without a name."""
        body = self.read(node.body)

        def execute() -> str:
            self.returned = body()
            return RETURN

        return self.read_function("lambda", node, execute, NO_NAMES)

    def read_function(self, name: str, node: ast.Lambda | ast.FunctionDef, execute: Act, own: Set[str]) -> Thunk:
        """Read a function's parameters; evaluated, it is the function with its defaults."""
        given, body = node.args, node.body
        for starred in (given.vararg, given.kwarg):
            if starred is not None:
                self.fail("`*` and `**` parameters are not understood; name every parameter", starred)
        positional = [*given.posonlyargs, *given.args]
        names = [each.arg for each in (*positional, *given.kwonlyargs)]
        fixed = repeatable_nodes(body if isinstance(body, list) else [body]) is not None
        with_default = [*positional[len(positional) - len(given.defaults) :], *given.kwonlyargs]
        thunks = [self.read(each) if each is not None else None for each in (*given.defaults, *given.kw_defaults)]

        def define() -> Function:
            defaults = {each.arg: thunk() for each, thunk in zip(with_default, thunks) if thunk}
            return Function(name, names, len(positional), defaults, execute, self.scope, own, fixed)

        return define

    def read_GeneratorExp(self, node: ast.GeneratorExp) -> Thunk:
        """Read a list written with ``for``, as an argument."""
        return self.read_ListComp(node)

    def read_ListComp(self, node: ast.ListComp | ast.GeneratorExp) -> Thunk:
        """Read a list written with ``for``; its names are its own."""
        body, weight = self.weighed(node.elt)
        parts = [self.read_loop(each) for each in node.generators]
        last = len(parts) - 1

        def gather(place: int, found: list[Any]) -> None:
            loop, thunk, set_target, tests = parts[place]
            for entry in self.entries_of(thunk(), loop.iter):
                self.steps_left -= weight
                if self.steps_left < 0:
                    self.spend(0, node)
                set_target(entry)
                for test, written in tests:
                    if not self.truth(test(), written):
                        break
                else:
                    if place == last:
                        found.append(body())
                    else:
                        gather(place + 1, found)

        def make() -> Any:
            self.spend(4, node)  # a list costs more than a number
            outside = self.scope
            self.scope = Scope(outside)
            found: list[Any] = []
            try:
                gather(0, found)
            finally:
                self.scope = outside
            return self.listed(found, node)

        return make

    def read_loop(self, loop: ast.comprehension) -> tuple[ast.comprehension, Thunk, Callable[[Any], None], list[Any]]:
        """Read the ``for`` of a comprehension, and its conditions."""
        tests = [(self.read(test), test) for test in loop.ifs]
        return loop, self.read(loop.iter), self.read_target(loop.target, held=False), tests

    def read_target(self, target: ast.expr, *, held: bool) -> Callable[[Any], None]:
        """Turn the names of a loop into a function that lets them stand for an entry.

        A number stays a literal, a node gets the name; if it is ``held``, the name follows updates in place.
        """
        match target:
            case ast.Name(id=name):
                return self.read_target_name(name, held)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                setters = [self.read_target(each, held=held) for each in targets]

                def set_all(value: Any) -> None:
                    right = value.__class__ is tuple and len(value) == len(setters)
                    entries = value if right else self.unpacked(value, targets, target)
                    for setter, entry in zip(setters, entries, strict=True):
                        setter(entry)

                return set_all
            case ast.Starred():
                self.fail("`*` before a name is not understood; name every entry", target)
        return self.fail("only names can take the entries of a loop", target)

    def read_target_name(self, name: str, held: bool) -> Callable[[Any], None]:
        """Turn one name of a loop into a function that lets it stand for an entry."""
        newer, names = self.newer, self.names

        def set_name(value: Any) -> None:
            if isinstance(value, Node):
                if value in newer:
                    value = self.newest(value)
                if value not in names or names[value][0]:  # else it has one of the program's own
                    self.give_name(name, value)
                if held and value.gate is INPUT:
                    self.hold(name, value)
            self.scope[name] = Size(value) if value.__class__ is int else value

        return set_name

    def unpacked(self, value: Any, targets: Sequence[ast.expr], target: ast.expr) -> Sequence[Any]:
        """Return as many entries of a value as there are names for them."""
        for each in targets:
            if isinstance(each, ast.Starred):
                self.fail("`*` before a name is not understood; name every entry", each)
        entries = self.entries_of(value, target, several=False)
        if len(entries) != len(targets):
            names, values = counted(len(targets), "name"), counted(len(entries), "value")
            self.fail(f"{names} cannot take {values}; give one value per name", target)
        return entries
