"""What every test needs: no settings of the user's, no colours of the terminal's."""

import pytest


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("STEPGRAD_CONFIG", str(tmp_path / "config"))
    for name in ("NO_COLOR", "COLORTERM", "TEXTUAL_THEME", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
