"""THE TABLE: one row per gate.

In an elementwise row ``x`` and ``y`` are the operands and ``z`` is the result; each local is
∂z/∂operand, ``closed`` where the operand is shut out: 0, whatever the upstream. ``shown`` is the
local as a lecture writes it, where the computed text is another one that keeps more digits: 1 − tanh²
loses all of them at 20. What a step says at a kink or an edge begins with the name that it has in the
list of ``conventions``. To add a gate, add a row; the language, the sweeps, the text, the screen, the
documentation and the tests pick it up from here.
"""

from __future__ import annotations

from stepgrad import convolution, losses, matrix, reductions, selection, statistics
from stepgrad.gate import Elementwise, Gate
from stepgrad.structural import Structural

V = [0.5, -1.5, 2.0]
M = [[0.5, -1.5, 2.0], [1.0, 3.0, -0.25]]
N = [[1.5, -0.5], [0.25, 2.0], [-1.0, 0.75]]
STACKED = [[[1.0, 2.0], [3.0, -1.0]], [[0.5, 0.25], [-2.0, 4.0]]]
IMAGE = [[0.5, -1.5, 2.0, 0.25], [1.0, 3.0, -0.25, -2.0], [4.0, -0.75, 1.25, 0.125]]
KERNELS = [[[[0.5, -1.0]], [[2.0, 0.25]]], [[[1.5, 3.0]], [[-0.5, 0.75]]], [[[1.0, 0.0]], [[-2.0, 4.0]]]]
WHOLE = {"axis": None, "keepdims": False}
AXES = (((V,), WHOLE), ((M,), {"axis": 0, "keepdims": False}), ((M,), {"axis": -1, "keepdims": True}))

