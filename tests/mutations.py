"""Mutations of saved traces, seeded: what a bad disk, a careless editor or an attacker could do to a file."""

import random
import re


def mutated(content, seed):
    """Change the bytes of a file in one way."""
    rng = random.Random(seed)
    lines = content.splitlines(keepends=True)
    k = rng.randrange(len(lines))

    def flip():
        place = rng.randrange(len(content))
        return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]

    def other_byte():
        place = rng.randrange(len(content))
        return content[:place] + bytes([rng.choice(b'0123456789.-e"[]{},:ntf \\\n\x00\xff')]) + content[place + 1 :]

    def remove_bytes():
        place = rng.randrange(len(content))
        return content[:place] + content[place + rng.randint(1, 5) :]

    def number():
        found = list(re.finditer(rb"-?\d+(\.\d+)?(e[-+]?\d+)?", content))
        place = rng.choice(found)
        value = rng.choice(
            [
                b"0",
                b"1",
                b"-1",
                b"1e999",
                b"1e308",
                b"0.5",
                b"null",
                b'"nan"',
                b"NaN",
                b"9" * 5000,
                b"true",
                b"[]",
                b"{}",
            ]
        )
        return content[: place.start()] + value + content[place.end() :]

    def value():
        found = list(re.finditer(rb'"(\w+)":(null|true|false|"[^"]*"|\[[^\[\]]*\]|[-\d.e+]+)', content))
        place = rng.choice(found)
        new = rng.choice(
            [b"null", b"[]", b"[[]]", b'""', b'"x"', b"3", b"-3.5", b"{}", b"[" * 2000, b"[1,[2]]", b"true"]
        )
        return content[: place.start(2)] + new + content[place.end(2) :]

    ways = {
        "flip": flip,
        "other byte": other_byte,
        "remove": remove_bytes,
        "number": number,
        "value": value,
        "drop": lambda: b"".join(lines[:k] + lines[k + 1 :]),
        "double": lambda: b"".join(lines[: k + 1] + lines[k:]),
        "swap": lambda: b"".join([*lines[:k], *lines[k : k + 2][::-1], *lines[k + 2 :]]),
        "move": lambda: b"".join(
            [*(rest := lines[:k] + lines[k + 1 :])[: (m := rng.randrange(len(lines)))], lines[k], *rest[m:]]
        ),
        "truncate": lambda: content[: rng.randrange(len(content))],
        "append": lambda: content + rng.choice([b"x\n", b"{}\n", b"\n", lines[-1], b"\x00"]),
        "other line ends": lambda: content.replace(b"\n", rng.choice([b"\r\n", b"\n\n", b" \n"])),
    }
    name = rng.choice(list(ways))
    return name, ways[name]()


def without_checksums(content):
    """Remove the checksums, so that only what lines say can betray a change."""
    return re.sub(rb',"crc":\d+\}', b"}", content)
