"""Fitted recorders: a gate on tensors, with all settled that shapes alone tell.

What a gate on small tensors costs is not its arithmetic: it is finding out whether shapes fit, what is to be
broadcast, where each number goes. So this is found out when shapes meet for the first time; what remains is compiled,
with the recording of the node, as for numbers (see :mod:`stepgrad.recorder`). A *pattern* says what stands in each
slot: ``t`` a node that holds a tensor, ``n`` one that holds a number, ``T`` a literal tensor, ``l`` a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from types import CodeType
from typing import Any

from stepgrad.gate import Elementwise, Gate, Params, Plan
from stepgrad.limits import LIMITS
from stepgrad.linear import Blank, LinearMap
from stepgrad.matrix import picking
from stepgrad.numeric import NumberType
from stepgrad.ops import GATES
from stepgrad.recorder import NODES, SLOTS, adopting_lines, filling_lines
from stepgrad.tape import NO_PARAMS, More, Node, Operand, Pass
from stepgrad.tensor import Shape, Tensor, broadcast_source, check_size

PATTERNS = ("t", "tt", "tn", "nt", "tl", "lt", "tT", "Tt", "nT", "Tn")
ROOM, EACH = 1_000_000, 2_000  # for recorders of one gate and pattern, in numbers, and what each takes besides its own
SHAPES = {"t": "{}.value.shape", "T": "{}.shape"}  # where it is found in a slot
SPELLED = ("index",)  # params that may hold slices: these have no hash before Python 3.12
NUMBERS = {"t": "{0}.value.data", "n": "[{0}.value]", "T": "{0}.data", "l": "[{0}] * size"}  # a list of them

Recorder = Callable[..., Any]  # of a pass, operands and params; it returns the node


class Fitting:
    """Makes recorders of one gate and one pattern: a dispatcher by shapes, and what it dispatches to.

    Parameters
    ----------
    gate : Gate
    number : NumberType
        What to compute with.
    pattern : str
    scalar_type, tensor_type : type
        The classes of the nodes to make: where they hold a number, and where they hold a tensor.
    """

    def __init__(
        self, gate: Gate, number: NumberType, pattern: str, scalar_type: type[Node], tensor_type: type[Node]
    ) -> None:
        self.gate, self.number, self.pattern = gate, number, pattern
        self.types = scalar_type, tensor_type
        self.known: dict[Any, Recorder] = {}
        self.room = ROOM

    def dispatcher(self) -> Recorder:
        """Compile ``record(p, a)`` or ``record(p, a, b)``, with the gate's params behind."""
        arguments = ", ".join(SLOTS[: len(self.pattern)])
        return self.dispatching(f"def record(p, {arguments}, params=no_params):\n", {"no_params": NO_PARAMS})

    def method(self, recording: Any, general: Callable[..., Any], defaults: Callable[[], Params]) -> Callable[..., Any]:
        """Compile a method that records on the open pass of a recording.

        It takes a tensor alone, with its default params, or two tensors; with anything else it goes the general way.
        """
        if len(self.pattern) == 2:
            head = "def record(a, b):\n    if b.__class__ is not kind: return general(a, b)\n"
        elif self.gate.params:
            head = "def record(a, *args, **named):\n    if args or named: return general(a, *args, **named)\n"
        else:
            head = "def record(a):\n"
        namespace = {"here": recording, "general": general, "kind": self.types[1]}
        namespace |= {"defaults": defaults, "no_params": NO_PARAMS}
        params = "defaults()" if self.gate.params else "no_params"
        made = self.dispatching(f"{head}    p, params = here.current, {params}\n", namespace)
        made.__name__, made.__doc__ = general.__name__, general.__doc__
        return made

    def dispatching(self, head: str, namespace: dict[str, Any]) -> Callable[..., Any]:
        """Compile what finds the recorder for the shapes of ``a`` and ``b``, and calls it with ``p`` and ``params``."""
        arguments = ", ".join(SLOTS[: len(self.pattern)])
        key = [SHAPES[kind].format(slot) for slot, kind in zip(SLOTS, self.pattern) if kind in SHAPES]
        key += [f"repr(params[{name!r}])" if name in SPELLED else f"params[{name!r}]" for name in self.gate.params]
        source = (
            f"{head}"
            f"    try: fitted = known[{', '.join(key)},]\n"
            f"    except (KeyError, TypeError): fitted = fit(p, ({arguments},), params)\n"
            f"    return fitted(p, {arguments}, params)\n"
        )
        return compiled(source, {"known": self.known, "fit": self.fit, **namespace})

    def fit(self, p: Pass, operands: Sequence[Operand], params: Params) -> Recorder:
        """Make the recorder for the shapes of these operands, and keep it if they are small.

        Raises
        ------
        GateError
            If the shapes do not fit the gate.
        """
        for operand in operands:
            if isinstance(operand, Node) and operand.home != p.number:
                p.adopt(operand)
        values = [operand.value if isinstance(operand, Node) else operand for operand in operands]
        shapes = [value.shape if isinstance(value, Tensor) else () for value in values]
        recorder, size = self.fitted(shapes, params)
        own = [value.shape for value in values if isinstance(value, Tensor)]
        given = (repr(params[name]) if name in SPELLED else params[name] for name in self.gate.params)
        self.keep((*own, *given), recorder, size)
        return recorder

    def fitted(self, shapes: Sequence[Shape], params: Params) -> tuple[Recorder, int]:
        """Compile the recorder for operands of these shapes: broadcasts, then the gate; say how much it makes."""
        aligned = self.gate.aligned(shapes)
        plan = self.gate.plan(self.number, aligned, [kind in NODES for kind in self.pattern], params)
        namespace: dict[str, Any] = {
            "gate": self.gate, "new": self.types[bool(plan.shape)], "given": params, "shared": More((), (), params),
            "more": More, "limits": LIMITS, "check_size": check_size,
        }  # fmt: skip
        slots, lines = SLOTS[: len(shapes)], adopting_lines(self.pattern)
        if prod(plan.shape) > max(map(prod, shapes)):
            lines.append("if size > limits.elements: check_size(shape)")
        kinds = self.pattern
        if list(shapes) != aligned:
            kinds = self.aligning(shapes, aligned, lines, namespace)
        lines += computing_lines(plan, [NUMBERS[kind].format(slot) for slot, kind in zip(slots, kinds)], namespace)
        more = "shared if params is given else more((), (), params)" if params else "None"
        lines += ["node = new()", "node.value = z"]
        lines += [f"node.d{slot} = d{slot}" for slot, kind in zip(slots, kinds) if kind in NODES]
        lines += filling_lines(kinds, more)
        source = f"def record(p, {', '.join(slots)}, params=None):\n    " + "\n    ".join(lines)
        return compiled(source, namespace), max(map(prod, (plan.shape, *aligned)))

    def aligning(
        self, shapes: Sequence[Shape], aligned: Sequence[Shape], lines: list[str], namespace: dict[str, Any]
    ) -> str:
        """Write that operands are brought to the shapes that the gate asks for, and return their new pattern."""
        kinds = list(self.pattern)
        for place, (slot, kind) in enumerate(zip(SLOTS, self.pattern)):
            if shapes[place] != aligned[place] and kind != "l":
                namespace[f"to_{slot}"] = to = {"shape": aligned[place]}
                namespace[f"bring_{slot}"] = self.bringing(kind, shapes[place], to)
                lines.append(f"{slot} = bring_{slot}(p, {slot}, to_{slot})")
                kinds[place] = "T" if kind == "T" else "t"
        return "".join(kinds)

    def bringing(self, kind: str, shape: Shape, to: Params) -> Recorder:
        """Return what brings an operand to a shape: a literal at once, a node by a gate."""
        if kind == "T":
            pick = picking(broadcast_source(shape, to["shape"]))
            return lambda p, literal, to: Tensor(to["shape"], pick(literal.data))
        return Fitting(GATES["broadcast"], self.number, kind, *self.types).fitted([shape], to)[0]

    def keep(self, key: tuple[Any, ...], recorder: Recorder, size: int) -> None:
        """Remember a recorder for shapes of this size; where there is no room left, begin anew."""
        self.room -= size + EACH
        if self.room < 0:
            self.known.clear()
            self.room = ROOM
        try:
            self.known[key] = recorder
        except TypeError:  # a list among the params has no hash
            return