ELEMENTWISE = (
    Elementwise(
        name="add", symbol="+", infix=True, signature="x + y",
        forward="x+y", locals=("1", "1"),
        words="adds: hands the upstream on, unchanged, to both operands",
        samples=(((2.0, -3.5), {}), ((M, V), {}), ((V, 2.0), {})),
    ),
    Elementwise(
        name="sub", symbol="-", infix=True, signature="x - y", also=("subtract",),
        forward="x-y", locals=("1", "-1"),
        words="subtracts: hands the upstream on, to the second operand with its sign changed",
        samples=(((2.0, -3.5), {}), ((M, V), {})),
    ),
    Elementwise(
        name="mul", symbol="×", infix=True, signature="x * y", also=("multiply",),
        forward="x*y", locals=("y", "x"),
        words="multiplies: each operand gets the upstream times the other operand",
        samples=(((2.0, -3.5), {}), ((M, V), {}), ((V, V), {})),
    ),
    Elementwise(
        name="div", symbol="/", infix=True, signature="x / y", also=("divide", "true_divide"),
        forward="x/y", locals=("1/y", "-z/y"), shown=("1/y", "-x/y**2"),
        words="divides: the numerator gets upstream/y, the denominator -upstream·x/y²",
        domain=(("x == 0 and y == 0", "0/0: it is nan"), ("y == 0", "division by zero: it is inf")),
        kinks=(("xy", "y == 0", "division by zero: the slopes are infinite"),),
        samples=(((2.0, -3.5), {}), ((M, [1.0, 2.0, -0.5]), {})),
    ),
    Elementwise(
        name="pow", symbol="**", infix=True, signature="x ** y", also=("power",),
        forward="x**y",
        locals=("0 if y == 0 else y*x**(y-1)", "0 if x == 0 and y >= 0 else z*log(x)"),
        shown=("y*x**(y-1)", "z*log(x)"),
        words="raises to a power: the exponent comes down and is one less above",
        domain=(
            ("x < 0 and y == y and z != z", "power of a negative: it is nan where the exponent is not whole"),
            ("x == 0 and y < 0", "zero to a negative power: it is inf"),
        ),
        kinks=(
            ("xy", "x == 0 and y == 0", "0**0: its gradients are 0, by convention"),
            ("x", "x == 0 and y < 1 and y != 0", "power below 1 at 0: the slope is infinite"),
            ("y", "x < 0", "exponent of a negative: its gradient is nan"),
        ),
        samples=(((2.0, 3.0), {}), ((1.5, -2.0), {}), (([0.5, 2.0], [3.0, 1.5]), {})),
    ),
    Elementwise(
        name="maximum", symbol="max", signature="max(x, y)",
        forward="x if x >= y or x != x else y",
        locals=("closed if x < y else 0.5 if x == y else 1", "closed if y < x else 0.5 if x == y else 1"),
        shown=("[x > y]", "[y > x]"),
        words="routes: the larger operand gets the whole upstream, the other 0",
        kinks=(
            ("xy", "x == y", "tie: each side gets half, by convention"),
            ("xy", "x != x or y != y", "nan: both sides get the upstream, by convention"),
        ),
        samples=(((2.0, -3.5), {}), (([1.0, 2.0], [3.0, -1.0]), {})),
    ),
    Elementwise(
        name="minimum", symbol="min", signature="min(x, y)",
        forward="x if x <= y or x != x else y",
        locals=("closed if x > y else 0.5 if x == y else 1", "closed if y > x else 0.5 if x == y else 1"),
        shown=("[x < y]", "[y < x]"),
        words="routes: the smaller operand gets the whole upstream, the other 0",
        kinks=(
            ("xy", "x == y", "tie: each side gets half, by convention"),
            ("xy", "x != x or y != y", "nan: both sides get the upstream, by convention"),
        ),
        samples=(((2.0, -3.5), {}), (([1.0, 2.0], [3.0, -1.0]), {})),
    ),
    Elementwise(
        name="exp", symbol="exp", signature="exp(x)",
        forward="exp(x)", locals=("z",),
        words="is its own derivative: upstream times the result",
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="log", symbol="log", signature="log(x)",
        forward="log(x)", locals=("1/x",),
        words="takes the natural logarithm: upstream divided by the operand",
        domain=(("x == 0", "log at 0: log(0) is -inf"), ("x < 0", "log of a negative: it is nan")),
        kinks=(
            ("x", "x == 0", "log at 0: log′(0) = 1/0 is inf"),
            ("x", "x < 0", "log of a negative: log′ = 1/x, by convention also where log is nan"),
        ),
        samples=(((0.7,), {}), (([0.5, 3.0],), {})),
    ),
    Elementwise(
        name="expm1", symbol="expm1", signature="expm1(x)",
        forward="expm1(x)", locals=("exp(x)",),
        words="is exp(x) - 1 to all digits: upstream times exp(x)",
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="log1p", symbol="log1p", signature="log1p(x)",
        forward="log1p(x)", locals=("1/(1+x)",),
        words="is log(1 + x) to all digits: upstream divided by 1 + x",
        domain=(("x == -1", "log1p at -1: log(0) is -inf"), ("x < -1", "log1p below -1: it is nan")),
        kinks=(
            ("x", "x == -1", "log1p at -1: log1p′(-1) = 1/0 is inf"),
            ("x", "x < -1", "log1p below -1: log1p′ = 1/(1 + x), by convention also where log1p is nan"),
        ),
        samples=(((0.7,), {}), (([0.5, 3.0],), {})),
    ),
    Elementwise(
        name="sqrt", symbol="sqrt", signature="sqrt(x)",
        forward="sqrt(x)", locals=("0.5/z",), shown=("1/(2*z)",),
        words="takes the square root: upstream over twice the result",
        domain=(("x < 0", "sqrt of a negative: it is nan"),),
        kinks=(("x", "x == 0", "sqrt at 0: sqrt′(0) = 1/0 is inf"),),
        samples=(((0.7,), {}), (([0.5, 3.0],), {})),
    ),
    Elementwise(
        name="sin", symbol="sin", signature="sin(x)",
        forward="sin(x)", locals=("cos(x)",),
        words="upstream times the cosine", samples=(((0.7,), {}), ((V,), {})),
    ),
    Elementwise(
        name="cos", symbol="cos", signature="cos(x)",
        forward="cos(x)", locals=("-sin(x)",),
        words="upstream times minus the sine", samples=(((0.7,), {}), ((V,), {})),
    ),
    Elementwise(
        name="tan", symbol="tan", signature="tan(x)",
        forward="tan(x)", locals=("1+z*z",), shown=("1+z**2",),
        words="upstream times one plus the result squared", samples=(((0.7,), {}), ((V,), {})),
    ),
    Elementwise(
        name="tanh", symbol="tanh", signature="tanh(x)",
        forward="tanh(x)", locals=("4*(u := exp(-2*x if x >= 0 else 2*x))/(1+u)**2",), shown=("1-z**2",),
        words="squashes to (-1, 1): upstream times 1 - z², almost nothing where it is saturated",
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="sigmoid", symbol="σ", signature="sigmoid(x)",
        forward="1/(1+exp(-x)) if x >= 0 else (u := exp(x))/(1+u)",
        locals=("(u := exp(-x if x >= 0 else x))/(1+u)**2",), shown=("(1-z)*z",),
        words="squashes to (0, 1): upstream times (1 - σ)σ, at most a quarter",
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="relu", symbol="relu", signature="relu(x)",
        forward="0 if x < 0 else x", locals=("closed if x <= 0 else 1",), shown=("[x > 0]",),
        words="lets the upstream through where the operand is positive, stops it elsewhere",
        kinks=(
            ("x", "x == 0", "relu at 0: relu′(0) = 0, by convention"),
            ("x", "x != x", "relu at nan: relu′(nan) = 1, by convention"),
        ),
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="softplus", symbol="softplus", signature="softplus(x)",
        forward="(x if x > 0 else 0) + log1p(exp(-x if x > 0 else x))",
        locals=("1/(1+exp(-x)) if x >= 0 else (u := exp(x))/(1+u)",), shown=("1/(1+exp(-x))",),
        words="is a smooth relu: upstream times the sigmoid of the operand",
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="leaky_relu", symbol="leaky_relu", signature="leaky_relu(x, slope=0.01)", params=("slope",),
        forward="slope*x if x <= 0 else x", locals=("slope if x <= 0 else 1 if x == x else slope",),
        shown=("1 if x > 0 else slope",),
        words="lets the upstream through where the operand is positive, and a little of it elsewhere: slope times",
        kinks=(
            ("x", "x == 0 and slope != 1", "leaky_relu at 0: leaky_relu′(0) = slope, by convention"),
            ("x", "x != x", "leaky_relu at nan: leaky_relu′(nan) = slope, by convention"),
        ),
        samples=(((0.7,), {"slope": 0.01}), ((-0.7,), {"slope": 0.25}), ((M,), {"slope": -0.5})),
    ),
    Elementwise(
        name="elu", symbol="elu", signature="elu(x, alpha=1)", params=("alpha",),
        forward="alpha*expm1(x) if x < 0 else x", locals=("alpha*exp(x) if x <= 0 else 1",),
        words="lets the upstream through where the operand is positive, and fades it out below",
        kinks=(
            ("x", "x == 0 and alpha != 1", "elu at 0: elu′(0) = alpha, by convention"),
            ("x", "x != x", "elu at nan: elu′(nan) = 1, by convention"),
        ),
        samples=(((0.7,), {"alpha": 1}), ((-0.7,), {"alpha": 1}), ((M,), {"alpha": 0.5})),
    ),
    Elementwise(
        name="gelu", symbol="gelu", signature="gelu(x)",
        forward="0.5*x*erfc(-x*sqrt(0.5))",
        locals=("0.5*erfc(-x*sqrt(0.5))+x*exp(-0.5*x*x)*(1/sqrt(2*pi))",),
        shown=("(1+erf(x/sqrt(2)))/2+x*exp(-x**2/2)/sqrt(2*pi)",),
        words="weighs the operand by how likely a normal number is below it: the upstream times that, and a bump",
        domain=(("x < 0 and z != z", "gelu at infinity: -inf × 0 is nan"),),
        kinks=(("x", "x - x != 0 and x == x", "gelu at infinity: inf × 0 is nan, where the slope goes to 0 or 1"),),
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="erf", symbol="erf", signature="erf(x)",
        forward="erf(x)", locals=("2/sqrt(pi)*exp(-x*x)",), shown=("2*exp(-x**2)/sqrt(pi)",),
        words="squashes to (-1, 1): upstream times a bell, almost nothing beyond 3",
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="erfc", symbol="erfc", signature="erfc(x)",
        forward="erfc(x)", locals=("-2/sqrt(pi)*exp(-x*x)",), shown=("-2*exp(-x**2)/sqrt(pi)",),
        words="is 1 - erf(x) to all digits: upstream times minus a bell",
        samples=(((0.7,), {}), ((M,), {})),
    ),
    Elementwise(
        name="abs", symbol="abs", signature="abs(x)", also=("absolute", "fabs"),
        forward="abs(x)", locals=("1 if x > 0 else -1 if x < 0 else 0",), shown=("sign(x)",),
        words="passes the upstream on with the sign of the operand",
        kinks=(
            ("x", "x == 0", "abs at 0: abs′(0) = 0, by convention"),
            ("x", "x != x", "abs at nan: abs′(nan) = 0, by convention"),
        ),
        samples=(((-0.7,), {}), ((M,), {})),
    ),
)  # fmt: skip

