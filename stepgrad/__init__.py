"""stepgrad: the debugger for backpropagation.

A program in a small subset of Python is interpreted as a computational graph; every forward step and
every backward step becomes an event that can be looked at.

>>> import stepgrad
>>> trace = stepgrad.run("h = exp(-x); f = 1 / (1 + h)", x=1.0)
>>> trace.value, trace.grads
(0.7310585786300049, {'x': 0.19661193324148188})
>>> print(trace)
Forward
   1  x           =  1.00  input
   2  v₁ = x × -1 = -1.00
   3  h  = exp(v₁) ≈  0.37
   4  v₃ = 1 + h  ≈  1.37
   5  f  = 1 / v₃ ≈  0.73
...
>>> trace[6]  # doctest: +ELLIPSIS
Backward(step=7, node=4, slot=1, operand=3, upstream=1.0, local=-0.53..., ...)

Words
-----
gate
    An operation, a row of the table (op, primitive).
node
    A value computed once, by one gate from its operands; its index is its identity (Value, vertex).
operand, slot
    A node used by another, and its position there (child, parent, argument).
input
    A leaf with a name and a gradient (variable, parameter).
constant
    A value to which no gradient flows (``requires_grad=False``).
literal
    A number or list written inside an expression: carried by its gate, not a node.
tape
    The nodes in the order in which they were computed (Wengert list).
value, gradient
    The number at a node; d(output)/d(node) as accumulated so far (adjoint, cotangent).
seed
    The gradient given to the output, 1.
upstream
    The finished gradient of the node being differentiated.
local
    ∂node/∂operand: a number, or for tensors a linear map (Jacobian).
product
    upstream × local: what an edge sends to its operand (downstream gradient, VJP).
total
    The operand's gradient after adding the product.
tangent, direction
    How fast a value moves when the inputs move, in forward mode; how fast these do (dual part, JVP).
pass
    One forward sweep, the backward sweep that ends it, and the updates that follow (iteration).
update
    An input is given another value, computed from gradients off the tape.
step, event
    A position in the trace, and what happened there.
trace, cursor
    The immutable sequence of events; a position in it, and what is known there.
"""

from __future__ import annotations

import stepgrad.interrupts  # noqa: F401  # before anything that takes a moment

TYPE_CHECKING = False  # typing's own would take as long to load as Python itself

if TYPE_CHECKING:
    from typing import Any

    from stepgrad.certificate import Certificate, certify
    from stepgrad.checking import check
    from stepgrad.comparison import compare
    from stepgrad.conventions import CONVENTIONS, Convention
    from stepgrad.cursor import Cursor
    from stepgrad.curvature import Hessian, hessian
    from stepgrad.directions import Jvp, Modes, jvp, modes
    from stepgrad.errors import FormatError, GateError, InputError, LimitError, ProgramError, StepgradError, TraceError
    from stepgrad.events import Backward, Direction, Event, Forward, Print, Seed, Tangent, Update
    from stepgrad.files import save
    from stepgrad.formats import FORMATS, render
    from stepgrad.keeping import Tape
    from stepgrad.language import run
    from stepgrad.limits import LIMITS
    from stepgrad.loader import load
    from stepgrad.ops import GATES
    from stepgrad.paths import PathSum, why
    from stepgrad.trace import Trace
    from stepgrad.value import Value, concat, stack

__version__ = "0.1.0"

__all__ = [
    "CONVENTIONS",
    "FORMATS",
    "GATES",
    "LIMITS",
    "Backward",
    "Certificate",
    "Convention",
    "Cursor",
    "Direction",
    "Event",
    "FormatError",
    "Forward",
    "GateError",
    "Hessian",
    "InputError",
    "Jvp",
    "LimitError",
    "Modes",
    "PathSum",
    "Print",
    "ProgramError",
    "Seed",
    "StepgradError",
    "Tangent",
    "Tape",
    "Trace",
    "TraceError",
    "Update",
    "Value",
    "certify",
    "check",
    "compare",
    "concat",
    "hessian",
    "jvp",
    "load",
    "modes",
    "render",
    "run",
    "save",
    "stack",
    "why",
]

ROOMS = {
    "certificate": ("Certificate", "certify"),
    "checking": ("check",),
    "comparison": ("compare",),
    "conventions": ("CONVENTIONS", "Convention"),
    "cursor": ("Cursor",),
    "curvature": ("Hessian", "hessian"),
    "directions": ("Jvp", "Modes", "jvp", "modes"),
    "errors": ("FormatError", "GateError", "InputError", "LimitError", "ProgramError", "StepgradError", "TraceError"),
    "events": ("Backward", "Direction", "Event", "Forward", "Print", "Seed", "Tangent", "Update"),
    "files": ("save",),
    "formats": ("FORMATS", "render"),
    "keeping": ("Tape",),
    "language": ("run",),
    "limits": ("LIMITS",),
    "loader": ("load",),
    "ops": ("GATES",),
    "paths": ("PathSum", "why"),
    "trace": ("Trace",),
    "value": ("Value", "concat", "stack"),
}


def __getattr__(name: str) -> Any:
    """Load what is behind the door when it is first asked for; a room is found by its own name, too."""
    from importlib import import_module

    room = next((room for room, names in ROOMS.items() if name in names), None)
    try:
        found = import_module(f"stepgrad.{room or name}") if not name.startswith("_") else None
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise AttributeError(f"module 'stepgrad' has no attribute {name!r}")
    return globals().setdefault(name, getattr(found, name) if room else found)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
