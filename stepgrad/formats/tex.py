r"""TeX: formulas, names, numbers and matrices of a trace as LaTeX's mathematics.

The one idea: what is written knows how tightly it holds together, so that brackets stand where mathematics needs them,
whether a letter, a name or a number is put in: ``-1/z**2`` becomes ``\frac{-1}{z^{2}}`` and ``\frac{-1}{1.37^{2}}``.
Nothing here needs more than amsmath; signs that pdfTeX has no font for are escaped as Python would escape them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple
from unicodedata import name as name_of_sign
from unicodedata import normalize

from stepgrad.events import DIGITS
from stepgrad.formula import OPERANDS
from stepgrad.gate import Elementwise, Gate, Params
from stepgrad.structural import shown_params
from stepgrad.style import MAX_COLUMNS, MAX_ROWS, Style, kept, literal_text, one_line
from stepgrad.tensor import Number, Tensor

SUM, SIGN, PRODUCT, POWER, ATOM = range(5)  # how tightly a text holds together
NEWLINE = r" \\ "
MOST_MATRICES = 4  # of a stack that are written out


class Term(NamedTuple):
    """A piece of mathematics, and how tightly it holds together."""

    text: str
    binds: int = ATOM

    def at_least(self, binds: int) -> str:
        """Write it where it must hold so tightly: in parentheses, if it does not."""
        return self.text if self.binds >= binds else parenthesised(self.text)


def parenthesised(text: str) -> str:
    """Put parentheses around a text, high ones around what is high."""
    high = any(each in text for each in (r"\frac", r"\begin", r"\sqrt", "^"))
    return rf"\left({text}\right)" if high else f"({text})"


# Formulas

FUNCTIONS = {"exp": "e^{{{0}}}", "sqrt": r"\sqrt{{{0}}}", "abs": r"\left|{0}\right|"}
SUMS = {"expm1": "e^{{{0}}} - 1"}
NAMED = ("log", "sin", "cos", "tan", "tanh", "max", "min", "exp")
COMPARISONS = {ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne"}


def formula(text: str, terms: Mapping[str, Term]) -> Term:
    r"""Write a formula of a row.

    Parameters
    ----------
    text : str
        In ``x``, ``y`` and ``z``.
    terms : mapping
        What is put in for the letters.

    Examples
    --------
    >>> formula("-1/z**2", {"z": Term("1.37")}).text
    '\\frac{-1}{1.37^{2}}'
    >>> formula("(1-z)*z", {"z": Term("-2", SIGN)}).text
    '(1 - (-2)) \\cdot (-2)'
    """
    return written_out(ast.parse(text, mode="eval").body, dict(terms))


def written_out(node: ast.expr, terms: dict[str, Term]) -> Term:
    """Write a part of a formula; ``terms`` takes up what it gives names to."""

    def part(of: ast.expr) -> Term:
        return written_out(of, terms)

    match node:
        case ast.Constant(value=value):
            return number_term(literal_text(value))
        case ast.Name(id=letter):
            return terms.get(letter) or Term(r"\pi" if letter == "pi" else letter)
        case ast.UnaryOp(operand=operand):
            return Term(f"-{part(operand).at_least(PRODUCT)}", SIGN)
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return Term(rf"\frac{{{part(left).text}}}{{{part(right).text}}}", POWER)
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            return Term(f"{part(left).at_least(ATOM)}^{{{part(right).text}}}", POWER)
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            first = part(left)  # a sign at the very left needs no parentheses
            bare = first.text if first.binds == SIGN else first.at_least(PRODUCT)
            return Term(rf"{bare} \cdot {part(right).at_least(PRODUCT)}", min(PRODUCT, max(first.binds, SIGN)))
        case ast.BinOp(op=op, left=left, right=right):
            sign = "+" if isinstance(op, ast.Add) else "-"
            return Term(f"{part(left).text} {sign} {part(right).at_least(PRODUCT)}", SUM)
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return applied(function, [part(each) for each in arguments])
        case ast.IfExp(test=test, body=body, orelse=orelse):
            cases = [rf"{part(body).text} & \text{{if }} {part(test).text}"]
            while isinstance(orelse, ast.IfExp):
                cases.append(rf"{part(orelse.body).text} & \text{{if }} {part(orelse.test).text}")
                orelse = orelse.orelse
            cases.append(rf"{part(orelse).text} & \text{{otherwise}}")
            return Term(rf"\begin{{cases}} {NEWLINE.join(cases)} \end{{cases}}")
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return Term(f"{part(left).text} {COMPARISONS[type(op)]} {part(right).text}", SUM)
        case ast.BoolOp(op=op, values=values):
            joint = r" \land " if isinstance(op, ast.And) else r" \lor "
            return Term(joint.join(part(each).text for each in values), SUM)
        case ast.List(elts=[condition]):  # 1 where it holds, else 0
            return Term(rf"\left[{part(condition).text}\right]")
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            terms[name] = part(value)
            return terms[name]
    return Term(texttt(ast.unparse(node)))


def applied(function: str, arguments: Sequence[Term]) -> Term:
    """Write a function of something."""
    texts = [each.text for each in arguments]
    if function in FUNCTIONS:
        return Term(FUNCTIONS[function].format(*texts), POWER if function == "exp" else ATOM)
    if function in SUMS:
        return Term(SUMS[function].format(*texts), SUM)
    if function == "log1p":
        return Term(rf"\log{parenthesised(f'1 + {texts[0]}')}")
    return Term(operator(function) + parenthesised(", ".join(texts)))


def operator(function: str) -> str:
    r"""Write the name of a function: ``\tanh``, ``\operatorname{relu}``."""
    if function == "sigmoid":
        return r"\sigma"
    return f"\\{function}" if function in NAMED else rf"\operatorname{{{escape_text(function)}}}"


def expression(gate: Gate, operands: Sequence[Term], params: Params) -> Term:
    """Write what a gate computes: by the row's formula, where that is what people write, else as a call by name."""
    given = params
    if isinstance(gate, Elementwise):
        if gate.infix or re.fullmatch(r"\w+\(x\)", gate.forward):
            return formula(gate.forward, dict(zip(OPERANDS, operands)))
        given = dict(zip(gate.params, gate.given))
    given = {key: value for key, value in given.items() if value is not None and value is not False}
    texts = [each.text for each in operands]
    match gate.name, given:
        case "matmul", _:
            return Term(r"\,".join(each.at_least(PRODUCT) for each in operands), PRODUCT)
        case "outer", _:
            return Term(r" \otimes ".join(each.at_least(PRODUCT) for each in operands), PRODUCT)
        case "transpose", {} if not given:
            return Term(rf"{operands[0].at_least(ATOM)}^{{\top}}", POWER)
        case "norm", {} if not given:
            return Term(rf"\left\|{texts[0]}\right\|")
        case "index", _:
            return Term(f"{operands[0].at_least(ATOM)}[{texttt(shown_params(params)['index'])}]")
    shown = [texttt(f"{key}={value}") for key, value in shown_params(given).items()]
    called = operator(gate.symbol if gate.symbol in NAMED else gate.name)
    return Term(called + parenthesised(", ".join([*texts, *shown])))


