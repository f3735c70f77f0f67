"""Losses and choices: published numbers, hand numbers, and what is refused."""

from fractions import Fraction
from math import inf, isnan

import pytest

from stepgrad import ProgramError, run


def notes(trace):
    return [event.note.rsplit(", at", 1)[0] for event in trace if getattr(event, "note", None)]  # without the place


def test_the_svm_loss_of_the_course_notes():
    # CS231n, Linear classification: scores [13, -7, 11], the first class is right, Δ = 10
    trace = run("s = [13, -7, 11]; f = svm_loss(s, 0, margin=10)")
    assert trace.value == 8
    assert trace.grads["s"] == [-1, 0, 1]


def test_the_svm_losses_of_the_lecture():
    # CS231n, lecture 3: a cat, a car and a frog; losses 2.9, 0 and 12.9, on average 5.27
    scores = "s = [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]; "
    trace = run(scores + "f = hinge(s, [0, 1, 2])")
    assert trace.value == pytest.approx(15.8 / 3)
    assert trace.grads["s"] == [[-1 / 3, 1 / 3, 0], [0, 0, 0], [1 / 3, 1 / 3, -2 / 3]]
    for row, loss in enumerate((2.9, 0, 12.9)):
        assert run(scores + f"f = svm_loss(s[{row}], {row})").value == pytest.approx(loss)


def test_the_svm_loss_is_maximum_spelled_out():
    scores = "s = [[0.5, -1.5, 2.0], [1.0, 3.0, -0.25]]; "
    spelled = "f = (maximum(0, s[0, 0] - s[0, 1] + 1) + max(0, s[0, 2] - s[0, 1] + 1)"
    spelled += " + max(0, s[1, 1] - s[1, 0] + 1) + max(0, s[1, 2] - s[1, 0] + 1)) / 2"
    mine, theirs = run(scores + "f = svm_loss(s, [1, 0])", number=Fraction), run(scores + spelled, number=Fraction)
    assert mine.value == theirs.value
    assert mine.grads == theirs.grads


def test_a_class_on_the_margin_gets_no_gradient():
    trace = run("s = [1.0, 0.0, 0.5]; f = svm_loss(s, 0)")
    assert trace.grads["s"] == [-1, 0, 1]
    assert notes(trace) == ["class on the margin: it gets no gradient, by convention (1 of 2 elements)"]
    assert isnan(run("s = [1.0, nan]; f = svm_loss(s, 0)").value)


def test_mse():
    trace = run("x = [1.0, 2.0, 4.0]; y = [1.5, 2.0, 1.0]; f = mse(x, y)", number=Fraction)
    assert trace.value == Fraction(37, 12)
    assert trace.grads == {"x": [Fraction(-1, 3), 0, 2], "y": [Fraction(1, 3), 0, -2]}
    trace = run("x = [[1.0, 2.0], [3.0, 4.0]]; b = 1.0; f = mse_loss(x, b)")
    assert trace.value == 3.5
    assert trace.grads == {"x": [[0.0, 0.5], [1.0, 1.5]], "b": -3.0}
    trace = run("x = 3.0; f = mse(x, 1)")
    assert (trace.value, trace.grads) == (4, {"x": 4})
    trace = run("x = np.zeros(0); f = mse(x, x)")
    assert isnan(trace.value)
    assert notes(trace) == ["nothing: the mse of nothing is nan"]


def test_where_chooses():
    trace = run("x = [1.0, 2, 3]; y = [4.0, 5, 6]; f = sum(where([1, 0, 2], x, y) * [1, 10, 100])")
    assert trace.value == 1 + 50 + 300
    assert trace.grads == {"x": [1, 0, 100], "y": [0, 10, 0]}
    trace = run("x = [1.0, 2]; c = [1, 0]; f = sum(np.where(c, x, 0))")
    assert trace.grads == {"x": [1, 0], "c": [0, 0]}
    trace = run("x = 2.0; y = 3.0; f = where(0, x, y)")
    assert (trace.value, trace.grads) == (3, {"x": 0, "y": 1})


