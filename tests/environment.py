"""The environment of the tests, set before pytest-django reads the settings (see pyproject.toml)."""

import os
from pathlib import Path

# A developer's .env must not decide what the tests see.
os.environ["GROVE_CONSOLE_READ_DOTENV"] = "0"

# An empty value counts as unset.
if not os.environ.get("DEBUG"):
    os.environ["DEBUG"] = "1"

# Here the settings put the SQLite file of the tests.
Path(__file__).parents[1].joinpath(".cache").mkdir(exist_ok=True)
