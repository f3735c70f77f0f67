"""Recorders: an elementwise row compiled into the code that computes and records one node.

Most nodes hold a number, and recording them is what a run spends its time on; so for these the
formula's text is compiled together with the filling-in of the node, as dataclasses compile their
methods. A *pattern* says what stands in each slot: ``n`` a node, ``l`` a literal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stepgrad.formula import OPERANDS, for_number_type, namespace_of, put_in, require_functions
from stepgrad.gate import Elementwise
from stepgrad.numeric import FLOAT, NumberType

PATTERNS = {1: ("n",), 2: ("nn", "nl", "ln")}
SLOTS = ("a", "b")
NODES = "nt"  # a node that holds a number, or a tensor (see :mod:`stepgrad.fitted`)


def recording_lines(gate: Elementwise, number: NumberType, pattern: str, namespace: dict[str, Any]) -> list[str]:
    """Write the body of a recorder: from ``a``, ``b`` and the pass ``p`` to the recorded node.

    The body uses the names ``new``, which makes an empty node, and ``gate``, which the caller puts into the
    namespace; the numbers of the formula are put there here. The node is made before its value is known, so that
    this is stored where it stays: names for what is on the way would cost more time than finding it again.
    """
    places = {name: f"{slot}.value" if kind == "n" else slot for name, slot, kind in zip(OPERANDS, SLOTS, pattern)}
    places["z"] = "node.value"
    texts = {"node.value": gate.forward}
    texts |= {f"node.d{slot}": text for slot, kind, text in zip(SLOTS, pattern, gate.locals) if kind == "n"}
    require_functions(gate.name, texts.values(), number)

    def arithmetic(ieee: bool) -> str:
        codes = {place: for_number_type(text, number, namespace, ieee=ieee) for place, text in texts.items()}
        return "; ".join(f"{place} = {put_in(code, places)}" for place, code in codes.items())

    return [
        *adopting_lines(pattern),
        "node = new()",
        f"try: {arithmetic(ieee=False)}",
        f"except (ArithmeticError, ValueError): {arithmetic(ieee=True)}",
        *filling_lines(pattern),
    ]


def adopting_lines(pattern: str) -> list[str]:
    """Write that the operands take part in the pass: those that are nodes."""
    adopt = [f"if {slot}.home is not home: p.adopt({slot})" for slot, kind in zip(SLOTS, pattern) if kind in NODES]
    return ["home = p.number", *adopt]


def filling_lines(pattern: str, more: str = "None") -> list[str]:
    """Write that a node that has its value, and its locals towards nodes, is filled with the rest, and recorded."""
    kinds = dict.fromkeys(SLOTS, "-") | dict(zip(SLOTS, pattern))
    fields = {"gate": "gate"}
    fields |= {slot: "None" if kind == "-" else slot for slot, kind in kinds.items()}
    fields |= {f"d{slot}": "None" for slot, kind in kinds.items() if kind not in NODES}
    fields |= {"more": more, "total": "None", "home": "home"}
    return [*(f"node.{field} = {text}" for field, text in fields.items()), "p.nodes.append(node)", "return node"]


def compile_recorder(gate: Elementwise, number: NumberType, node_type: type, pattern: str) -> Callable[..., Any]:
    """Compile ``record(p, a)`` or ``record(p, a, b)`` for one pattern; a row that numbers fit has taken its params in.

    Raises
    ------
    GateError
        If the number type lacks a function that the row needs.
    """
    namespace = {**namespace_of(number), "gate": gate, "new": node_type}
    body = "\n    ".join(recording_lines(gate, number, pattern, namespace))
    source = f"def record(p, {', '.join(SLOTS[: len(pattern)])}, params=None):\n    {body}\n"
    exec(compile(source, f"<record {gate.name}>", "exec"), namespace)
    recorder: Callable[..., Any] = namespace["record"]
    return recorder


def compile_operator(
    gate: Elementwise, name: str, node_type: type, recording: Any, general: Callable[..., Any], *, swapped: bool = False
) -> Callable[..., Any]:
    """Compile a method that records on the open pass of a recording: of a node, and of a node and a float.

    Parameters
    ----------
    gate : Elementwise
    name : str
        The method's.
    node_type : type
        Whose method it is: what holds a number, and what it records.
    recording : Recording
    general : callable
        The method of the same name for whatever is neither of this type nor a number.
    swapped : bool
        Whether the node is the second operand.
    """
    namespace = {**namespace_of(FLOAT), "gate": gate, "new": node_type, "here": recording, "general": general}

    def body(pattern: str, indent: str) -> str:
        return "".join(f"{indent}{line}\n" for line in recording_lines(gate, FLOAT, pattern, namespace))

    if name == "__neg__":
        source = "def operator(a):\n    p = here.current\n    b = -1.0\n" + body("nl", "    ")
    elif len(gate.locals) == 1:
        source = "def operator(a):\n    p = here.current\n" + body("n", "    ")
    else:
        own, other, with_literal = ("b", "a", "ln") if swapped else ("a", "b", "nl")
        source = (
            f"def operator({own}, {other}):\n"
            "    p = here.current\n"
            + ("" if swapped else f"    if type({other}) is new:\n" + body("nn", "        "))
            + f"    if type({other}) is int: {other} = float({other})\n"
            f"    elif type({other}) is not float: return general({own}, {other})\n" + body(with_literal, "    ")
        )
    exec(compile(source, f"<operator {name}>", "exec"), namespace)
    operator: Callable[..., Any] = namespace["operator"]
    operator.__name__, operator.__doc__ = name, general.__doc__
    return operator
