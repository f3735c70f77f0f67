"""Lookups: expressions that put parts together, or take them out: lists, entries, attributes, texts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from stepgrad.errors import GateError, nearest
from stepgrad.expressions import Expressions
from stepgrad.literals import Entries, OffTape, is_whole, raw, whole_number
from stepgrad.names import dotted
from stepgrad.operators import SEQUENCES
from stepgrad.printing import in_format, joined_text
from stepgrad.scopes import Thunk
from stepgrad.tape import Node
from stepgrad.tensor import Tensor, checked_item
from stepgrad.vocabulary import INSTEAD, KNOWN_CALLS, LISTED, MODULE_NUMBERS


class Lookups(Expressions):
    """A machine that reads lists and what stands in them, too."""

    def read_List(self, node: ast.List) -> Thunk:
        """Read a list written out."""
        parts = [self.read(element) for element in node.elts]
        return (lambda: self.listed([part() for part in parts], node)) if parts else Entries

    def read_Tuple(self, node: ast.Tuple) -> Thunk:
        """Read a tuple written out."""
        parts = [self.read(element) for element in node.elts]
        return lambda: self.listed(tuple([part() for part in parts]), node)

    def read_Subscript(self, node: ast.Subscript) -> Thunk:
        """Read an entry, a row, a slice."""
        inner, items = self.read(node.value), self.read_items(node.slice)
        return lambda: self.item_of(inner(), items(), node)

    def read_items(self, index: ast.expr) -> Callable[[], tuple[Any, ...]]:
        """Read what stands between the brackets."""
        parts = [self.read_item(each) for each in (index.elts if isinstance(index, ast.Tuple) else [index])]
        if len(parts) == 1:
            (part,) = parts
            return lambda: (part(),)
        return lambda: tuple([part() for part in parts])

    def read_item(self, node: ast.expr) -> Thunk:
        """Read one part of an index: a whole number, a slice, ``None``, ``...`` or a list of whole numbers."""
        if isinstance(node, ast.Slice):
            parts = [part and self.read_item(part) for part in (node.lower, node.upper, node.step)]
            return lambda: self.sliced([part() if part else None for part in parts], node)
        inner = self.read(node)

        def look() -> Any:
            value = inner()
            if is_whole(value) or value is None or value is ...:
                return value
            return self.index_of(value, node)

        return look

    def index_of(self, value: Any, node: ast.AST) -> Any:
        """Bring a value to what stands in an index: a whole number, or a list of them."""
        self.spoil()
        sentence = "an index is a whole number, a slice, None or `...`"
        if isinstance(value, Node) and value in self.masks:
            self.fail("a comparison is no index here; multiply by it, or use `where`, to leave entries out", node)
        if isinstance(value, range):
            return self.listed(value, node)
        plain = raw(self.operand(value, node) if isinstance(value, SEQUENCES) else value)
        if isinstance(plain, Tensor) and len(plain.shape) == 1:
            places = list(map(whole_number, plain.data))
            return self.fail(f"{sentence}, or a list of whole numbers", node) if None in places else tuple(places)
        whole = None if isinstance(plain, (str, Tensor)) else whole_number(plain)
        return self.fail(sentence, node) if whole is None else whole

    def sliced(self, parts: Sequence[Any], node: ast.AST) -> slice:
        """Make a slice."""
        try:
            return checked_item(slice(*parts))  # type: ignore[no-any-return]
        except GateError as error:
            return self.fail(str(error), node)

    def read_Attribute(self, node: ast.Attribute) -> Thunk:
        """Read ``x.T`` and its kin, or a number of a module."""
        module = self.module_of(dotted(node.value))
        if module is None:
            inner = self.read(node.value)
            return self.read_grad(inner, node) if node.attr == "grad" else lambda: self.attribute_of(inner(), node)

        def look() -> Any:
            self.check_module_name(node.value)
            if node.attr in MODULE_NUMBERS:
                return self.module_number(node.attr, node)
            spelled = dotted(node)
            if node.attr in KNOWN_CALLS:
                self.fail(f"`{spelled}` is a function; call it, as in `{spelled}(x)`", node)
            known = nearest(node.attr, [*KNOWN_CALLS, *MODULE_NUMBERS]) or LISTED
            instead = f"; {INSTEAD[node.attr]}" if node.attr in INSTEAD else known
            return self.fail(f"`{spelled}` is not known{instead}", node)

        return look

    def read_grad(self, inner: Thunk, node: ast.Attribute) -> Thunk:
        """Read ``x.grad``: most often that of a number that the last sweep reached."""
        scalar = self.recording.scalar_type

        def look() -> Any:
            value = inner()
            if value.__class__ is not scalar or value.total is None or not value.home >= self.swept > 0:
                return self.attribute_of(value, node)
            found = OffTape(value.total)
            if self.journal is not None:
                self.journal.note_gradient(found, value)
            return found

        return look

    # Texts

    def read_JoinedStr(self, node: ast.JoinedStr) -> Thunk:
        """Read an f-string."""
        parts = [self.read(value) for value in node.values]

        def show() -> str:
            try:
                text = joined_text([part() for part in parts])
            except GateError as error:
                self.fail(str(error), node)
            self.pay(len(text), node)
            return text

        return show

    def read_FormattedValue(self, node: ast.FormattedValue) -> Thunk:
        """Read one value of an f-string with its format."""
        value = self.read(node.value)
        written = self.read(node.format_spec) if node.format_spec is not None else lambda: ""
        quoted = node.conversion in (ord("r"), ord("a"))

        def show() -> str:
            try:
                found = value()
                found = self.all_refreshed(self.listed(found, node) if isinstance(found, SEQUENCES) else found)
                return repr(found) if quoted and isinstance(found, str) else in_format(found, written())
            except GateError as error:
                return self.fail(str(error), node.value)

        return show
