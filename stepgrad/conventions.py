"""THE CONVENTIONS: what happens at kinks and at the edges of float64, here and in three frameworks.

One row per case. What the frameworks answer was measured (PyTorch 2.13.0, JAX 0.10.2, TensorFlow 2.21.0,
float64 on a CPU). Where PyTorch and JAX agree, stepgrad agrees with them; where they differ, with PyTorch;
a row that departs from this says why. Tests run every row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from stepgrad.errors import InputError, nearest
from stepgrad.ops import GATES


class Convention(NamedTuple):
    """One case, and what is answered there.

    An answer is text: the value, a semicolon, and the gradients of the inputs in order, at six digits where
    a framework is cited: ``"2 ; 0.5, 0.5"``. It is ``"error"`` where there is none, and a gradient is
    ``None`` where a framework gives none.

    Attributes
    ----------
    gate : str
        The gate that it is about.
    case : str
        What happens, in short.
    program : str
        A program in which it happens.
    ours, pytorch, jax, tensorflow : str
        What each answers.
    notes : tuple of str
        The names under which the steps of the program speak of it: what their notes begin with.
    reason : str
        Why ours differs from PyTorch's, where it does.
    """

    gate: str
    case: str
    program: str
    ours: str
    pytorch: str
    jax: str
    tensorflow: str
    notes: tuple[str, ...] = ()
    reason: str = ""

    @property
    def value(self) -> Any:
        """What the program's value is here; None where it is an error."""
        return numbers_of(self.ours)[0]

    @property
    def grads(self) -> list[Any]:
        """The gradients here of the program's inputs, in order."""
        return numbers_of(self.ours)[1]


def numbers_of(answer: str) -> tuple[Any, list[Any]]:
    """Read an answer.

    >>> numbers_of("2 ; [0.5,-0], None"), numbers_of("error")
    ((2.0, [[0.5, -0.0], None]), (None, []))
    """
    if answer == "error":
        return None, []
    spelled = answer.replace("nan", "NaN").replace("inf", "Infinity").replace("None", "null")
    value, gradients = spelled.split(" ; ")
    return json.loads(value, parse_int=float), json.loads(f"[{gradients}]", parse_int=float)


def conventions_of(about: str | None = None) -> list[Convention]:
    """Return the rows about a gate, or those whose steps say a name; all of them without either.

    Raises
    ------
    InputError
        If there are none.
    """
    if about is None:
        return list(CONVENTIONS)
    names = {name: gate.name for gate in GATES.values() for name in (gate.name, gate.symbol, *gate.also)}
    found = [each for each in CONVENTIONS if each.gate == names.get(about) or about in (each.case, *each.notes)]
    if not found and about in names:
        raise InputError(f"`{about}` has no kinks or edges of its own; `stepgrad conventions` lists all that there are")
    if not found:
        known = [*names, *(name for each in CONVENTIONS for name in each.notes)]
        raise InputError(f"no gate or convention is called {about!r}{nearest(about, known)}")
    return found


def listing(rows: Sequence[Convention]) -> Iterator[str]:
    """Yield rows as the lines of a table, gate by gate: what each answers, what the step says, why ours differs."""
    titles = ("", "stepgrad", "PyTorch", "JAX", "TensorFlow", "program")
    gates = dict.fromkeys(each.gate for each in rows)
    for gate in gates:
        own = [each for each in rows if each.gate == gate]
        texts = [(each.case, each.ours, each.pytorch, each.jax, each.tensorflow, each.program) for each in own]
        cells = [tuple(map(shortened, row)) for row in texts]
        widths = [max(map(len, column)) for column in zip((gate, *titles[1:]), *cells)]
        if gate != next(iter(gates)):
            yield ""
        yield in_columns((gate, *titles[1:]), widths)
        for each, row in zip(own, cells, strict=True):
            yield in_columns(row, widths)
            if each.notes:
                yield f"      notes: {', '.join(each.notes)}"
            if each.reason:
                yield f"      ours differs: {each.reason}"


def in_columns(row: Iterable[str], widths: Iterable[int]) -> str:
    """Set one line of a table."""
    return "  ".join(f"{text:<{width}}" for text, width in zip(row, widths)).rstrip()


def shortened(answer: str) -> str:
    """Return an answer at six digits."""
    return re.sub(r"\d+\.\d{6,}(e[+-]\d+)?", lambda found: f"{float(found[0]):.6g}", answer)


