"""Windows over images: published examples, exact fractions, the definition spelled out, and what is refused."""

import random
from fractions import Fraction
from itertools import product
from math import inf, prod

import pytest

from stepgrad import ProgramError, run
from stepgrad.convolution import Axis
from stepgrad.errors import GateError
from stepgrad.linear import LinearMap
from stepgrad.numeric import EXACT, FLOAT
from stepgrad.ops import GATES
from stepgrad.recording import Recording
from stepgrad.tensor import Tensor, flat, from_nested, nested

# Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), figures 1.1, 1.5 and 1.6
IMAGE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
KERNEL = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
# CS231n, Convolutional Neural Networks, the pooling layer
POOLED = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]


def apply(gate, arrays, params, number=FLOAT):
    recording = Recording(number)
    leaves = [recording.leaf(from_nested(array, number.make)) for array in arrays]
    return recording.apply(GATES[gate], leaves, params)


def test_published_examples():
    assert nested(apply("conv2d", [IMAGE, KERNEL], {"stride": 1, "padding": 0}).value) == [
        [12, 12, 17],
        [10, 17, 19],
        [9, 6, 14],
    ]
    of_window = {"size": 3, "stride": 1}
    assert nested(apply("max_pool2d", [IMAGE], of_window).value) == [[3, 3, 3], [3, 3, 3], [3, 2, 3]]
    averages = apply("avg_pool2d", [IMAGE], of_window).value
    assert [round(x, 1) for x in flat(averages)] == [1.7, 1.7, 1.7, 1.0, 1.2, 1.8, 1.1, 0.8, 1.3]
    assert nested(apply("max_pool2d", [POOLED], {"size": 2, "stride": None}).value) == [[6, 8], [3, 4]]


def test_published_sizes():
    assert Axis(7, 3, 1, 0).places == 5  # CS231n: (W − F + 2P)/S + 1
    assert Axis(7, 3, 2, 0).places == 3
    assert Axis(5, 3, 1, 1).places == 5
    assert Axis(227, 11, 4, 0).places == 55  # AlexNet's first layer


def test_both_axes_answer_the_same_from_either_side():
    for size, window, stride, padding in product((1, 4, 5), (1, 2, 3), (1, 2, 3), (0, 1, 4)):
        axis = Axis(size, window, stride, padding)
        met = {(i, k, place) for i in range(size) for k, place in axis.on(i)}
        assert met == {(axis.start(place) + k, k, place) for place in range(axis.places) for k in axis.inside(place)}
        assert met == {(axis.start(place) + k, k, place) for k in range(window) for place in axis.places_inside(k)}
        for place in range(axis.places):
            assert list(range(size))[axis.covered(place)] == [axis.start(place) + k for k in axis.inside(place)]


