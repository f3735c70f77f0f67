"""Conditions: what breakpoints and searches hold on."""

import pytest

from stepgrad import Backward, Cursor, InputError, compare, run, why
from stepgrad.conditions import Mentions, read_condition
from stepgrad.events import SUBSCRIPTS, read_name

SIGMOID = run("w0 = 2.0; x0 = -1.0\nm = -(w0*x0)\nf = 1/(1 + exp(m))  # squashed")
MATRIX = run("W = [[0.1, 0.5], [-0.3, 0.8]]\nx = [0.2, 0.4]\nf = sum((W @ x)**2)")


def steps(text, trace=SIGMOID):
    condition = read_condition(text, trace)
    return [i + 1 for i in range(len(trace)) if condition.holds(trace, i)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w0", [1, 13]),
        ("m", [4, 11, 12]),
        ("v₂", [3, 12, 13, 14]),
        ("%2", [3, 12, 13, 14]),
        ("exp", [5, 11]),
        ("×", [3, 4, 12, 13, 14]),
        ("step == 3", [3]),
        ("value < 0 and not step > 3", [2, 3]),
        ("value < -1 or step == 1", [1, 3]),
        ("1 < step <= 3", [2, 3]),
        ("1 / (step - 2) > 0.9", [3]),
        ("nonfinite", []),
    ],
)
def test_conditions(text, expected):
    assert steps(text) == expected


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("abs(product) < 0.11", lambda event: abs(event.product) < 0.11),
        ("max(upstream, -local) * 2 - 1 > 0", lambda event: max(event.upstream, -event.local) * 2 - 1 > 0),
        ("total != gradient", lambda event: False),
        ("upstream * local == product", lambda event: True),
    ],
)
def test_conditions_on_edges(text, predicate):
    assert steps(text) == [event.step for event in SIGMOID if isinstance(event, Backward) and predicate(event)]


def test_a_tensor_fulfils_a_condition_where_any_element_does():
    assert 3 in steps("value > 0.25", MATRIX)
    assert 3 not in steps("value > 0.27", MATRIX)
    assert steps("local > 0", MATRIX) == []  # a linear map is no number
    assert steps("upstream * product > 100", MATRIX) == []  # nor have they one shape


def test_non_finite_numbers_are_found():
    trace = run("x = 0.0\ny = log(x)\nf = y * 0")
    assert steps("nonfinite", trace)[0] == 2
    assert steps("nan", trace) == steps("inf", trace)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sigmiod", "did you mean `sigmoid`"),
        ("w9", "no name and no gate"),
        ("abs(products) < 1", "did you mean `product`"),
        ("__import__('os')", "not understood"),
        ("value.__class__", "not understood"),
        ("abs(x=1)", "not understood"),
        ("value in value", "not understood"),
        ("'text' == value", "not understood"),
        ("(((", "is no condition"),
        ("%99", "no value of this program"),
    ],
)
def test_what_is_no_condition_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        read_condition(text, SIGMOID)


def test_all_versions_of_a_name_are_meant():
    trace = run("x = 3\ny = x * 2\ny = y * y\nf = y + 1")
    assert steps("y", trace) == [2, 3, 6, 7, 8, 9]
    assert steps("y₂", trace) == [3, 6, 7, 8]


def test_searches_look_at_names_gates_and_source():
    def found(text):
        return [i + 1 for i in range(len(SIGMOID)) if Mentions(text).holds(SIGMOID, i)]

    assert found("EXP") == [5, 6, 7, 8, 9, 10, 11]  # the source of what it stands in as well
    assert found("w0") == [1, 3, 4, 11, 12, 13, 14]
    assert found("×") == [3, 4, 11, 12, 13, 14]
    assert found("nothing like it") == []


@pytest.mark.parametrize("text", ["max(product) > 1", "abs(value, 2) > 0", "abs() > 0", "max() > 1"])
def test_functions_of_a_condition_get_as_many_numbers_as_they_take(text):
    with pytest.raises(InputError, match="takes"):
        read_condition(text, run("x = 2; f = x * x"))


@pytest.mark.parametrize("text", ["1", "1 > 0", "not 0", "True"])
def test_a_condition_is_about_the_step(text):
    with pytest.raises(InputError, match="same at every step"):
        read_condition(text, run("x = 2; f = x * x"))


def test_a_number_alone_is_to_be_compared():
    with pytest.raises(InputError, match="compare product"):
        read_condition("product", run("x = 2; f = x * x"))


@pytest.mark.parametrize(
    "text", ["-" * 5000 + "value", "not " * 3000 + "value", "(" * 500 + "value", "9" * 5000 + " > value"]
)
def test_conditions_of_any_depth_raise_nothing_else(text):
    trace = run("x = 2; f = x * x")
    try:
        condition = read_condition(text, trace)
    except InputError as error:
        assert len(str(error)) < 200
    else:
        assert condition.holds(trace, 0) in (True, False)


def test_printed_text_is_searched_too():
    trace = run("x = 2\nprint('halfway')\nf = x * x")
    assert [Mentions("HALF").holds(trace, i) for i in range(len(trace))] == [False, True, False, False, False, False]


LOOP = run("w = 0.5\nfor k in range(60):\n    f = w*w\n    backward(f)\n    w -= 0.1*w.grad")
MANY = "9" * 5000  # more digits than Python's int reads


@pytest.mark.parametrize("trace", [SIGMOID, MATRIX, LOOP])
@pytest.mark.parametrize("name", ["%{}", "v{}", "w#{}", "w{}", "W[{}]", "W[0][{}]", "∂w/∂w{}"])
def test_names_with_very_many_digits_are_not_known(trace, name):
    for digits in (MANY, MANY.translate(SUBSCRIPTS)):
        asked = name.format(digits)
        for ask in (
            trace.find, Cursor(trace).go, lambda text: read_condition(text, trace), lambda text: why(trace, text),
            lambda text: compare(trace, {text: 1.0}),
        ):  # fmt: skip
            with pytest.raises(InputError):
                ask(asked)
        assert read_name(f"∂f/∂{asked}", 1).shown() == f"∂f/∂{asked}"