CONVENTIONS = (
    Convention("sub", "a-b at (inf,inf)", "a = inf; b = inf; f = a-b", "nan ; 1, -1", "nan ; 1, -1", "nan ; 1, -1",
        "nan ; 1, -1", ("outside the domain",)),
    Convention("mul", "a*b at (0,inf)", "a = 0.0; b = inf; f = a*b", "nan ; inf, 0", "nan ; inf, 0", "nan ; inf, 0",
        "nan ; inf, 0", ("outside the domain",)),
    Convention("mul", "1e308*x at 10", "x = 10.0; f = 1e308*x", "inf ; 1e+308", "inf ; 1e+308", "inf ; 1e+308",
        "inf ; 1e+308", ("beyond the largest float64",)),
    Convention("mul", "unused y in x*x", "x = 3.0; y = 1.0; f = x*x", "9 ; 6, 0", "9 ; 6, None", "9 ; 6, 0",
        "9 ; 6, None", reason="an input that the output does not depend on has the gradient 0, as in JAX"),
    Convention("div", "1/x at 0.0", "x = 0.0; f = 1/x", "inf ; -inf", "inf ; -inf", "inf ; -inf", "inf ; -inf",
        ("division by zero",)),
    Convention("div", "1/x at -0.0", "x = -0.0; f = 1/x", "-inf ; -inf", "-inf ; -inf", "-inf ; -inf", "-inf ; -inf",
        ("division by zero",)),
    Convention("div", "a/b at (0,0)", "a = 0.0; b = 0.0; f = a/b", "nan ; inf, nan", "nan ; inf, nan",
        "nan ; inf, nan", "nan ; inf, nan", ("0/0", "division by zero")),
    Convention("div", "a/b at (1,0)", "a = 1.0; b = 0.0; f = a/b", "inf ; inf, -inf", "inf ; inf, -inf",
        "inf ; inf, -inf", "inf ; inf, -inf", ("division by zero",)),
    Convention("div", "x/x at 0", "x = 0.0; f = x/x", "nan ; nan", "nan ; nan", "nan ; nan", "nan ; nan",
        ("0/0", "division by zero")),
    Convention("div", "1/(1+exp(-x)) at -800", "x = -800.0; f = 1/(1+exp(-x))", "0 ; nan", "0 ; nan", "0 ; nan",
        "0 ; nan", ("beyond the largest float64", "0 × inf")),
    Convention("pow", "x**0 at 0", "x = 0.0; f = x**0", "1 ; 0", "1 ; 0", "1 ; 0", "1 ; nan", ("0**0",)),
    Convention("pow", "x**1 at 0", "x = 0.0; f = x**1", "0 ; 1", "0 ; 1", "0 ; 1", "0 ; 1"),
    Convention("pow", "x**2 at 0", "x = 0.0; f = x**2", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; 0"),
    Convention("pow", "x**0.5 at 0", "x = 0.0; f = x**0.5", "0 ; inf", "0 ; inf", "0 ; inf", "0 ; inf",
        ("power below 1 at 0",)),
    Convention("pow", "x**-1 at 0", "x = 0.0; f = x**-1", "inf ; -inf", "inf ; -inf", "inf ; -inf", "inf ; -inf",
        ("zero to a negative power", "power below 1 at 0")),
    Convention("pow", "x**2 at -3", "x = -3.0; f = x**2", "9 ; -6", "9 ; -6", "9 ; -6", "9 ; -6"),
    Convention("pow", "x**3 at -2", "x = -2.0; f = x**3", "-8 ; 12", "-8 ; 12", "-8 ; 12", "-8 ; 12"),
    Convention("pow", "x**0.5 at -4", "x = -4.0; f = x**0.5", "nan ; nan", "nan ; nan", "nan ; nan", "nan ; nan",
        ("power of a negative",)),
    Convention("pow", "x**(1/3) at -8", "x = -8.0; f = x**(1/3)", "nan ; nan", "nan ; nan", "nan ; nan", "nan ; nan",
        ("power of a negative",)),
    Convention("pow", "x**0 at nan", "x = nan; f = x**0", "1 ; 0", "1 ; 0", "1 ; 0", "1 ; nan"),
    Convention("pow", "x**y at (0,0)", "x = 0.0; y = 0.0; f = x**y", "1 ; 0, 0", "1 ; 0, 0", "1 ; nan, 0",
        "1 ; nan, 0", ("0**0",)),
    Convention("pow", "x**y at (0,2)", "x = 0.0; y = 2.0; f = x**y", "0 ; 0, 0", "0 ; 0, 0", "0 ; 0, 0", "0 ; 0, 0"),
    Convention("pow", "x**y at (0,-1)", "x = 0.0; y = -1.0; f = x**y", "inf ; -inf, -inf", "inf ; -inf, -inf",
        "inf ; -inf, nan", "inf ; -inf, nan", ("zero to a negative power", "power below 1 at 0")),
    Convention("pow", "x**y at (-2,2)", "x = -2.0; y = 2.0; f = x**y", "4 ; -4, nan", "4 ; -4, nan", "4 ; -4, nan",
        "4 ; -4, 0", ("exponent of a negative",)),
    Convention("pow", "x**y at (-2,3)", "x = -2.0; y = 3.0; f = x**y", "-8 ; 12, nan", "-8 ; 12, nan",
        "-8 ; 12, nan", "-8 ; 12, -0", ("exponent of a negative",)),
    Convention("pow", "x**y at (-2,0.5)", "x = -2.0; y = 0.5; f = x**y", "nan ; nan, nan", "nan ; nan, nan",
        "nan ; nan, nan", "nan ; nan, nan", ("power of a negative", "exponent of a negative")),
    Convention("pow", "x**y at (1,nan)", "x = 1.0; y = nan; f = x**y", "1 ; nan, 0", "1 ; nan, 0", "1 ; nan, 0",
        "1 ; nan, 0"),
    Convention("pow", "0**y at y=2", "y = 2.0; f = 0**y", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; 0"),
    Convention("pow", "(-2)**y at y=2", "y = 2.0; f = (-2)**y", "4 ; nan", "4 ; nan", "4 ; nan", "4 ; 0",
        ("exponent of a negative",)),
    Convention("pow", "x**inf at -2", "x = -2.0; f = x**inf", "inf ; inf", "inf ; inf", "inf ; inf", "inf ; inf"),
    Convention("pow", "x**0.5 at 0 behind a square", "x = 0.0; f = (x**2)**0.5", "0 ; nan", "0 ; nan", "0 ; nan",
        "0 ; nan", ("power below 1 at 0", "0 × inf")),
    Convention("pow", "x**0.5 at -0.0", "x = -0.0; f = x**0.5", "0 ; inf", "-0 ; -inf", "0 ; inf", "0 ; inf",
        ("power below 1 at 0",), "C's pow, as in JAX; PyTorch takes the square root instead"),
    Convention("pow", "x**0.5 at -inf", "x = -inf; f = x**0.5", "inf ; 0", "nan ; nan", "inf ; 0", "inf ; 0",
        reason="C's pow, as in JAX; PyTorch takes the square root instead"),
    Convention("pow", "x**-0.5 at -0.0", "x = -0.0; f = x**-0.5", "inf ; -inf", "-inf ; -inf", "inf ; -inf",
        "inf ; -inf", ("zero to a negative power", "power below 1 at 0"),
        "C's pow, as in JAX; PyTorch takes the square root instead"),
    Convention("maximum", "maximum(x,0) at 0", "x = 0.0; f = maximum(x, 0)", "0 ; 0.5", "0 ; 0.5", "0 ; 0.5",
        "0 ; 1", ("tie",)),
    Convention("maximum", "maximum(a,b) tie", "a = 2.0; b = 2.0; f = maximum(a, b)", "2 ; 0.5, 0.5", "2 ; 0.5, 0.5",
        "2 ; 0.5, 0.5", "2 ; 1, 0", ("tie",)),
    Convention("maximum", "maximum(x,x)", "x = 2.0; f = maximum(x, x)", "2 ; 1", "2 ; 1", "2 ; 1", "2 ; 1", ("tie",)),
    Convention("maximum", "maximum(0.0,-0.0)", "a = 0.0; b = -0.0; f = maximum(a, b)", "0 ; 0.5, 0.5",
        "0 ; 0.5, 0.5", "0 ; 0.5, 0.5", "0 ; 1, 0", ("tie",)),
    Convention("maximum", "maximum(nan,1)", "a = nan; b = 1.0; f = maximum(a, b)", "nan ; 1, 1", "nan ; 1, 1",
        "nan ; 0, 0", "nan ; 0, 1", ("nan",)),
    Convention("maximum", "maximum(1,nan)", "a = 1.0; b = nan; f = maximum(a, b)", "nan ; 1, 1", "nan ; 1, 1",
        "nan ; 0, 0", "nan ; 0, 1", ("nan",)),
    Convention("maximum", "sqrt(maximum(x,0)) at -1", "x = -1.0; f = sqrt(maximum(x, 0))", "0 ; 0", "0 ; 0",
        "0 ; nan", "0 ; 0", ("sqrt at 0", "shut out")),
    Convention("maximum", "sqrt(maximum(x,0)) at 0", "x = 0.0; f = sqrt(maximum(x, 0))", "0 ; inf", "0 ; inf",
        "0 ; inf", "0 ; inf", ("sqrt at 0", "tie")),
    Convention("minimum", "minimum(a,b) tie", "a = 2.0; b = 2.0; f = minimum(a, b)", "2 ; 0.5, 0.5", "2 ; 0.5, 0.5",
        "2 ; 0.5, 0.5", "2 ; 1, 0", ("tie",)),
    Convention("minimum", "minimum(nan,1)", "a = nan; b = 1.0; f = minimum(a, b)", "nan ; 1, 1", "nan ; 1, 1",
        "nan ; 0, 0", "nan ; 0, 1", ("nan",)),
    Convention("minimum", "log(minimum(x,0)) at 1", "x = 1.0; f = log(minimum(x, 0))", "-inf ; 0", "-inf ; 0",
        "-inf ; nan", "-inf ; 0", ("log at 0", "shut out")),
    Convention("exp", "exp(1000)", "x = 1000.0; f = exp(x)", "inf ; inf", "inf ; inf", "inf ; inf", "inf ; inf",
        ("beyond the largest float64",)),
    Convention("exp", "exp(-1000)", "x = -1000.0; f = exp(x)", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; 0"),
    Convention("exp", "exp(-inf)", "x = -inf; f = exp(x)", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; 0"),
    Convention("exp", "sqrt(exp(x)) at -1000", "x = -1000.0; f = sqrt(exp(x))", "0 ; nan", "0 ; nan", "0 ; nan",
        "0 ; nan", ("sqrt at 0", "0 × inf")),
    Convention("log", "log(0)", "x = 0.0; f = log(x)", "-inf ; inf", "-inf ; inf", "-inf ; inf", "-inf ; inf",
        ("log at 0",)),
    Convention("log", "log(-0.0)", "x = -0.0; f = log(x)", "-inf ; -inf", "-inf ; -inf", "-inf ; -inf",
        "-inf ; -inf", ("log at 0",)),
    Convention("log", "log(-1)", "x = -1.0; f = log(x)", "nan ; -1", "nan ; -1", "nan ; -1", "nan ; -1",
        ("log of a negative",)),
    Convention("log", "x*log(x) at 0", "x = 0.0; f = x*log(x)", "nan ; nan", "nan ; nan", "nan ; nan", "nan ; nan",
        ("log at 0", "outside the domain", "0 × inf")),
    Convention("log1p", "log1p(-1)", "x = -1.0; f = log1p(x)", "-inf ; inf", "-inf ; inf", "-inf ; inf", "-inf ; inf",
        ("log1p at -1",)),
    Convention("log1p", "log1p(-2)", "x = -2.0; f = log1p(x)", "nan ; -1", "nan ; -1", "nan ; -1", "nan ; -1",
        ("log1p below -1",)),
    Convention("sqrt", "sqrt(0)", "x = 0.0; f = sqrt(x)", "0 ; inf", "0 ; inf", "0 ; inf", "0 ; inf", ("sqrt at 0",)),
    Convention("sqrt", "sqrt(-1)", "x = -1.0; f = sqrt(x)", "nan ; nan", "nan ; nan", "nan ; nan", "nan ; nan",
        ("sqrt of a negative",)),
    Convention("sqrt", "sqrt(x**2) at 0", "x = 0.0; f = sqrt(x**2)", "0 ; nan", "0 ; nan", "0 ; nan", "0 ; nan",
        ("sqrt at 0", "0 × inf")),
    Convention("sqrt", "0*sqrt(x) at 0", "x = 0.0; f = 0*sqrt(x)", "0 ; nan", "0 ; nan", "0 ; nan", "0 ; 0",
        ("sqrt at 0", "0 × inf")),
    Convention("sin", "sin(inf)", "x = inf; f = sin(x)", "nan ; nan", "nan ; nan", "nan ; nan", "nan ; nan",
        ("outside the domain",)),
    Convention("sin", "sin(1e22)", "x = 1e22; f = sin(x)", "-0.8522008497671888 ; 0.523214785395139",
        "-0.852201 ; 0.523215", "-0.852201 ; 0.523215", "-0.852201 ; 0.523215"),
    Convention("tan", "tan(pi/2)", "x = 1.5707963267948966; f = tan(x)",
        "1.633123935319537e+16 ; 2.6670937881135714e+32", "1.63312e+16 ; 2.66709e+32", "1.63312e+16 ; 2.66709e+32",
        "1.63312e+16 ; 2.66709e+32"),
    Convention("tanh", "tanh(20)", "x = 20.0; f = tanh(x)", "1 ; 1.6993417021166355e-17", "1 ; 0", "1 ; 0", "1 ; 0",
        reason="1 − tanh² has no digit left there; tanh′ is computed without cancellation"),
    Convention("tanh", "tanh(1000)", "x = 1000.0; f = tanh(x)", "1 ; 0", "1 ; 0", "1 ; 0", "1 ; 0"),
    Convention("sigmoid", "sigmoid(1000)", "x = 1000.0; f = sigmoid(x)", "1 ; 0", "1 ; 0", "1 ; 0", "1 ; 0"),
    Convention("sigmoid", "sigmoid(-1000)", "x = -1000.0; f = sigmoid(x)", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; 0"),
    Convention("sigmoid", "sigmoid(-740)", "x = -740.0; f = sigmoid(x)", "4.19956e-322 ; 4.19956e-322", "0 ; 0",
        "0 ; 0", "0 ; 0", reason="float64 has numbers that small; they are not flushed to 0"),
    Convention("sigmoid", "sigmoid(40)", "x = 40.0; f = sigmoid(x)", "1 ; 4.248354255291589e-18", "1 ; 0", "1 ; 0",
        "1 ; 0", reason="(1 − σ)σ has no digit left there; σ′ is computed without cancellation"),
    Convention("relu", "relu at 0.0", "x = 0.0; f = relu(x)", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; 0", ("relu at 0",)),
    Convention("relu", "relu at -0.0", "x = -0.0; f = relu(x)", "-0 ; 0", "-0 ; 0", "0 ; 0", "-0 ; 0", ("relu at 0",)),
    Convention("relu", "relu(nan)", "x = nan; f = relu(x)", "nan ; 1", "nan ; 1", "nan ; 0", "nan ; 0",
        ("relu at nan",)),
    Convention("relu", "relu(-inf)", "x = -inf; f = relu(x)", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; 0"),
    Convention("relu", "relu(inf)", "x = inf; f = relu(x)", "inf ; 1", "inf ; 1", "inf ; 1", "inf ; 1"),
    Convention("relu", "sqrt(relu(x)) at -1", "x = -1.0; f = sqrt(relu(x))", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; nan",
        ("sqrt at 0", "shut out")),
    Convention("relu", "sqrt(relu(x)) at 0", "x = 0.0; f = sqrt(relu(x))", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; nan",
        ("sqrt at 0", "relu at 0", "shut out")),
    Convention("relu", "1/relu(x) at -1", "x = -1.0; f = 1/relu(x)", "inf ; 0", "inf ; 0", "inf ; 0", "inf ; nan",
        ("division by zero", "shut out")),
    Convention("softplus", "softplus(1000)", "x = 1000.0; f = softplus(x)", "1000 ; 1", "1000 ; 1", "1000 ; 1",
        "1000 ; 1"),
    Convention("softplus", "softplus(-1000)", "x = -1000.0; f = softplus(x)", "0 ; 0", "0 ; 0", "0 ; 0", "0 ; 0"),
    Convention("softplus", "softplus(30)", "x = 30.0; f = softplus(x)", "30.000000000000092 ; 0.9999999999999065",
        "30 ; 1", "30 ; 1", "30 ; 1"),
    Convention("leaky_relu", "leaky_relu at 0.0", "x = 0.0; f = leaky_relu(x)", "0 ; 0.01", "0 ; 0.01", "0 ; 1",
        "0 ; 0.01", ("leaky_relu at 0",)),
    Convention("leaky_relu", "leaky_relu(-0.0, -0.5)", "x = -0.0; f = leaky_relu(x, -0.5)", "0 ; -0.5", "0 ; -0.5",
        "-0 ; 1", "-0 ; -0.5", ("leaky_relu at 0",)),
    Convention("leaky_relu", "leaky_relu(nan)", "x = nan; f = leaky_relu(x)", "nan ; 0.01", "nan ; 0.01",
        "nan ; 0.01", "nan ; 0.01", ("leaky_relu at nan",)),
    Convention("leaky_relu", "leaky_relu(-inf, 0)", "x = -inf; f = leaky_relu(x, 0)", "nan ; 0", "nan ; 0",
        "nan ; 0", "nan ; 0", ("outside the domain",)),
    Convention("leaky_relu", "sqrt(leaky_relu(x, 0)) at -1", "x = -1.0; f = sqrt(leaky_relu(x, 0))", "-0 ; nan",
        "-0 ; nan", "-0 ; nan", "-0 ; nan", ("sqrt at 0", "0 × inf")),
    Convention("elu", "elu(0.0, 2)", "x = 0.0; f = elu(x, 2)", "0 ; 2", "0 ; 2", "0 ; 2", "0 ; 2", ("elu at 0",)),
    Convention("elu", "elu(-inf)", "x = -inf; f = elu(x)", "-1 ; 0", "-1 ; 0", "-1 ; 0", "-1 ; 0"),
    Convention("elu", "elu(1000)", "x = 1000.0; f = elu(x)", "1000 ; 1", "1000 ; 1", "1000 ; 1", "1000 ; 1"),
    Convention("elu", "elu(nan)", "x = nan; f = elu(x)", "nan ; 1", "nan ; 1", "nan ; nan", "nan ; 1", ("elu at nan",)),
    Convention("gelu", "gelu(-inf)", "x = -inf; f = gelu(x)", "nan ; nan", "nan ; nan", "nan ; nan", "nan ; nan",
        ("gelu at infinity",)),
    Convention("gelu", "gelu(inf)", "x = inf; f = gelu(x)", "inf ; nan", "inf ; nan", "inf ; nan", "inf ; nan",
        ("gelu at infinity",)),
    Convention("gelu", "gelu(-1000)", "x = -1000.0; f = gelu(x)", "-0 ; 0", "-0 ; 0", "-0 ; 0", "-0 ; 0"),
    Convention("gelu", "gelu(-10)", "x = -10.0; f = gelu(x)", "-7.619853024160497e-23 ; -7.618400096464814e-22",
        "-0 ; -7.6946e-22", "-7.61985e-23 ; -7.6184e-22", "-7.61987e-23 ; -7.61841e-22",
        reason="1 + erf has no digit left there; it is computed by erfc, as in JAX"),
    Convention("erf", "erf(inf)", "x = inf; f = erf(x)", "1 ; 0", "1 ; 0", "1 ; 0", "nan ; 0"),
    Convention("abs", "abs at 0.0", "x = 0.0; f = abs(x)", "0 ; 0", "0 ; 0", "0 ; 1", "0 ; 0", ("abs at 0",)),
    Convention("abs", "abs at -0.0", "x = -0.0; f = abs(x)", "0 ; 0", "0 ; 0", "0 ; 1", "0 ; 0", ("abs at 0",)),
    Convention("abs", "abs(nan)", "x = nan; f = abs(x)", "nan ; 0", "nan ; 0", "nan ; -1", "nan ; nan",
        ("abs at nan",)),
    Convention("abs", "sqrt(abs(x)) at 0", "x = 0.0; f = sqrt(abs(x))", "0 ; nan", "0 ; nan", "0 ; inf", "0 ; nan",
        ("sqrt at 0", "abs at 0", "0 × inf")),
    Convention("matmul", "[1e200,1e200] @ [1e200,-1e200]", "x = [1e200, 1e200]; y = [1e200, -1e200]; f = x @ y",
        "nan ; [1e+200,-1e+200], [1e+200,1e+200]", "nan ; [1e+200,-1e+200], [1e+200,1e+200]",
        "inf ; [1e+200,-1e+200], [1e+200,1e+200]", "nan ; [1e+200,-1e+200], [1e+200,1e+200]", ("outside the domain",)),
    Convention("matmul", "[0] @ [inf]", "x = [0.0]; y = [inf]; f = x @ y", "nan ; [inf], [0]", "nan ; [inf], [0]",
        "nan ; [inf], [0]", "nan ; [inf], [0]"),
    Convention("matmul", "sqrt([0] @ [0])", "x = [0.0]; y = [0.0]; f = sqrt(x @ y)", "0 ; [nan], [nan]",
        "0 ; [nan], [nan]", "0 ; [nan], [nan]", "0 ; [nan], [nan]", ("sqrt at 0", "0 × inf")),
    Convention("max_pool2d", "a window of -inf only", "x = [[-inf, -inf], [-inf, -inf]]; f = max_pool2d(x, 2)[0, 0]",
        "-inf ; [[1,0],[0,0]]", "-inf ; [[1,0],[0,0]]", "-inf ; [[1,0],[0,0]]", "-1.79769e+308 ; [[1,0],[0,0]]",
        ("tie in a window",)),
    Convention("max_pool2d", "a window [[1,1],[0,1]]", "x = [[1.0, 1.0], [0.0, 1.0]]; f = max_pool2d(x, 2)[0, 0]",
        "1 ; [[1,0],[0,0]]", "1 ; [[1,0],[0,0]]", "1 ; [[1,0],[0,0]]", "1 ; [[1,0],[0,0]]", ("tie in a window",)),
    Convention("max_pool2d", "a window [[nan,1],[nan,2]]",
        "x = [[nan, 1.0], [nan, 2.0]]; f = max_pool2d(x, 2)[0, 0]", "nan ; [[0,0],[1,0]]", "nan ; [[0,0],[1,0]]",
        "nan ; [[0,0],[0,1]]", "2 ; [[1,0],[0,0]]", ("nan",)),
    Convention("sum", "sum of empty", "x = zeros(0); f = sum(x)", "0 ; []", "0 ; []", "0 ; []", "0 ; []"),
    Convention("sum", "sum([1e308,1e308])", "x = [1e308, 1e308]; f = sum(x)", "inf ; [1,1]", "inf ; [1,1]",
        "inf ; [1,1]", "inf ; [1,1]", ("beyond the largest float64",)),
    Convention("mean", "mean of empty", "x = zeros(0); f = mean(x)", "nan ; []", "nan ; []", "nan ; []", "nan ; []",
        ("nothing",)),
    Convention("max", "max([2,2,1]) tie", "x = [2.0, 2.0, 1.0]; f = max(x)", "2 ; [0.5,0.5,0]", "2 ; [0.5,0.5,0]",
        "2 ; [0.5,0.5,0]", "2 ; [0.5,0.5,0]", ("tie",)),
    Convention("max", "max([5,5,5]) tie", "x = [5.0, 5.0, 5.0]; f = max(x)",
        "5 ; [0.3333333333333333,0.3333333333333333,0.3333333333333333]", "5 ; [0.333333,0.333333,0.333333]",
        "5 ; [0.333333,0.333333,0.333333]", "5 ; [0.333333,0.333333,0.333333]", ("tie",)),
    Convention("max", "max([nan,1])", "x = [nan, 1.0]; f = max(x)", "nan ; [1,0]", "nan ; [1,0]", "nan ; [nan,nan]",
        "nan ; [nan,nan]", ("nan",)),
    Convention("max", "max([2,2,1]) along axis 0", "x = [2.0, 2.0, 1.0]; f = max(x, axis=0)", "2 ; [0.5,0.5,0]",
        "2 ; [1,0,0]", "2 ; [0.5,0.5,0]", "2 ; [0.5,0.5,0]", ("tie",),
        "reductions share ties along an axis as they do without one, as JAX and PyTorch's amax"),
    Convention("max", "max of empty", "x = zeros(0); f = max(x)", "error", "error", "error", "-inf ; []"),
    Convention("max", "sqrt(max([-1,0]))", "x = [-1.0, 0.0]; f = sqrt(max(x))", "0 ; [nan,inf]", "0 ; [nan,inf]",
        "0 ; [nan,inf]", "0 ; [nan,inf]", ("sqrt at 0", "0 × inf")),
    Convention("min", "min([1,1,2]) tie", "x = [1.0, 1.0, 2.0]; f = min(x)", "1 ; [0.5,0.5,0]", "1 ; [0.5,0.5,0]",
        "1 ; [0.5,0.5,0]", "1 ; [0.5,0.5,0]", ("tie",)),
    Convention("norm", "norm([0,0])", "x = [0.0, 0.0]; f = norm(x)", "0 ; [0,0]", "0 ; [0,0]", "0 ; [nan,nan]",
        "0 ; [nan,nan]", ("norm at 0",)),
    Convention("norm", "norm([inf,1])", "x = [inf, 1.0]; f = norm(x)", "inf ; [nan,0]", "inf ; [nan,0]",
        "inf ; [nan,0]", "inf ; [nan,0]"),
    Convention("norm", "norm([nan,1])", "x = [nan, 1.0]; f = norm(x)", "nan ; [nan,nan]", "nan ; [nan,nan]",
        "nan ; [nan,nan]", "nan ; [nan,nan]"),
    Convention("norm", "norm([inf,nan])", "x = [inf, nan]; f = norm(x)", "nan ; [nan,nan]", "nan ; [nan,nan]",
        "nan ; [nan,nan]", "nan ; [nan,nan]"),
    Convention("norm", "norm([1.7e308,1.7e308])", "x = [1.7e308, 1.7e308]; f = norm(x)",
        "inf ; [0.7071067811865476,0.7071067811865476]", "inf ; [0,0]", "inf ; [0,0]", "inf ; [0,0]",
        ("beyond the largest float64",),
        "numbers are scaled before they are squared: no square overflows, and the direction stays"),
    Convention("norm", "norm([1e200,1e200])", "x = [1e200, 1e200]; f = norm(x)",
        "1.414213562373095e+200 ; [0.7071067811865475,0.7071067811865475]", "inf ; [0,0]", "inf ; [0,0]",
        "inf ; [0,0]", reason="numbers are scaled before they are squared: no square overflows"),
    Convention("norm", "norm([1e-200,1e-200])", "x = [1e-200, 1e-200]; f = norm(x)",
        "1.414213562373095e-200 ; [0.7071067811865476,0.7071067811865476]", "0 ; [0,0]", "0 ; [inf,inf]",
        "0 ; [inf,inf]", reason="numbers are scaled before they are squared: no square is lost"),
    Convention("logsumexp", "logsumexp([1000,1000])", "x = [1000.0, 1000.0]; f = logsumexp(x)",
        "1000.6931471805599 ; [0.5,0.5]", "1000.69 ; [0.5,0.5]", "1000.69 ; [0.5,0.5]", "1000.69 ; [0.5,0.5]"),
    Convention("logsumexp", "logsumexp([-inf,-inf])", "x = [-inf, -inf]; f = logsumexp(x)", "-inf ; [nan,nan]",
        "-inf ; [nan,nan]", "-inf ; [nan,nan]", "-inf ; [nan,nan]"),
    Convention("logsumexp", "logsumexp([inf,0])", "x = [inf, 0.0]; f = logsumexp(x)", "inf ; [nan,0]",
        "inf ; [nan,0]", "inf ; [nan,0]", "inf ; [nan,0]"),
    Convention("logsumexp", "logsumexp([inf,inf])", "x = [inf, inf]; f = logsumexp(x)", "inf ; [nan,nan]",
        "inf ; [nan,nan]", "inf ; [nan,nan]", "inf ; [nan,nan]"),
    Convention("logsumexp", "logsumexp of nothing", "x = zeros(0); f = logsumexp(x)", "-inf ; []", "-inf ; []",
        "-inf ; []", "-inf ; []", ("nothing",)),
    Convention("logsumexp", "logsumexp([1e308,1e308])", "x = [1e308, 1e308]; f = logsumexp(x)", "1e+308 ; [0.5,0.5]",
        "1e+308 ; [1,1]", "1e+308 ; [0.5,0.5]", "1e+308 ; [0.5,0.5]",
        reason="the gradient is softmax, as in JAX; PyTorch's exp(x − result) has lost log 2 in the rounding"),
    Convention("var", "var of nothing", "x = zeros(0); f = var(x)", "nan ; []", "nan ; []", "nan ; []", "nan ; []",
        ("nothing",)),
    Convention("var", "var([1e308,-1e308])", "x = [1e308, -1e308]; f = var(x)", "inf ; [1e+308,-1e+308]",
        "inf ; [1e+308,-1e+308]", "inf ; [nan,nan]", "inf ; [nan,nan]", ("beyond the largest float64",)),
    Convention("std", "std([2,2,2])", "x = [2.0, 2.0, 2.0]; f = std(x)", "0 ; [0,0,0]", "0 ; [0,0,0]",
        "0 ; [nan,nan,nan]", "0 ; [nan,nan,nan]", ("std of equal numbers",)),
    Convention("std", "std([2])", "x = [2.0]; f = std(x)", "0 ; [0]", "0 ; [0]", "0 ; [nan]", "0 ; [nan]",
        ("std of equal numbers",)),
    Convention("std", "std([inf,1])", "x = [inf, 1.0]; f = std(x)", "nan ; [nan,nan]", "nan ; [nan,nan]",
        "nan ; [nan,nan]", "nan ; [nan,nan]"),
    Convention("std", "std([0,1e200])", "x = [0.0, 1e200]; f = std(x)", "5e+199 ; [-0.5,0.5]", "inf ; [-0,0]",
        "inf ; [-0,0]", "inf ; [0,0]", reason="deviations are scaled before they are squared: no square overflows"),
    Convention("layer_norm", "layer_norm([inf,2])[1]", "x = [inf, 2.0]; f = layer_norm(x)[1]", "nan ; [nan,nan]",
        "nan ; [nan,nan]", "nan ; [nan,nan]", "nan ; [nan,nan]"),
    Convention("layer_norm", "layer_norm([0,1e200])[1]", "x = [0.0, 1e200]; f = layer_norm(x)[1]", "1 ; [0,0]",
        "nan ; [nan,nan]", "0 ; [0,0]", "0 ; [0,0]",
        reason="deviations are scaled before they are squared: no square overflows"),
    Convention("cumsum", "cumsum([inf,1,-inf])[2]", "x = [inf, 1.0, -inf]; f = cumsum(x)[2]", "nan ; [1,1,1]",
        "nan ; [1,1,1]", "nan ; [1,1,1]", "nan ; [1,1,1]"),
    Convention("softmax", "softmax([1000,0])[0]", "x = [1000.0, 0.0]; f = softmax(x)[0]", "1 ; [0,0]", "1 ; [0,-0]",
        "1 ; [0,-0]", "1 ; [0,-0]"),
    Convention("softmax", "softmax([inf,0])[0]", "x = [inf, 0.0]; f = softmax(x)[0]", "nan ; [nan,nan]",
        "nan ; [nan,nan]", "nan ; [nan,nan]", "nan ; [nan,nan]"),
    Convention("softmax", "softmax([-inf,-inf])[0]", "x = [-inf, -inf]; f = softmax(x)[0]", "nan ; [nan,nan]",
        "nan ; [nan,nan]", "nan ; [nan,nan]", "nan ; [nan,nan]"),
    Convention("softmax", "softmax([-inf,0])[0]", "x = [-inf, 0.0]; f = softmax(x)[0]", "0 ; [0,0]", "0 ; [0,0]",
        "0 ; [0,0]", "0 ; [0,0]"),
    Convention("softmax", "softmax of nothing", "x = zeros(0); f = sum(softmax(x))", "0 ; []", "0 ; []", "0 ; []",
        "0 ; []"),
    Convention("softmax", "sqrt(softmax([1000,0])[1])", "x = [1000.0, 0.0]; f = sqrt(softmax(x)[1])",
        "0 ; [nan,nan]", "0 ; [nan,nan]", "0 ; [nan,nan]", "0 ; [nan,nan]", ("sqrt at 0", "0 × inf")),
    Convention("log_softmax", "log_softmax of nothing", "x = zeros(0); f = sum(log_softmax(x))", "0 ; []", "0 ; []",
        "0 ; []", "0 ; []"),
    Convention("log_softmax", "log_softmax([inf,0])[1]", "x = [inf, 0.0]; f = log_softmax(x)[1]", "nan ; [nan,nan]",
        "nan ; [nan,nan]", "nan ; [nan,nan]", "nan ; [nan,nan]"),
    Convention("log_softmax", "log_softmax([-inf,0])[1]", "x = [-inf, 0.0]; f = log_softmax(x)[1]", "0 ; [0,0]",
        "0 ; [0,0]", "0 ; [0,0]", "0 ; [0,0]"),
    Convention("cross_entropy", "cross_entropy([1000,0], 1)", "s = [1000.0, 0.0]; f = cross_entropy(s, 1)",
        "1000 ; [1,-1]", "1000 ; [1,-1]", "1000 ; [1,-1]", "1000 ; [1,-1]"),
    Convention("cross_entropy", "cross_entropy([40,0], 0)", "s = [40.0, 0.0]; f = cross_entropy(s, 0)",
        "4.248354255291589e-18 ; [-4.248354255291589e-18,4.248354255291589e-18]", "0 ; [0,4.24835e-18]",
        "-0 ; [0,4.24835e-18]", "0 ; [0,4.24835e-18]",
        reason="the loss is log1p of the others' share, and softmax − 1 is minus the others' sum: no digit is lost"),
    Convention("mse", "sqrt(mse(x,y)) at (2,2)", "x = 2.0; y = 2.0; f = sqrt(mse(x, y))", "0 ; nan, nan",
        "0 ; nan, nan", "0 ; nan, nan", "0 ; nan, nan", ("sqrt at 0", "0 × inf")),
    Convention("svm_loss", "svm_loss([1,0,0.5], 0)", "s = [1.0, 0.0, 0.5]; f = svm_loss(s, 0)", "0.5 ; [-1,0,1]",
        "0.5 ; [-1,0,1]", "0.5 ; [-1.5,0.5,1]", "0.5 ; [-2,1,1]", ("class on the margin",)),
    Convention("where", "where(x>0,log(x),0) at 0", "x = 0.0; f = where(x > 0, log(x), 0)", "0 ; nan", "0 ; nan",
        "0 ; nan", "0 ; nan", ("log at 0", "0 × inf")),
    Convention("where", "where(0,log(x),0) at 0", "x = 0.0; f = where(0, log(x), 0)", "0 ; nan", "0 ; nan",
        "0 ; nan", "0 ; nan", ("log at 0", "0 × inf")),
    Convention("where", "sqrt(where(x>0,x,0)) at -1", "x = -1.0; f = sqrt(where(x > 0, x, 0))", "0 ; 0", "0 ; 0",
        "0 ; 0", "0 ; 0", ("sqrt at 0", "shut out")),
    Convention("clip", "clip(x,0,1) at 0", "x = 0.0; f = clip(x, 0, 1)", "0 ; 1", "0 ; 1", "0 ; 0.5", "0 ; 1",
        ("clip on a border",)),
    Convention("clip", "clip(x,0,1) at 1", "x = 1.0; f = clip(x, 0, 1)", "1 ; 1", "1 ; 1", "1 ; 0.5", "1 ; 1",
        ("clip on a border",)),
    Convention("clip", "clip(nan,0,1)", "x = nan; f = clip(x, 0, 1)", "nan ; 0", "nan ; 0", "nan ; 0", "nan ; 0",
        ("clip at nan",)),
    Convention("clip", "clip(0,1,1)", "x = 0.0; l = 1.0; h = 1.0; f = clip(x, l, h)", "1 ; 0, 0, 0", "1 ; 0, 0, 0",
        "1 ; 0, 0.5, 0.5", "1 ; 0, 1, 0", ("clip with equal borders",)),
    Convention("clip", "clip(2,1,1)", "x = 2.0; l = 1.0; h = 1.0; f = clip(x, l, h)", "1 ; 0, 0, 1", "1 ; 0, 0, 1",
        "1 ; 0, 0, 1", "1 ; 0, 0, 1"),
    Convention("clip", "clip(0,2,1)", "x = 0.0; l = 2.0; h = 1.0; f = clip(x, l, h)", "1 ; 0, 0, 1", "1 ; 0, 0, 1",
        "1 ; 0, 0, 1", "2 ; 0, 1, 0", ("clip with crossed borders",)),
    Convention("clip", "sqrt(clip(x,0,1)) at -1", "x = -1.0; f = sqrt(clip(x, 0, 1))", "0 ; 0", "0 ; 0", "0 ; nan",
        "0 ; 0", ("sqrt at 0", "shut out")),
)  # fmt: skip