SIGNS = {
    "·": r"\cdot ", "⊙": r"\odot ", "×": r"\times ", "−": "-", "ᵀ": r"^{\top}", "′": "'", "∂": r"\partial ",
    "Σ": r"\Sigma ", "‖": r"\| ", "≈": r"\approx ", "→": r"\rightarrow ", "…": r"\ldots ", "≤": r"\le ", "≥": r"\ge ",
    "∞": r"\infty ", "²": "^{2}", "³": "^{3}", "⁻": "^{-}", "√": r"\surd ", "∇": r"\nabla ", "∈": r"\in ", "±": r"\pm ",
    "⁰": "^{0}", "¹": "^{1}", "⁴": "^{4}", "⁵": "^{5}", "⁶": "^{6}", "⁷": "^{7}", "⁸": "^{8}", "⁹": "^{9}",
    "ᵢ": "_{i}", "ⱼ": "_{j}", "⟨": r"\langle ", "⟩": r"\rangle ", "∑": r"\sum ", "∏": r"\prod ", "≠": r"\ne ",
}  # fmt: skip
PIECE = re.compile(
    r"\{(?P<slot>up|x|y|z)\}(?P<top>ᵀ?)|(?P<call>softmax)(?=\()"
    r"|(?P<words> ?[A-Za-z]{2,}(?:,? [A-Za-z]+)* ?)|(?P<sign>.)"
)