def test_where_does_not_hide_inf():
    trace = run("x = [0.0, 1.0]; f = sum(where([0, 1], log(x), 0))")
    assert trace.value == 0
    assert isnan(trace.grads["x"][0])  # as PyTorch: 0 × log′(0) is nan
    assert trace.grads["x"][1] == 1


def test_clip_goes_through_on_its_borders():
    trace = run("x = [-1.0, 0.0, 0.5, 1.0, 2.0]; f = sum(clip(x, 0, 1))")
    assert trace.grads["x"] == [0, 1, 1, 1, 0]
    assert notes(trace) == ["clip on a border: the operand gets the upstream, by convention (2 of 5 elements)"]
    trace = run("x = 0.0; f = clamp(x, 0, 1)")
    assert notes(trace) == ["clip on a border: the operand gets the upstream, by convention"]
    assert run("x = nan; f = clip(x, 0, 1)").grads == {"x": 0}


def test_clip_sends_the_rest_to_its_borders():
    trace = run("r = [0.5, 1.0, 1.5]; e = 0.2; f = sum(clip(r, 1 - e, 1 + e))")  # as in PPO
    assert trace.value == pytest.approx(3)
    assert trace.grads == {"r": [0, 1, 0], "e": 0}
    trace = run("x = 5.0; low = 2.0; high = 1.0; f = clip(x, low, high)")
    assert (trace.value, trace.grads) == (1, {"x": 0, "low": 0, "high": 1})
    assert set(notes(trace)) == {"clip with crossed borders: the upper one gets the upstream"}
    assert run("x = -inf; f = clip(x, -inf, inf)").grads == {"x": 1}


def test_one_hot():
    trace = run("s = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]; y = one_hot([2, 0], 3); f = sum(s * y)")
    assert trace.value == 7
    assert trace.grads == {"s": [[0, 0, 1], [1, 0, 0]]}  # y is a constant, no input
    assert run("x = 1.0; k = 2; f = sum(x * one_hot(k, 3))").grads == {"x": 1, "k": 0}


REFUSED = [
    ("f = svm_loss([1, x], 2)", "label 2.0 is none of the 2 classes"),
    ("f = svm_loss(x, 0)", "`svm_loss` takes scores of shape (C,) or (N, C), not a number"),
    ("f = svm_loss([x, 2], 0, margin=x)", "`margin` gets no gradient, and this would want one"),
    ("f = svm_loss([x, 2], 0, margin=inf)", "`margin` is a finite number; write `svm_loss(scores, label, margin=1)`"),
    ("f = sum(mse([x, 2], [1, 2, 3]))", "shapes (2,) and (3,) do not fit together"),
    ("f = sum(x * one_hot(3, 3))", "label 3.0 is none of the 3 classes; use whole numbers from 0 to 2"),
    ("f = sum(x * one_hot(0, 0))", "0 classes are none"),
    ("f = sum(x * one_hot(0, 1.5))", "`classes` is a whole number"),
    ("f = sum(clip([x, 2], [1, 2, 3], 4))", "do not fit together"),
    ("f = clip(x, 0)", "`clip` takes 3 arguments, not 2"),
    ("f = leaky_relu(x, [1, 2])", "`slope` is a finite number"),
]


@pytest.mark.parametrize(("program", "sentence"), REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(program, sentence):
    with pytest.raises(ProgramError) as caught:
        run("x = 1.0; " + program)
    assert sentence in str(caught.value)


def test_infinite_scores_do_not_hide():
    assert run("s = [0.0, inf]; f = svm_loss(s, 0)").value == inf
    assert isnan(run("s = [inf, inf]; f = svm_loss(s, 0)").value)
    assert isnan(run("x = [inf, nan]; f = mse(x, [inf, 0])").value)
