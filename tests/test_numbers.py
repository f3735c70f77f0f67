"""Number types: decimals, enclosures and certificates, against exact fractions and published digits."""

import math
import random
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest

import stepgrad
from stepgrad import GATES, GateError, InputError, ProgramError, certify, elementary, run
from stepgrad.decimals import decimals
from stepgrad.enclosures import working
from stepgrad.formats.proof import proof, proof_json
from stepgrad.recording import Recording
from stepgrad.spreads import balls
from stepgrad.tensor import flat, from_nested, shape_of, shaped
from tests.oracles import DUAL_FUNCTIONS, dual_gradient, random_program

KNOWN = [  # 50 digits, by mpmath
    ("sin", "1", "0.84147098480789650665250232163029899962256306079837"),
    ("sin", "1e22", "-0.85220084976718880177270589375302936826176215041004"),
    ("sin", "355", "-3.0144353359488449214330280008650099590255807066325e-5"),
    ("cos", "11", "0.0044256979880507857483550247239415732257273590001023"),
    ("tan", "1.5", "14.101419947171719387646083651987756445659543577236"),
    ("tanh", "0.1", "0.099667994624955817118305083678352183538962095776734"),
    ("tanh", "1e-20", "9.9999999999999999999999999999999999999996666666667e-21"),
    ("erf", "0.5", "0.52049987781304653768274665389196452873645157575796"),
    ("erf", "3", "0.9999779095030014145586272238704176796201522929126"),
    ("erfc", "5", "1.5374597944280348501883434853833788901180503147234e-12"),
    ("erfc", "-1", "1.8427007929497148693412206350826092592960669979663"),
    ("erfc", "25", "8.3001725711965227520440127695137227687142231918867e-274"),
    ("expm1", "1e-20", "1.0000000000000000000050000000000000000000166666667e-20"),
    ("expm1", "-3", "-0.95021293163213605702065758434993822336830040781158"),
    ("log1p", "1e-20", "9.9999999999999999999500000000000000000003333333333e-21"),
    ("log1p", "-0.999", "-6.9077552789821370520539743640530926228033044658863"),
    ("exp", "1.5", "4.4816890703380648226020554601192758190057498683697"),
    ("log", "7", "1.9459101490553133051053527434431797296370847295819"),
    ("sqrt", "2", "1.4142135623730950488016887242096980785696718753769"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "x", "expected"), KNOWN)
def test_elementary_functions_have_all_their_digits(name, x, expected):
    for digits in (20, 34, 49):
        found = elementary.FUNCTIONS[name](Decimal(x), digits)
        assert abs(found - Decimal(expected)) <= abs(found) * Decimal(10) ** (1 - digits), digits
    assert abs(elementary.pi(40) - Decimal("3.1415926535897932384626433832795028841971693993751")) < Decimal("1e-38")


def test_elementary_functions_agree_with_themselves_at_more_digits():
    rng = random.Random(1)
    for name, function in elementary.FUNCTIONS.items():
        for _ in range(40):
            x = Decimal(
                rng.choice([rng.gauss(0, 1), rng.uniform(-20, 20), rng.gauss(0, 1) * 10 ** rng.randint(-25, 1)])
            )
            x = abs(x) if name in ("log", "sqrt", "log1p") else x
            found, more = function(x, 30), function(x, 90)
            with localcontext() as context:
                context.prec = 100
                assert abs(found - more) <= abs(more) * Decimal("1e-29"), (name, x)


# Decimals


def test_decimals_compute_with_the_digits_asked_for_wherever_they_are_used():
    trace = run("x = 0.1; f = x * x + 1/3 - exp(x)", number=Decimal, digits=40)
    assert len(trace.value.as_tuple().digits) <= 40
    with localcontext() as context:
        context.prec = 60
        x = Decimal("0.1")
        assert abs(trace.value - (x * x + Decimal(1) / 3 - x.exp())) < Decimal("1e-38")
        assert abs(trace.grads["x"] - (2 * x - x.exp())) < Decimal("1e-38")
    products = [event.product for event in trace if isinstance(event, stepgrad.Backward)]
    assert max(len(product.as_tuple().digits) for product in products) == 40  # the context at hand has 28
    assert len(run("x = 1; f = x / 3", number=Decimal).value.as_tuple().digits) == 50


