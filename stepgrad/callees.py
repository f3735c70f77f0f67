"""Callees: what a call means: a function of the program, one of the language's own, or a gate."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from stepgrad.calls import Application, arguments, resolve, signature, spelled_call
from stepgrad.errors import GateError, counted, nearest
from stepgrad.limits import LIMITS
from stepgrad.literals import raw
from stepgrad.makers import made
from stepgrad.names import dotted
from stepgrad.ops import INPUT
from stepgrad.own import ON_WHOLE, OwnFunctions
from stepgrad.scopes import RETURN, Call, Function, Scope
from stepgrad.source import Span
from stepgrad.tape import Node
from stepgrad.tensor import flat
from stepgrad.vocabulary import INSTEAD, KNOWN_CALLS, LISTED, LITERAL_MAKERS, METHODS, OWN_CALLS, SEEDED

LITERAL_ARGUMENTS = ("x", "object", "data")  # of makers: what they copy the numbers or the shape of
NOT_RETURNED = Call("", Span(1, 1, 1, 1), None, 0, 0, None)


class Caller(OwnFunctions):
    """A machine that calls."""

    returned: Any = None

    # Functions of the program

    def call_function(
        self, function: Function, args: Sequence[Any], keywords: Mapping[str, Any], node: ast.Call
    ) -> Any:
        """Call a function of the program: a composite gate."""
        if len(self.under_way) >= LIMITS.calls:
            way_out = f"does `{function.name}` call itself for ever? if not, raise --max-calls"
            self.fail(f"calls are nested more than {LIMITS.calls} deep; {way_out}", node)
        self.spend(1, node)
        if self.journal is not None:
            self.journal.note_call(function)
        scope = Scope(function.outer, function.own)
        scope.update(self.arguments_of(function, args, keywords, node))
        place = len(self.calls)
        span, start = self.span_of(node), self.recording.node_count
        caller = self.under_way[-1] if self.under_way else None
        self.calls.append(NOT_RETURNED)
        outside, self.scope = self.scope, scope
        self.under_way.append(place)
        try:
            for name, value in scope.items():
                if isinstance(value, Node) and value.gate is INPUT:
                    self.hold(name, value)
            ended = function.body()
            result, self.returned = self.returned if ended == RETURN else None, None
        finally:
            self.under_way.pop()
            self.scope = outside
        made = result if isinstance(result, Node) else None
        self.calls[place] = Call(function.name, span, caller, start, self.recording.node_count, made)
        return result

    def arguments_of(
        self, function: Function, args: Sequence[Any], keywords: Mapping[str, Any], node: ast.AST
    ) -> dict[str, Any]:
        """Give every parameter its argument, as Python does."""
        name, parameters = function.name, function.parameters
        if len(args) == len(parameters) == function.positional and not keywords:
            return dict(zip(parameters, args))
        if len(args) > function.positional:
            self.fail(f"`{name}` takes {counted(function.positional)}, not {len(args)}", node)
        given = dict(zip(parameters, args))
        for key, value in keywords.items():
            if key not in parameters:
                self.fail(f"`{name}` does not take `{key}`{nearest(key, parameters)}", node)
            if key in given:
                self.fail(f"`{name}` is given `{key}` twice; leave one of them out", node)
            given[key] = value
        missing = [key for key in parameters if key not in given and key not in function.defaults]
        if missing:
            self.fail(f"`{name}` needs `{missing[0]}`; give it a value", node)
        return {key: given[key] if key in given else self.newest(function.defaults[key]) for key in parameters}

    # The language's own, and gates

    def named_call(self, name: str, module: str, args: list[Any], keywords: dict[str, Any], node: ast.Call) -> Any:
        """Call what is no function of the program: the language's own, or a gate of the table."""
        own = METHODS if module == "method" else {} if module and name not in ("argmax", "round") else OWN_CALLS
        try:
            if name in own:
                return self.own_call(name, own[name].text, args, keywords, node)
            if name in LITERAL_MAKERS and module != "method":
                return self.literal_array(name, module, args, keywords, node)
            if name in ON_WHOLE or name == "sum":
                found = self.as_python(name, module, args, keywords, node)
                if found is not None:
                    return found
            applications = resolve(name, module, args, keywords)
        except GateError as error:
            self.fail(str(error), node)
        if applications is None:
            self.unknown_call(name, module, node.func)
        return self.apply_all(applications, node)

    def own_call(self, name: str, text: str, args: list[Any], keywords: dict[str, Any], node: ast.Call) -> Any:
        """Call one of the language's own functions or methods."""
        match name:
            case "print":
                return self.print_values(args, keywords, node)
            case "zip" if not keywords:
                return self.zipped(args, node)
            case "range" if not keywords:
                return self.range_of(args, node)
        called = signature(text)
        if not keywords and len(args) == len(called.params):
            return getattr(self, f"own_{name}")(*args, node)
        bound = arguments(called, args, keywords, name).values()
        return getattr(self, f"own_{name}")(*bound, node)

    # Arrays

    def literal_array(self, name: str, module: str, args: list[Any], keywords: dict[str, Any], node: ast.Call) -> Any:
        """Make what ``np.array``, ``np.zeros``, ``normal`` and their kin return: numbers without a history."""
        if name in ("normal", "uniform") and module:
            self.unknown_call(name, module, node.func)
        if name in ("zeros", "ones") and module == "torch" and len(args) > 1:
            args = [tuple(args)]
        given = arguments(signature(LITERAL_MAKERS[name].text), args, keywords, spelled_call(name, module))
        for key in LITERAL_ARGUMENTS:
            if key in given:
                given[key] = self.operand(given[key], node)
        if name.endswith("_like"):
            given["x"] = raw(given["x"])
        found = made(name, given, self.number, self.chance)
        self.pay(2 * len(flat(raw(found))), node)
        return found

    # Gates

    def apply_all(self, applications: Sequence[Application], node: ast.AST) -> Any:
        """Apply gates one after the other, ``...`` being the result so far."""
        result = None
        for gate, operands, params in applications:
            result = self.apply(gate, [result if each is ... else each for each in operands], node, params)
        return result

    def unknown_call(self, name: str, module: str, node: ast.expr) -> NoReturn:
        """Refuse a function that is not there, and say how to write the one that is meant."""
        spelled = f".{name}" if module == "method" else dotted(node)
        if module.endswith("random") or (name in ("normal", "uniform") and module):
            hint = f"; {SEEDED}"
        elif name in INSTEAD:
            hint = f"; {INSTEAD[name]}"
        else:
            texts = {each: described.text for each, described in {**OWN_CALLS, **LITERAL_MAKERS}.items()}
            known = f"; write `{texts[name]}`" if name in texts else nearest(name, KNOWN_CALLS)
            hint = known or LISTED
        self.fail(f"`{spelled}` is not known{hint}", node)
