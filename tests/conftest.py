"""What every test needs: no settings of the user's, no colours of the terminal's, chance that can be repeated."""

import os
import random
import time

import pytest


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("STEPGRAD_CONFIG", str(tmp_path / "config"))
    for name in ("NO_COLOR", "COLORTERM", "TEXTUAL_THEME", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fuzz():
    """Hand out generators of random numbers: a few, or as many as ``STEPGRAD_FUZZ`` seconds allow.

    The seed of each is printed, so that a failure shows the last one: ``STEPGRAD_SEED`` repeats it.
    """

    def chances(count):
        given = os.environ.get("STEPGRAD_SEED")
        if given is not None:
            yield random.Random(given)
            return
        end = time.monotonic() + float(os.environ.get("STEPGRAD_FUZZ", "0"))
        turn = 0
        while turn < count or time.monotonic() < end:
            print(f"STEPGRAD_SEED={turn}")
            yield random.Random(str(turn))
            turn += 1

    return chances