def test_decimals_have_the_edges_of_floats():
    def both(program, **given):
        exact = run(program, given, number=Decimal, digits=30)
        floats = run(program, given)
        return [float(x) for x in (exact.value, *exact.grads.values())], [floats.value, *floats.grads.values()]

    for program in ("f = log(x)", "f = 1/x", "f = x/x", "f = sqrt(x - 1)", "f = x**0", "f = x**-1", "f = x**0.5",
                    "f = (x - 8)**(1/3)", "f = exp(-1/x)", "f = tanh(1/x)", "f = log1p(x - 1) if x > 1 else x * (1/x)",
                    "f = relu(x)", "f = max(x, 0)", "f = std([x, x])", "f = norm([x, x])"):  # fmt: skip
        found, expected = both(program, x=0)
        assert [repr(x) for x in found] == [repr(x) for x in expected], program
    assert run("f = exp(x) / exp(x - 1)", x=1000, number=Decimal, digits=20).value == Decimal("2.7182818284590452354")
    assert "-inf" in str(run("f = log(x)", x=0, number=Decimal))
    with pytest.raises(ProgramError, match="divided by zero with a remainder"):
        run("x = 1; f = x * (1.5 % 0.0)", number=Decimal)


def test_decimals_know_pi_and_e():
    trace = run("import math\nf = x * math.pi + math.e - math.tau", x=1, number=Decimal, digits=40)
    with localcontext() as context:
        context.prec = 45
        assert abs(trace.value - (Decimal(1).exp() - elementary.pi(45))) < Decimal("1e-38")
    assert certify("f = x * math.pi", x=1).value == math.pi  # a literal that means its double


