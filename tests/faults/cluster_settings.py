"""The settings of the task clusters under fault: patience in seconds instead of minutes and hours."""

from grove_console import settings as _settings
from grove_console.settings import *  # noqa: F403

Q_CLUSTER = _settings.Q_CLUSTER | {
    "timeout": 20,
    "retry": 45,
    "poll": 0.1,
    "guard_cycle": 0.2,
    "ALT_CLUSTERS": {"runs": {"timeout": 20, "retry": 45, "max_attempts": 1}},
}