def applier(
    gate: Gate, number: NumberType, shapes: Sequence[Shape], wanted: Sequence[bool], params: Params
) -> Callable[..., Any] | None:
    """Compile what a recorder does before it records: from operands of these shapes to the result and the locals.

    None where shapes alone do not tell it.
    """
    if not gate.has_plan or len(shapes) > len(SLOTS) or not any(shapes):
        return None
    plan, slots = gate.plan(number, shapes, wanted, params), SLOTS[: len(shapes)]
    if not plan.shape and not all(shapes):
        return None  # a map between numbers is a number
    alone = NUMBERS["l"] if isinstance(gate, Elementwise) else "[{0}]"
    given = [(NUMBERS["T"] if shape else alone).format(slot) for slot, shape in zip(slots, shapes)]
    namespace: dict[str, Any] = {}
    lines = [*computing_lines(plan, given, namespace), f"return z, {', '.join(f'd{slot}' for slot in slots)}"]
    return compiled(f"def record({', '.join(slots)}):\n    " + "\n    ".join(lines), namespace)


def computing_lines(plan: Plan, given: Sequence[str], namespace: dict[str, Any]) -> list[str]:
    """Write that the result ``z`` and the locals ``da`` and ``db`` are computed from lists of numbers."""
    namespace |= {"compute": plan.compute, "shape": plan.shape, "size": prod(plan.shape)}
    namespace |= {"empty": object.__new__, "tensor": Tensor}
    slots = SLOTS[: len(given)]
    lines = [
        f"zs, {', '.join(f'n{slot}' for slot in slots)} = compute({', '.join(given)})",
        "z = empty(tensor); z.shape = shape; z.data = zs" if plan.shape else "z, = zs",
    ]
    for slot, local in zip(slots, plan.maps):
        lines += local_lines(f"d{slot}", f"n{slot}", local, namespace)
    return lines


def local_lines(name: str, numbers: str, local: Blank | LinearMap | None, namespace: dict[str, Any]) -> list[str]:
    """Write that a local is made of its numbers; one that is always the same goes to the namespace."""
    if not isinstance(local, Blank):
        namespace[name] = local
        return []
    namespace |= {f"{name}_kind": local.kind, **{f"{name}_{field}": each for field, each in local.settled.items()}}
    fields = "; ".join(f"{name}.{field} = {name}_{field}" for field in local.settled)
    return [f"{name} = empty({name}_kind); {fields}; {name}.{local.numbers} = {numbers}"]


@cache
def code_of(source: str) -> CodeType:
    """Compile a recorder's text: there are few, whatever the shapes."""
    return compile(source, "<fitted>", "exec")


def compiled(source: str, namespace: dict[str, Any]) -> Recorder:
    """Make a recorder of its text."""
    exec(code_of(source), namespace)
    recorder: Recorder = namespace["record"]
    return recorder