def test_remainders_and_rounding_are_those_of_the_numbers_themselves():
    program = (
        "print(0.7 // 0.1, -7.5 % 2, 7.5 % 0.2, round(2.675, 2), round(-1234.5, -2), round(2.5), int(-7.9))\nx = 1.0"
    )
    numbers = [Fraction("0.7") // Fraction("0.1"), Fraction("0.5"), Fraction("0.1"), Fraction("2.68"), -1200, 2, -7]
    (line,) = [event.text for event in run(program, number=Decimal, digits=30) if isinstance(event, stepgrad.Print)]
    assert [Fraction(text) for text in line.split()] == numbers  # floats have 6 and 2.67
    assert run("f = x * y", x=Fraction(1, 3), y=3, number=Decimal, digits=30).value == Decimal("0." + 30 * "9")
    assert decimals(5).make(Fraction(2, 3)) == Decimal("0.66667")
    with pytest.raises(GateError, match="one is no decimal; give a number"):
        decimals(5).make("one")


def test_number_types_are_chosen_in_one_way():
    with pytest.raises(InputError, match="only decimals have a number of digits"):
        run("x = 1", digits=3)
    for digits in (0, 10**6):
        with pytest.raises(InputError, match="significant digits are not possible"):
            run("x = 1", number=Decimal, digits=digits)


SAMPLES = [
    pytest.param(gate, operands, params, id=f"{gate.name}-{i}")
    for gate in GATES.values()
    for i, (operands, params) in enumerate(gate.samples)
]


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_every_row_computes_with_every_number_type(gate, operands, params):
    """Enclosures hold what 60 digits give, and so nearly what floats do."""

    def applied(number):
        recording = Recording(number)
        leaves = [recording.leaf(from_nested(operand, number.make)) for operand in operands]
        node = recording.apply(gate, leaves, params)
        if node.flows:
            seeds = [number.make(0.5 + k) for k in range(len(flat(node.value)))]
            recording.backward(node, shaped(shape_of(node.value), seeds))
        return [x for array in (node.value, *(leaf.total for leaf in leaves)) if array is not None for x in flat(array)]

    truth = applied(decimals(60))
    with working(balls(34)):
        for ball, true in zip(applied(balls(34)), truth, strict=True):
            assert abs(ball.mid - true) <= ball.rad + abs(true) * Decimal("1e-50")
            assert ball.rad <= abs(true) * Decimal("1e-28") + Decimal("1e-31")
            assert ball.shadow == pytest.approx(float(true), rel=1e-12, abs=1e-14)


DEAR = [  # digits, a program that would take minutes
    (50, "x = 0.3\nwhile True: x = erf(x)"),
    (50, "x = 0.3\nwhile True: y = exp(x.data)"),
    (50, "x = 1.5\nwhile True: exp(1.5)"),
    (1_000, "x = 0.3\nwhile True: x = tanh(x) + log(x + 2)"),
    (1_000, "x = 1.5\nys = [x**1.5 for i in range(100000)]"),
    (1_000, "x = np.ones((1000, 1000)) * 0.3\nf = sum(x * x)"),
    (10_000, "x = 1/3\nwhile True: x = x * x"),
    (10_000, "x = 1/3\nfor i in range(3000): x = x * 1.1\nwhile True: backward(x)"),
    (10_000, "x = 1/3\nwhile True: x = x + 0.1"),  # gigabytes
    (10_000, "x = 1/3\nf = log(x)"),
    (10_000, "x = 1/3\nf = erf(x) + x**x"),
    (10, "x = 1e9000\nwhile True:\n    x = x * 10\n    f = sin(x)"),
]


@pytest.mark.parametrize(("digits", "program"), DEAR, ids=[each[1] for each in DEAR])
def test_digits_count_as_steps(digits, program):
    with pytest.raises(ProgramError, match=r": the program takes more (steps than it may|than 100,000 steps)"):
        run(program, number=Decimal, digits=digits, max_steps=100_000)


def test_what_few_products_of_many_digits_need_is_there():
    found = run("f = x / 3 * x", x=2, number=Decimal, digits=9_999, max_steps=20_000)  # e alone would take more
    assert str(found.value)[:6] == "1.3333" and len(str(found.value)) == 10_000
    assert run("f = exp(x)", x=0, number=Decimal, digits=9_998).value == 1
    run("x = 0.5\nfor i in range(2000): x = sin(x)", number=Decimal)  # 50 digits cost next to nothing
    assert decimals(30).make(2) * 3 == 6  # and nothing is charged where no program runs


# Enclosures


def test_enclosures_hold_every_true_result():
    rng = random.Random(4)
    number = balls(4)
    with working(number):

        def ball():
            if rng.random() < 0.2:
                return number.make(rng.choice((0, 1, -1, 2, 0.5, -3)))
            mid = +Decimal(rng.gauss(0, 1) * 10 ** rng.randint(-2, 2))
            rad = abs(mid) * Decimal(rng.random()) * Decimal(10) ** -rng.randint(0, 5)
            return number.kind(float(mid), mid, +rad)

        def point(of):
            return Fraction(of.mid) + Fraction(rng.choice((-1.0, 1.0, rng.uniform(-1, 1)))) * Fraction(of.rad)

        def holds(found, true):
            return not found.mid.is_finite() or abs(Fraction(found.mid) - true) <= Fraction(found.rad)

        for _ in range(2500):
            a, b = ball(), ball()
            x, y = point(a), point(b)
            assert holds(a + b, x + y) and holds(a - b, x - y) and holds(a * b, x * y), (a.mid, a.rad, b.mid, b.rad)
            assert holds(abs(a), abs(x)) and holds(-a, -x) and holds(a - a, Fraction(0))
            assert not y or holds(a / b, x / y)
            assert holds(number.ieee["pow"](a, number.make(3)), x**3)
            assert not x or holds(number.ieee["pow"](a, number.make(-2)), x**-2)
            assert a.order(b) in (None, (x > y) - (x < y))
            low, high = a.ends()
            assert low <= float(x) <= high
            for name, function in elementary.FUNCTIONS.items():
                if rng.random() < 0.05 and (x > 0 or name not in ("log", "sqrt", "log1p")):
                    true = Fraction(function(Decimal(float(x)), 40))  # at a double within
                    inside = abs(Fraction(float(x)) - Fraction(a.mid)) <= Fraction(a.rad)
                    found = number.ieee[name](a)
                    slack = abs(true) / 10**38
                    assert (
                        not inside
                        or not found.mid.is_finite()
                        or abs(Fraction(found.mid) - true) <= Fraction(found.rad) + slack
                    )


def test_comparisons_follow_the_floats_and_note_their_doubts():
    number = balls(34)
    with working(number) as doubts:
        third = number.make(1) / number.make(3)
        assert third < 1 and third > 0.3 and not doubts
        assert third == third and number.make(0.1) == number.make(0.1) and not doubts
        again = number.make(1) / number.make(3)
        assert third == again  # floats say so
        assert [(doubt.sign, doubt.refuted) for doubt in doubts] == [("==", False)]
        assert number.make(0.1) + number.make(0.2) != number.make(0.3)
        assert number.make(0.1) + number.make(0.7) < number.make(0.8) and doubts[1:] == []
    number = balls(34, sharing=True)
    with working(number) as doubts:
        one, three = number.make(1), number.make(3)
        assert one / three == one / three and number.ieee["exp"](three) == number.ieee["exp"](three)  # the same way
        assert one / three + one / three == number.make(2) / three and not doubts  # the same fraction
        assert (one / three - number.make(1.0) / three).ends() == (0.0, 0.0)
        assert number.make(1e16) + one == number.make(1e16)
        assert [doubt.refuted for doubt in doubts] == [True]


# Certificates


def nearest(x):
    return x.numerator / x.denominator  # Python rounds this division correctly


def test_rational_programs_are_certified_as_fractions_say():
    certified = 0
    for seed in range(150):
        program, inputs = random_program(seed)
        try:
            value, gradient = dual_gradient(program, inputs, {}, Fraction)
        except ZeroDivisionError:
            continue
        found = certify(program, {name: float(text) for name, text in inputs.items()})
        for name, expected in (("", value), *gradient.items()):
            number = found.grads[name] if name else found.value
            assert number is None or number == nearest(expected), (program, inputs)
        certified += not found.undecided
    assert certified > 120


def test_other_programs_are_certified_as_many_digits_say():
    for seed in range(60):
        program, inputs = random_program(seed, tuple(DUAL_FUNCTIONS))
        values = {name: float(text) for name, text in inputs.items()}
        found, truth = certify(program, values), run(program, values, number=Decimal, digits=120)
        for mine, true in zip((found.value, *found.grads.values()), (truth.value, *truth.grads.values()), strict=True):
            if mine is not None and abs(true) > Decimal("1e-60"):
                assert mine == float(true), (program, inputs)


def test_literals_mean_their_doubles_and_arithmetic_is_that_of_real_numbers():
    found = certify("x = 0.1; f = x * 3 + 1/3")
    assert found.value == nearest(Fraction(0.1) * 3 + Fraction(1, 3))
    assert found.trace.value == run("x = 0.1; f = x * 3 + 1/3").value
    assert certify("x = 1/3; f = x * 3").value == nearest(Fraction(1 / 3) * 3)  # an input means its double
    assert certify("f = log(exp(x))", x=800).value == 800  # in floats: inf


def test_updates_go_on_in_real_numbers():
    program = (
        "w = 0.3\nfor i in range(5):\n    loss = (w * 0.7 - 0.2)**2 / 3\n    backward(loss)\n    w -= 0.1 * w.grad"
    )
    w, loss, slope = Fraction(0.3), None, None
    for _ in range(5):
        error = w * Fraction(0.7) - Fraction(0.2)
        loss, slope = error**2 / 3, 2 * error * Fraction(0.7) / 3
        w -= Fraction(0.1) * slope
    found = certify(program)
    assert (found.value, found.grads, found.updated) == (nearest(loss), {"w": nearest(slope)}, {"w": nearest(w)})
    assert found.undecided == () and found.digits == 34


def test_what_is_0_is_proved_to_be_0():
    found = certify("f = sum(softmax(x))", x=[0.1, 0.2, 0.3])
    assert (found.value, found.grads, found.undecided) == (1.0, {"x": [0.0, 0.0, 0.0]}, ())
    assert found.trace.grads != found.grads  # floats have 1e-17 there
    assert found.details["gradient", "x"].how == "400 digits"
    found = certify("f = relu(x/3 - x/3) * y", x=0.1, y=0.2)
    assert (found.value, found.grads, found.undecided) == (0.0, {"x": 0.0, "y": 0.0}, ())
    assert found.details["value", ""].how == "136 digits and fractions"
    half = certify("f = 2 * x + x * elu(2 / x)", x=1.68)  # in the middle between two doubles: the even one
    assert half.value == nearest(2 * Fraction(1.68) + 2) and half.undecided == ()


def test_what_cannot_be_certified_is_said():
    found = certify("f = log(x) + y", x=0, y=1)
    assert (found.value, found.grads) == (None, {"x": None, "y": 1.0})
    assert found.undecided == (
        "f is -inf in floats: the domain was left, and no true number belongs to it",
        "∂f/∂x is inf in floats: the domain was left, and no true number belongs to it",
    )
    assert certify("f = x * x", x=1e200).undecided == ("f is beyond the largest double",)
    assert certify("f = max(sin(x) * 3, 3 * sin(x))", x=0.1).undecided == ()  # computed in the same way
    tie = certify("f = max(sin(x)**2 + cos(x)**2, 1)", x=0.1)
    assert tie.undecided[0].startswith("line 1, column 5: floats compare ")
    assert tie.undecided[0].endswith("so near to each other that bounds of 136 digits do not confirm it")


def test_branches_are_those_of_floats_and_a_wrong_one_is_reported():
    program = "s = 0.1 + x\nif s == 0.3:\n    f = s * 2\nelse:\n    f = s * 3"
    found = certify(program, x=0.2)
    assert found.value == nearest((Fraction(0.1) + Fraction(0.2)) * 3) and not found.undecided
    learning = "x = 0.1\nfor i in range(120):\n    f = relu(sin(9 * x) + 2)\n    backward(f)\n    x -= 0.5 * x.grad\n"
    assert certify(learning).undecided == ()  # bounds of 136 digits are too wide at the end
    big = certify("if x + 1 == x:\n    f = x * 2\nelse:\n    f = x * 3", x=1e16)
    assert big.value == 2e16
    assert big.undecided == (
        "line 1, column 4: floats compare 1e+16 == 1e+16, and the true numbers compare otherwise; "
        "what follows belongs to the branch that floats took",
    )


def test_remainders_and_rounding_in_certified_programs():
    found = certify("n = 7.5 // 2; m = -7.5 % 2; r = round(2.675, 2); f = x * (n + m + r)", x=0.7)
    assert found.value == nearest(Fraction(0.7) * (3 + Fraction(0.5) + Fraction(2.67))) and not found.undecided
    assert [event.text for event in found.trace if isinstance(event, stepgrad.Print)] == []
    printed = certify("print(f'{x:.3f}', x, [x]); f = x * 2", x=0.7).trace
    assert [event.text for event in printed if isinstance(event, stepgrad.Print)] == ["0.700 0.7 [0.7]"]
    for program in ("f = x * ((1e16 + 1 - 1e16) // 1.0 + 1)", "f = x * (1 + round(1e16 + 0.6 - 1e16))"):
        (sentence,) = certify(program, x=0.7).undecided  # floats lose the 1 and the 0.6
        assert sentence.endswith(
            "the true numbers compare otherwise; what follows belongs to the branch that floats took"
        )


def test_edges_are_certified():
    for count in (5001, 5000):  # by e^(y ln x), which knows the sign of an odd power
        assert certify(f"f = x**{count}", x=-1.0001).value == nearest(Fraction(-1.0001) ** count)
    assert (certify("f = x**2.5", x=0).value, certify("f = erfc(x)", x=1001).value) == (0.0, 0.0)
    for program, given, reason in (
        ("f = sqrt(1e16 + x - 1e16)", -0.1, "f is 0.0 in floats, and no bounds were found for the true number"),
        ("f = x + sin(0.3)**2 + cos(0.3)**2", 2.0**53,
         "f lies between 9007199254740992.0 and 9007199254740994.0, and 800 digits do not decide between the two"),
        ("f = relu(log(x))", 0, "line 1, column 5: floats compare -inf < 0.0, and inf and nan are no true numbers"),
    ):  # fmt: skip
        assert reason in certify(program, x=given).undecided, program
    many = [k + 0.1 for k in range(10_100)]
    made = balls(5).make
    assert [made(x).shadow for x in many] == many and made(0.1).mid == made(made(0.1)).mid == Decimal("0.10001")


def test_fractions_that_get_too_long_or_too_large_are_bounded():
    found = certify("y = 0.1\nfor i in range(16): y = y * y + 1/3\nf = (sin(x) - sin(x)) * y", x=0.5)
    assert (found.value, found.undecided) == (0.0, ())  # a fraction of 65,536 times the digits would take a while
    beyond = certify("z = x/3 - x/3; f = x * x + z", x=1e200)
    assert beyond.undecided == ("f is beyond the largest double",)


def test_smooth_gates_raise_no_doubts():
    for gate in ("sigmoid", "softplus", "tanh", "gelu"):
        assert certify(f"f = {gate}(sin(x) - sin(x))", x=0.1).undecided == (), gate


def test_a_certificate_in_words():
    assert list(proof(certify("f = x * 0.1", x=3))) == [
        "f = 0.30000000000000004  proved with 68 digits; floats are right",
        "∂f/∂x = 0.1  proved with 34 digits; floats are right",
    ]
    learned = certify("w = 0.5\nf = w * w\nbackward(f)\nw -= 0.25 * w.grad\n")
    assert list(proof(learned))[2] == "w after the last update = 0.25  proved with 34 digits; floats are right"
    assert '"updated": {"w": 0.25}' in "".join(proof_json(learned))
    lines = list(proof(certify("f = sum(W) / x", W=[0.1, 0.7], x=0), ascii_only=True))
    assert lines[0] == "f = None  not proved"
    assert lines[-1].startswith("undecided: df/dx is ")
    assert list(proof_json(certify("f = x * 2", x=3))) == [
        '{"output": "f", "value": 6.0, "grads": {"x": 2.0}, "steps": 4, "digits": 34, "undecided": []}'
    ]
    assert math.isclose(certify("f = sigmoid(x)", x=0.3).details["gradient", "x"].ulps, 0, abs_tol=2)