def by_definition(x, w, stride, padding):
    """Cross-correlate by the textbook's sum; x is [n][c][h][w], w is [o][c][h][w]."""
    (sh, sw), (ph, pw) = stride, padding
    rows, columns = len(x[0][0]), len(x[0][0][0])
    height, width = len(w[0][0]), len(w[0][0][0])

    def pixel(plane, h, v):
        return plane[h][v] if 0 <= h < rows and 0 <= v < columns else 0

    def at(image, kernel, i, j):
        entries = product(range(len(image)), range(height), range(width))
        return sum(kernel[c][k][m] * pixel(image[c], i * sh + k - ph, j * sw + m - pw) for c, k, m in entries)

    places = range((rows + 2 * ph - height) // sh + 1), range((columns + 2 * pw - width) // sw + 1)
    return [[[[at(image, kernel, i, j) for j in places[1]] for i in places[0]] for kernel in w] for image in x]


def test_random_convolutions_equal_the_definition_exactly_and_pull_as_their_columns():
    rng = random.Random(231)
    for _ in range(60):
        batch, channels, outs = (rng.randint(1, 3) for _ in range(3))
        size, window = ((rng.randint(1, 5), rng.randint(1, 5)) for _ in range(2))
        stride, padding = ((rng.randint(low, 3), rng.randint(low, 3)) for low in (1, 0))
        if any(s + 2 * p < k for s, p, k in zip(size, padding, window)):
            continue
        make = lambda *shape: Tensor(shape, [Fraction(rng.randint(-9, 9), 4) for _ in range(prod(shape))])
        x, w = make(batch, channels, *size), make(outs, channels, *window)
        recording = Recording(EXACT)
        node = recording.apply(
            GATES["conv2d"], [recording.leaf(x), recording.leaf(w)], {"stride": stride, "padding": padding}
        )
        assert nested(node.value) == by_definition(nested(x), nested(w), stride, padding)
        up = make(*node.value.shape)
        for operand, local in zip((x, w), node.locals):
            product_ = up * local
            assert product_ == LinearMap.pull(local, up)
            # The gate is linear in each operand: Σ gradient · operand = Σ upstream · result.
            assert sum(map(Fraction.__mul__, flat(product_), flat(operand))) == sum(
                map(Fraction.__mul__, flat(up), flat(node.value))
            )


def test_pools_equal_the_definition_exactly():
    rng = random.Random(5)
    for _ in range(60):
        rows, columns = rng.randint(2, 6), rng.randint(2, 6)
        h, w = rng.randint(1, rows), rng.randint(1, columns)
        stride = rng.randint(1, 3)
        x = [[Fraction(rng.randint(-4, 4), 2) for _ in range(columns)] for _ in range(rows)]
        places = product(range((rows - h) // stride + 1), range((columns - w) // stride + 1))
        windows = [[x[i * stride + k][j * stride + m] for k in range(h) for m in range(w)] for i, j in places]
        params = {"size": (h, w), "stride": stride}
        for gate, reduced in (("max_pool2d", max), ("avg_pool2d", lambda window: sum(window) / len(window))):
            node = apply(gate, [x], params, EXACT)
            assert flat(node.value) == list(map(reduced, windows))
            up = Tensor(node.value.shape, [Fraction(i + 1) for i in range(len(windows))])
            pulled = up * node.da
            assert pulled == LinearMap.pull(node.da, up)
            assert sum(flat(pulled)) == sum(flat(up))  # nothing of the upstream is lost


def test_shapes_by_the_number_of_axes():
    for image, weights, shape in (
        ((4, 5), (2, 3), (3, 3)),
        ((2, 4, 5), (3, 2, 2, 3), (3, 3, 3)),
        ((2, 2, 4, 5), (3, 2, 2, 3), (2, 3, 3, 3)),
    ):
        arrays = [nested(Tensor(each, [1.0] * prod(each))) for each in (image, weights)]
        assert apply("conv2d", arrays, {"stride": 1, "padding": 0}).value.shape == shape
    stack = nested(Tensor((2, 3, 4, 6), [1.0] * 144))
    assert apply("max_pool2d", [stack], {"size": (2, 3), "stride": None}).value.shape == (2, 3, 2, 2)


def test_ties_and_nan_of_a_pool():
    trace = run("x = [[1, 2, 2], [2, 3, 3], [2, 3, 3]]; f = sum(max_pool2d(x, 2, 1))")
    assert trace.grads["x"] == [[0, 0, 0], [0, 4, 0], [0, 0, 0]]
    assert "tie in a window: the first of the largest gets it all, by convention (3 of 4 elements), at 1:48" in [
        getattr(event, "note", None) for event in trace
    ]
    trace = run("x = [[1, nan], [nan, 3]]; f = sum(max_pool2d(x, 2))")  # as PyTorch: the last nan
    assert trace.grads["x"] == [[0, 0], [1, 0]]
    assert "nan: the last one in the window gets the upstream, by convention" in str(trace)
    trace = run("x = [[0.0, -0.0], [-0.0, 0.0]]; f = sum(max_pool2d(x, 2))")
    assert trace.grads["x"] == [[1, 0], [0, 0]]


def test_padding_is_no_operand():
    trace = run("x = [[1.0, 2], [3, 4]]; w = [[inf, 1.0], [1, 1]]; f = conv2d(x, w, padding=1)[0, 0]")
    assert trace.value == 1  # 0 × inf would be nan
    trace = run("x = [[2.0]]; w = [[1.0]]; f = sum(conv2d(x, w, padding=1))")
    assert (trace.value, trace.grads) == (2, {"x": [[1]], "w": [[2]]})
    trace = run("x = [[2.0]]; w = [[1.0]]; f = sum(conv2d(x, w, stride=3, padding=2))")
    assert (trace.value, trace.grads) == (0, {"x": [[0]], "w": [[0]]})  # the window never lies on the image


def test_a_bias_is_just_added():
    trace = run(
        "x = [[[1.0, 2], [3, 4]]]; w = [[[[1.0]]], [[[2.0]]]]; b = [[[10.0]], [[20.0]]]; f = sum(conv2d(x, w) + b)"
    )
    assert trace.value == 10 + 20 + 120
    assert trace.grads["b"] == [[[4.0]], [[4.0]]]


def test_overflow_is_noted():
    trace = run("x = [[1e200]]; w = [[1e200]]; f = sum(conv2d(x, w))")
    assert trace.value == inf
    assert "beyond the largest float64: inf" in str(trace)


REFUSED = [
    ("f = sum(conv2d([1, 2], [[1]]) * x)", "takes an image"),
    ("f = sum(conv2d([[1]], [[[[1]]]]) * x)", "takes an image"),
    ("f = sum(conv2d([[[1]], [[2]]], [[[[1]]]]) * x)", "have 2 channels and the weights"),
    ("f = sum(conv2d([[1, 2]], [[1], [2]]) * x)", "a window of 2×1 is larger than an image of 1×2; make the window"),
    ("f = sum(conv2d([[1, 2]], [[1]], stride=0) * x)", "stride is 0×0; give whole numbers from 1 on"),
    ("f = sum(conv2d([[1, 2]], [[1]], padding=-1) * x)", "padding is -1×-1; give whole numbers from 0 on"),
    ("f = sum(conv2d([[1, 2]], [[1]], stride=0.5) * x)", "`stride` is a tuple of whole numbers"),
    ("f = sum(conv2d([[1, 2]], [[1]], stride=(1, 1, 1)) * x)", "or two: for rows and for columns"),
    ("f = sum(max_pool2d([1, 2], 2) * x)", "a pool takes images of shape (H, W), or a stack, not (2,); reshape it"),
    ("f = sum(max_pool2d([[1, 2]]) * x)", "`max_pool2d` takes 2 arguments"),
    ("f = sum(max_pool2d([[1, 2]], 2) * x)", "a window of 2×2 is larger than an image of 1×2"),
    ("f = sum(avg_pool2d([[1, 2]], 0) * x)", "size is 0×0; give whole numbers from 1 on"),
]


@pytest.mark.parametrize(("program", "sentence"), REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(program, sentence):
    with pytest.raises(ProgramError) as caught:
        run("x = 1.0; " + program)
    assert sentence in str(caught.value)


def test_a_pair_has_two_sizes():
    with pytest.raises(GateError, match="two: rows and columns"):
        apply("max_pool2d", [POOLED], {"size": (1, 2, 3), "stride": None})
