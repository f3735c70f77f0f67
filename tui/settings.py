"""Settings: what is remembered between runs, in the user's configuration folder.

One JSON file. A damaged one is set aside and said so; it never keeps the replay from opening.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copymode

from platformdirs import user_config_path

FILE = "settings.json"


@dataclass
class Settings:
    """What is remembered.

    Attributes
    ----------
    theme : str
        The name of the theme; empty for the default.
    digits : int
        Decimals of the printed numbers.
    """

    theme: str = ""
    digits: int = 2


def settings_path() -> Path:
    """Return where the settings are; ``STEPGRAD_CONFIG`` names another folder."""
    folder = os.environ.get("STEPGRAD_CONFIG")
    return (Path(folder) if folder else user_config_path("stepgrad")) / FILE


def load_settings() -> tuple[Settings, str]:
    """Return the settings, and a sentence about what was wrong with them, or nothing."""
    path = settings_path()
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
        settings = Settings()
        for name, default in asdict(settings).items():
            if type(found.get(name)) is type(default):
                setattr(settings, name, found[name])
        return settings, ""
    except FileNotFoundError:
        return Settings(), ""
    except OSError as error:
        return Settings(), f"the settings cannot be read: {error.strerror}"
    except (ValueError, TypeError, RecursionError):
        aside = path.with_suffix(".damaged")
        with suppress(OSError):
            path.replace(aside)
        return Settings(), f"the settings were damaged; they are set aside as {aside}"


def save_settings(settings: Settings) -> str:
    """Write the settings, whole or not at all; return a sentence about what went wrong, or nothing."""
    path = Path(os.path.realpath(settings_path()))  # a link stays one
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")
        with suppress(FileNotFoundError):
            copymode(path, beside)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        return f"the settings cannot be saved: {error.strerror}"
    return ""
