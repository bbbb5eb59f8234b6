"""The number of queries does not grow with the grove: pinned at 10 rows and at 1,000."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from advancement import tasks
from advancement.aggregation import refresh_signals
from advancement.criteria.signals import Period
from advancement.evaluation.explain import explain
from advancement.evaluation.plan import make_plan
from advancement.importing import EventImporter, SignalImporter, SproutImporter, import_file
from advancement.models import Sprout, UsageEvent
from advancement.models.runs import RunTrigger
from advancement.rulebook import save_rules
from advancement.runs.start import RunRequest, start_run
from advancement.runs.summary import summarise
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule
from tests.database.rows import usage_event_values
from tests.factories import add_rule, planned_run, sprout_values
from tests.importing.conftest import event_row, signal_row, sprout_row
from tests.runs.conftest import plant

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("rows", [10, 1000])]