def pulled(words: str, terms: Mapping[str, Term]) -> str:
    r"""Write the product of a tensor edge, which is told in words and signs.

    >>> pulled("{x}ᵀ · {up} for every row", {"x": Term("q"), "up": Term("G")})
    'q^{\\top} \\cdot G\\text{ for every row}'
    """
    found = []
    for piece in PIECE.finditer(words):
        if slot := piece["slot"]:
            term = terms.get(slot, Term(""))
            found.append(rf"{term.at_least(ATOM)}^{{\top}}" if piece["top"] else term.text)
        elif piece["call"]:
            found.append(r"\operatorname{softmax}")
        elif piece["words"]:
            found.append(rf"\text{{{escape_text(piece['words'])}}}")
        else:
            found.append(SIGNS.get(piece["sign"], piece["sign"]))
    return re.sub(" +", " ", "".join(found))


# Names

GREEK = re.findall(
    r"\w+",
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega",
)
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k",
}  # fmt: skip
ESCAPES = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "`": "{`}", '"': r"\symbol{34}", "ß": r"\ss{}", "–": "--",
    "—": "---", "“": "``", "”": "''", "’": "'", "\N{NO-BREAK SPACE}": "~", **{sign: f"\\{sign}" for sign in "{}$&#_%"},
}  # fmt: skip


def escape_text(text: str) -> str:
    r"""Write a text between formulas, so that it stands there as it is and is never read as a command.

    >>> print(escape_text(r"50% of $x_1"), escape_text("\\input{é}"), escape_text("梯"))
    50\% of \$x\_1 \textbackslash{}input\{\'{e}\} \textbackslash{}u68af
    """
    return "".join(map(escape_sign, one_line(text))).replace("--", "-{}-")


def escape_sign(sign: str) -> str:
    """Write one sign of a text."""
    if sign in ESCAPES:
        return ESCAPES[sign]
    if sign.isascii():
        return sign
    if letter := greek(sign) or SIGNS.get(sign, "").strip():
        return rf"\ensuremath{{{letter}}}"
    if "₀" <= sign <= "₉":
        return rf"\ensuremath{{_{{{ord(sign) - ord('₀')}}}}}"
    base, marks = normalize("NFD", sign)[:1], normalize("NFD", sign)[1:]
    if base.isascii() and base.isalpha() and len(marks) == 1 and marks in ACCENTS:
        dotless = {"i": r"\i", "j": r"\j"}.get(base, base)
        return rf"\{ACCENTS[marks]}{{{dotless}}}"
    return r"\textbackslash{}" + sign.encode("ascii", "backslashreplace").decode()[1:]


def texttt(text: str) -> str:
    """Write a text of the program within a formula."""
    return rf"\text{{\ttfamily {escape_text(text)}}}"


def greek(sign: str) -> str:
    r"""Return the command for a Greek letter; empty for other signs.

    >>> greek("σ"), greek("Δ"), greek("x")
    ('\\sigma', '\\Delta', '')
    """
    found = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name_of_sign(sign, ""))
    if not found:
        return ""
    letter = found[2].lower().replace("lamda", "lambda")
    letter = letter if found[1] == "SMALL" else letter.capitalize()
    return f"\\{letter}" if letter in GREEK else ""


class Names:
    r"""What the names of a trace are in LaTeX: ``w0`` is ``w_{0}``, ``c₂`` is ``c^{(2)}``.

    Different names stay different: where two would look alike, the second is written as in the program.
    """

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}  # who is written so

    def term(self, shown: str) -> Term:
        r"""Return a name as it is written.

        >>> names = Names()
        >>> [names.term(each).text for each in ("w_0", "w0₂", "w0")]
        ['w_{0}', '\\text{\\ttfamily w0}^{(2)}', '\\text{\\ttfamily w0}']
        """
        name, version = parted(shown)
        unnamed = name == "v" and version
        owner = shown if unnamed else name
        alone = self.owners.setdefault(name_term(owner).text, owner) == owner
        return name_term(shown) if alone else versioned(texttt(name), version)


def name_term(shown: str) -> Term:
    r"""Write a name with its version.

    >>> [name_term(each).text for each in ("w0", "v₁₂", "c₂", "w_out", "sigma2")]
    ['w_{0}', 'v_{12}', 'c^{(2)}', 'w_{\\mathrm{out}}', '\\sigma_{2}']
    >>> name_term("learning_rate").text, name_term("∂ x").text
    ('\\mathit{learning\\_rate}', '\\text{\\ttfamily \\ensuremath{\\partial} x}')
    """
    name, version = parted(shown)
    if name == "v" and version:  # a value without a name
        return Term(f"v_{{{version}}}")
    return versioned(stem(name), version)