STRUCTURAL = (
    Structural(
        name="matmul", symbol="@", infix=True, signature="x @ y", also=("dot",),
        planned=matrix.matmul, align=matrix.matmul_shapes,
        words="multiplies matrices: upstream times the other matrix, transposed, on its own side",
        samples=(
            ((V, V), {}),
            ((M, V), {}),
            (([1.0, -2.0], M), {}),
            ((M, N), {}),
            ((STACKED, STACKED[1]), {}),
            (([1.0, -2.0], STACKED), {}),
            ((STACKED, [1.0, -2.0]), {}),
        ),
    ),
    Structural(
        name="outer", symbol="outer", signature="outer(x, y)",
        planned=matrix.outer,
        words="multiplies every number by every other: each gets the sum of the upstream times what it met",
        samples=(((V, [4.0, -0.5]), {}), (([2.0], V), {})),
    ),
    Structural(
        name="conv2d", symbol="conv2d", signature="conv2d(x, weights, stride=1, padding=0)",
        params=("stride", "padding"),
        rule=convolution.conv2d,
        words="slides kernels over images, unflipped: each weight gets the upstream times all that it lay on, "
        "each pixel the upstream times all that lay on it",
        samples=(
            ((IMAGE, [[1.0, -0.5], [0.25, 2.0]]), {"stride": 1, "padding": 0}),
            ((IMAGE, [[1.0, -0.5, 0.75], [0.25, 2.0, -1.5]]), {"stride": (1, 2), "padding": (2, 1)}),
            ((STACKED, KERNELS), {"stride": 1, "padding": 1}),
            (([STACKED, STACKED[::-1]], KERNELS), {"stride": 2, "padding": 1}),
        ),
    ),
    Structural(
        name="max_pool2d", symbol="max_pool", signature="max_pool2d(x, size, stride=None)", params=("size", "stride"),
        rule=convolution.max_pool2d, kink=convolution.max_pool_note,
        words="routes: the largest number under each window gets its upstream",
        samples=(((IMAGE,), {"size": 2, "stride": 1}), ((STACKED,), {"size": (1, 2), "stride": None})),
    ),
    Structural(
        name="avg_pool2d", symbol="avg_pool", signature="avg_pool2d(x, size, stride=None)", params=("size", "stride"),
        rule=convolution.avg_pool2d,
        words="averages: each number under a window gets an equal share of its upstream",
        samples=(((IMAGE,), {"size": 2, "stride": 1}), ((STACKED,), {"size": (1, 2), "stride": None})),
    ),
    Structural(
        name="sum", symbol="Σ", signature="sum(x, axis=None, keepdims=False)", params=("axis", "keepdims"),
        planned=reductions.reduction(reductions.sum_of, "{up} for every element{over}"),
        words="adds up: every element gets the upstream", samples=AXES,
    ),
    Structural(
        name="mean", symbol="mean", signature="mean(x, axis=None, keepdims=False)",
        params=("axis", "keepdims"), also=("average",),
        planned=reductions.reduction(reductions.mean_of, "{up} / n for every element{over}"),
        words="averages: every element gets an equal share of the upstream", samples=AXES,
    ),
    Structural(
        name="max", symbol="max", signature="max(x, axis=None, keepdims=False)",
        params=("axis", "keepdims"), also=("amax",),
        planned=reductions.reduction(reductions.extreme_of("max", lambda x, z: x > z), "{up} to the largest{over}"),
        kink=reductions.tie_note,
        words="routes: the largest element gets the whole upstream, tied ones share it equally", samples=AXES,
    ),
    Structural(
        name="min", symbol="min", signature="min(x, axis=None, keepdims=False)",
        params=("axis", "keepdims"), also=("amin",),
        planned=reductions.reduction(reductions.extreme_of("min", lambda x, z: x < z), "{up} to the smallest{over}"),
        kink=reductions.tie_note,
        words="routes: the smallest element gets the whole upstream, tied ones share it equally", samples=AXES,
    ),
    Structural(
        name="norm", symbol="‖x‖", signature="norm(x, axis=None, keepdims=False)", params=("axis", "keepdims"),
        planned=reductions.reduction(reductions.norm_of, "{up} · {x} / {z}{over}"),
        kink=reductions.norm_note,
        words="measures length: the gradient points along the vector, with length upstream", samples=AXES,
    ),
    Structural(
        name="logsumexp", symbol="logsumexp", signature="logsumexp(x, axis=None, keepdims=False)",
        params=("axis", "keepdims"),
        planned=reductions.reduction(reductions.logsumexp_of, "{up} · softmax({x}){over}"),
        words="is a smooth maximum: the upstream is shared out by softmax", samples=AXES,
    ),
    Structural(
        name="var", symbol="var", signature="var(x, axis=None, keepdims=False)", params=("axis", "keepdims"),
        planned=reductions.reduction(statistics.var_of, "{up} · 2 ({x} − the mean{over}) / n"),
        words="averages squared deviations (ddof 0): each element is pulled from the mean, twice its deviation over n",
        samples=AXES,
    ),
    Structural(
        name="std", symbol="std", signature="std(x, axis=None, keepdims=False)", params=("axis", "keepdims"),
        planned=reductions.reduction(statistics.std_of, "{up} · ({x} − the mean{over}) / (n {z})"),
        kink=statistics.std_note,
        words="measures spread (ddof 0): each element is pulled from the mean, its deviation over n times the result",
        samples=AXES,
    ),
    Structural(
        name="layer_norm", symbol="layer_norm", signature="layer_norm(x, eps=1e-5)", params=("eps",),
        rule=statistics.layer_norm,
        words="brings the last axis to mean 0 and variance 1: "
        "upstream less its mean, and less its part along the result",
        samples=(((V,), {"eps": 1e-5}), ((M,), {"eps": 0.5}), ((STACKED,), {"eps": 1e-5})),
    ),
    Structural(
        name="cumsum", symbol="cumsum", signature="cumsum(x, axis=0)", params=("axis",),
        rule=statistics.cumsum,
        words="runs up a total along an axis, else the first: each element gets the upstream of all from its own on",
        samples=(((V,), {"axis": 0}), ((M,), {"axis": 0}), ((STACKED,), {"axis": -1})),
    ),
    Structural(
        name="softmax", symbol="softmax", signature="softmax(x, axis=-1)", params=("axis",),
        rule=reductions.softmax_rule(is_log=False),
        words="makes probabilities: raising one lowers the others",
        samples=(((V,), {"axis": -1}), ((M,), {"axis": 0})),
    ),
    Structural(
        name="log_softmax", symbol="log_softmax", signature="log_softmax(x, axis=-1)", params=("axis",),
        rule=reductions.softmax_rule(is_log=True),
        words="makes log-probabilities: upstream minus softmax times the upstream's sum",
        samples=(((V,), {"axis": -1}), ((M,), {"axis": 0})),
    ),
    Structural(
        name="cross_entropy", symbol="cross_entropy", signature="cross_entropy(scores, label)",
        rule=reductions.cross_entropy,
        words="compares scores with a label: softmax, less 1 at the right class, averaged over the batch",
        samples=(((V, 2), {}), ((M, [0, 2]), {})),
    ),
    Structural(
        name="mse", symbol="mse", signature="mse(x, y)", also=("mse_loss",),
        rule=losses.mse, align=selection.alike,
        words="averages squared differences: each side gets twice its difference from the other, over their number",
        samples=(((2.0, -3.5), {}), ((V, [1.0, 2.0, -0.5]), {}), ((M, V), {}), ((M, 0.5), {})),
    ),
    Structural(
        name="svm_loss", symbol="hinge", signature="svm_loss(scores, label, margin=1)", params=("margin",),
        also=("hinge",),
        rule=losses.svm_loss, kink=losses.svm_note,
        words="wants the right score above all others by a margin: each that is too near is pushed down, "
        "and the right one up once for each, averaged over the batch",
        samples=(((V, 2), {"margin": 1}), ((M, [0, 2]), {"margin": 4}), ((M, [1, 0]), {"margin": 0.5})),
    ),
    Structural(
        name="one_hot", symbol="one_hot", signature="one_hot(labels, classes)", params=("classes",),
        constant=True, rule=losses.one_hot,
        words="writes labels as rows with a single 1: a constant, no gradient flows to whole numbers",
        samples=(((2,), {"classes": 3}), (([1, 0],), {"classes": 2})),
    ),
    Structural(
        name="where", symbol="where", signature="where(condition, x, y)", chooses=True,
        rule=selection.where, align=selection.alike,
        words="chooses: where the condition holds x gets the upstream, elsewhere y, and the other 0",
        samples=(((1, 2.0, -3.5), {}), (([1, 0, 1], V, [4.0, 5.0, 6.0]), {}), (([[1], [0]], M, 2.0), {})),
    ),
    Structural(
        name="clip", symbol="clip", signature="clip(x, low, high)", also=("clamp",),
        rule=selection.clip, align=selection.alike, kink=selection.clip_note,
        words="keeps numbers between two borders: inside, the upstream goes through; outside, to the border",
        samples=(((0.7, 0.0, 1.0), {}), ((M, -1.0, 2.5), {}), ((M, [-2.0, 0.0, 1.0], 2.25), {}), ((2.0, 0.0, 1.0), {})),
    ),
    Structural(
        name="transpose", symbol="ᵀ", signature="transpose(x, axes=None)", params=("axes",), template="{0}ᵀ",
        planned=matrix.transpose, words="permutes axes: backwards, puts them back",
        samples=(((M,), {"axes": None}), ((STACKED,), {"axes": (0, 2, 1)})),
    ),
    Structural(
        name="reshape", symbol="reshape", signature="reshape(x, shape)", params=("shape",),
        planned=matrix.reshape, words="changes the shape: backwards, changes it back",
        samples=(((M,), {"shape": (3, -1)}),),
    ),
    Structural(
        name="flatten", symbol="flatten", signature="flatten(x)", also=("ravel",),
        planned=matrix.flatten, words="puts all numbers into one row: backwards, back into their shape",
        samples=(((M,), {}), ((STACKED,), {}), ((1.5,), {})),
    ),
    Structural(
        name="broadcast", symbol="broadcast", signature="broadcast(x, shape)",
        params=("shape",), also=("broadcast_to",),
        planned=matrix.broadcast, words="copies: backwards, adds up the gradients of the copies",
        samples=(((V,), {"shape": (2, 3)}), ((1.5,), {"shape": (2,)}), (([[1.0], [2.0]],), {"shape": (2, 3)})),
    ),
    Structural(
        name="index", symbol="[ ]", signature="x[index]", params=("index",), template="{0}[{index}]",
        planned=matrix.index, words="picks: the picked elements get the upstream, the others 0",
        samples=(
            ((V,), {"index": (1,)}),
            ((M,), {"index": (slice(None), 2)}),
            ((M,), {"index": (..., None, slice(None, None, -2))}),
        ),
    ),
    Structural(
        name="concat", symbol="concat", signature="concat([x, ...], axis=0)", params=("axis",), also=("concatenate",),
        rule=matrix.concat, words="joins: each operand gets its part of the upstream",
        samples=(((V, [4.0]), {"axis": 0}), ((M, [[1.0], [2.0]]), {"axis": 1})),
    ),
    Structural(
        name="stack", symbol="stack", signature="stack([x, ...], axis=0)", params=("axis",),
        rule=matrix.stack, words="joins along a new axis: each operand gets its slice of the upstream",
        samples=(((1.0, 2.0, 3.0), {"axis": 0}), ((V, V), {"axis": 1})),
    ),
)  # fmt: skip


class Leaf(Gate):
    """A node that no gate computed: an input, or a constant."""


INPUT = Leaf(name="input", symbol="", signature="x = 2.0", words="is given: where gradients end")
CONSTANT = Leaf(name="constant", symbol="", signature="x = constant(2.0)", words="is given, and gets no gradient")

GATES: dict[str, Gate] = {gate.name: gate for gate in (*ELEMENTWISE, *STRUCTURAL)}
