"""Proof: a certificate in words, or as one line of JSON: every number, how it was proved, how far floats are off."""

from __future__ import annotations

from collections.abc import Iterator

from stepgrad.certificate import Certificate, Certified
from stepgrad.formats.summary import plain_json
from stepgrad.style import Style, escaped
from stepgrad.wording import Wording


def proof(certificate: Certificate, *, ascii_only: bool = False) -> Iterator[str]:
    """Yield a line for the value, one for every gradient and every updated input, and one for all that is open.

    Parameters
    ----------
    certificate : Certificate
    ascii_only : bool
        Spell mathematical signs in ASCII.
    """
    trace, style = certificate.trace, Style(ascii_only=ascii_only)
    wording, spell = Wording(trace, style), escaped if ascii_only else str
    output = spell(trace.output_name(ascii_only=ascii_only))
    shown = dict(zip(trace.grads, trace.input_names(ascii_only=ascii_only), strict=True))
    for (kind, name), found in certificate.details.items():
        match kind:
            case "value":
                what = output
            case "gradient":
                what = wording.partial(output, spell(shown[name]))
            case _:
                what = f"{spell(name)} after the last update"
        yield f"{what} = {found.numbers}  {in_words(found)}"
    for sentence in certificate.undecided:
        yield f"undecided: {style.sign(sentence)}"


def in_words(found: Certified) -> str:
    """Say how numbers were proved, and how far floats are off.

    >>> in_words(Certified(0.5, "34 digits", 0.0)), in_words(Certified([0.5, None], "34 digits", 3.0))
    ('proved with 34 digits; floats are right', 'proved with 34 digits, where not None; floats are up to 3 ulp off')
    """
    if not found.how:
        return "not proved"
    several = isinstance(found.numbers, list)
    part = ", where not None" if several and "None" in str(found.numbers) else ""
    off = f"{'up to ' if several else ''}{found.ulps:.4g} ulp off" if found.ulps else "right"
    return f"proved with {found.how}{part}; floats are {off}"


def proof_json(certificate: Certificate) -> Iterator[str]:
    """Yield one line: as for a run, with null where a number is open, the digits, and what is undecided."""
    import json  # only this format pays for loading it

    trace = certificate.trace
    found = {
        "output": trace.output_name(ascii_only=True),
        "value": plain_json(certificate.value),
        "grads": plain_json(certificate.grads),
        "steps": len(trace),
        "digits": certificate.digits,
        "undecided": certificate.undecided,
    }
    if certificate.updated:
        found["updated"] = plain_json(certificate.updated)
    yield json.dumps(found, allow_nan=False)