def parted(shown: str) -> tuple[str, str]:
    """Part a name from its version."""
    name = shown.rstrip("₀₁₂₃₄₅₆₇₈₉")
    return name, shown[len(name) :].translate(DIGITS)


def versioned(written: str, version: str) -> Term:
    """Write a version of a name."""
    return Term(f"{written}^{{({version})}}", POWER) if version else Term(written)


def stem(name: str) -> str:
    """Write a name without its version."""
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name
    if letter := (greek(name) if len(name) == 1 else f"\\{name}" if name in GREEK else ""):
        return letter
    if numbered := re.fullmatch(r"(\w*[^\W\d_])_?(\d+)", name, re.ASCII) or re.fullmatch(r"([α-ωΓ-Ω])_?(\d+)", name):
        return f"{stem(numbered[1])}_{{{numbered[2]}}}" if "_" not in stem(numbered[1]) else whole(name)
    if indexed := re.fullmatch(r"([A-Za-zα-ωΓ-Ω])_([A-Za-z0-9]+)", name):
        return rf"{stem(indexed[1])}_{{\mathrm{{{indexed[2]}}}}}"
    return whole(name)


def whole(name: str) -> str:
    """Write a name of several signs."""
    if re.fullmatch(r"[A-Za-z0-9_]+", name):
        escaped = name.replace("_", r"\_")
        return rf"\mathit{{{escaped}}}"
    return texttt(name)


# Numbers and matrices


def number_term(text: str) -> Term:
    r"""Write a printed number.

    >>> [number_term(each).text for each in ("-0.53", "3.50e-05", "inf", "1/3")]
    ['-0.53', '3.50 \\cdot 10^{-5}', '\\infty', '\\frac{1}{3}']
    """
    if text.startswith("-"):
        return Term(f"-{number_term(text[1:]).text}", SIGN)
    if "/" in text:
        above, below = text.split("/")
        return Term(rf"\frac{{{above}}}{{{below}}}", POWER)
    if "e" in text and text[0].isdigit():
        digits, exponent = text.split("e")
        return Term(rf"{digits} \cdot 10^{{{int(exponent)}}}", PRODUCT)
    return Term({"inf": r"\infty", "nan": r"\mathrm{nan}"}.get(text, text))


def number(value: Number, style: Style) -> Term:
    """Write a number of a trace, a small whole one without decimals, as in notes."""
    whole_number = not isinstance(value, Fraction) and abs(value) < 1e6 and value == int(value)
    return number_term(str(int(value)) if whole_number else style.number(value))


def matrix(tensor: Tensor, style: Style, *, high: bool = False, most: int = MAX_COLUMNS) -> str:
    r"""Write a tensor: a vector as a column, a matrix, a stack matrix by matrix, the middle of a large one left out.

    The matrices of a stack stand side by side, or, if it is to be high, one below the other.

    >>> matrix(Tensor((2,), [0.25, -1.0]), Style(2))
    '\\begin{pmatrix} 0.25 \\\\ -1.00 \\end{pmatrix}'
    """
    if not tensor.data:
        return r"\begin{pmatrix} \end{pmatrix}"
    rows, columns = (tensor.shape[0], 1) if len(tensor.shape) == 1 else tensor.shape[-2:]
    size = rows * columns
    places = kept(len(tensor.data) // size, MOST_MATRICES)
    matrices = [
        r"\ldots" if k is None else one_matrix(tensor.data[k * size : (k + 1) * size], rows, columns, style, most)
        for k in places
    ]
    if high and len(matrices) > 1:
        return rf"\begin{{gathered}} {NEWLINE.join(matrices)} \end{{gathered}}"
    return r",\; ".join(matrices)


def one_matrix(data: Sequence[Number], rows: int, columns: int, style: Style, most: int) -> str:
    """Write a matrix, at most so many of its columns."""
    across = kept(columns, most)

    def entry(row: int | None, column: int | None) -> str:
        if row is None or column is None:
            return r"\ddots" if row is column else r"\vdots" if row is None else r"\cdots"
        return number_term(style.number(data[row * columns + column])).text

    lines = [" & ".join(entry(row, column) for column in across) for row in kept(rows, MAX_ROWS)]
    return rf"\begin{{pmatrix}} {NEWLINE.join(lines)} \end{{pmatrix}}"
