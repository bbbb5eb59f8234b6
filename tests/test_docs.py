"""The documents say what is there: every name in a table exists, and every name that exists is in a table."""

import argparse
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import BaseCommand, load_command_class

from advancement.criteria import rule_json
from advancement.criteria.rules import Operator
from advancement.criteria.signals import SIGNALS
from advancement.criteria.validation import check_rule, check_rule_set
from advancement.importing import EventImporter, SignalImporter, SproutImporter
from advancement.ledger.verify import CHECKS
from advancement.models.runs import RunStatus
from tests.criteria.cast import LIFECYCLES

ROOT = Path(__file__).parents[1]
README, ARCHITECTURE, OPERATIONS = "README.md", "docs/architecture.md", "docs/operations.md"
RELIABILITY = "docs/reliability.md"
NOT_OURS = {"node_modules", "staticfiles"}


@cache
def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def documents() -> list[str]:
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(
        str(path)
        for path in found
        if NOT_OURS.isdisjoint(path.parts) and not any(p.startswith(".") for p in path.parts)
    )


def section(path: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    lines = iter(read(path).splitlines())
    assert heading in lines, f"{path} has no heading {heading}"
    kept: list[str] = []
    for line in lines:
        if re.match(rf"#{{1,{level}}} ", line):
            break
        kept.append(line)
    return "\n".join(kept)


def rows(text: str, first_column: str) -> list[list[str]]:
    """Return the cells of the first table whose first column has that name."""
    _, found_it, rest = text.partition(f"| {first_column} |")
    assert found_it, f"there is no table with the first column {first_column}"
    found = []
    for line in rest.splitlines()[2:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def names(text: str, first_column: str) -> list[str]:
    """Return what stands as code in the first column of that table."""
    return [name for row in rows(text, first_column) for name in re.findall(r"`([^`]+)`", row[0])]


def commands() -> dict[str, BaseCommand]:
    folder = ROOT / "advancement/management/commands"
    return {
        path.stem: load_command_class("advancement", path.stem)
        for path in sorted(folder.glob("*.py"))
        if path.stem != "__init__"
    }


def options_of(command: BaseCommand, name: str) -> set[str]:
    ours = _options(command.create_parser("manage.py", name))
    return ours - _options(BaseCommand().create_parser("manage.py", name))


def _options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


def settings_read() -> set[str]:
    source = read("grove_console/settings.py")
    return set(re.findall(r"(?:parse\.read\(\s*_values,|_values\.get\()\s*\"([A-Z_]+)\"", source))


def template() -> dict[str, str]:
    lines = (line for line in read(".env.example").splitlines() if "=" in line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def settings_documented() -> dict[str, str]:
    return {row[0].strip("`"): row[1] for row in rows(read(README), "setting")}


def test_the_signals_of_the_catalogue_are_in_the_table_with_column_and_unit():
    documented = [tuple(cell.strip("`") for cell in row[:3]) for row in rows(read(ARCHITECTURE), "signal")]
    assert documented == [(s.name, s.column or "–", s.unit.value) for s in SIGNALS.values()]


def test_the_operators_are_in_the_table():
    assert names(read(ARCHITECTURE), "operator") == list(Operator)


def test_the_tables_of_the_database_are_in_the_table():
    ours = {model._meta.db_table for model in apps.get_app_config("advancement").get_models()}
    assert set(names(read(ARCHITECTURE), "table")) == ours


def test_the_statuses_of_a_run_are_in_the_table():
    assert set(names(read(ARCHITECTURE), "status")) == set(RunStatus)


def test_the_named_constraints_and_triggers_exist():
    migrations = "".join(read(str(p.relative_to(ROOT))) for p in ROOT.glob("advancement/migrations/0*.py"))
    known = migrations + read("advancement/database/triggers.py") + read("advancement/runs/start.py")
    text = " ".join(row[1] for row in rows(read(ARCHITECTURE), "guarantee"))
    named = [name for name in re.findall(r"`([a-z_]+)`", text) if "_" in name]
    assert len(named) > 10
    tables = ("advancement_events_append_only",)  # made of the table's name
    settings = ("statement_timeout", "idle_in_transaction_session_timeout")
    assert [name for name in named if name not in known and name not in tables + settings] == []


def test_the_checks_of_the_ledger_are_in_the_table_in_their_order():
    there = [check.__name__.removeprefix("check_") for check in CHECKS]
    assert names(section(RELIABILITY, "## The ledger and its seals"), "check") == there


def test_the_packages_of_the_layers_exist_and_all_are_there():
    documented = {Path(row[1].strip("`")).stem for row in rows(read(ARCHITECTURE), "layer")}
    there = {path.stem for path in (ROOT / "advancement").iterdir() if _is_code(path)}
    assert documented == there - {"__init__", "apps", "migrations"}


def _is_code(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def test_the_commands_are_in_the_readme():
    assert set(names(section(README, "## Commands"), "command")) == set(commands())


def test_the_commands_have_a_section_each_and_no_other_has():
    headings = re.findall(r"^### `(.+)`$", section(OPERATIONS, "## Commands"), re.MULTILINE)
    assert sorted(headings) == sorted(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_options_of_a_command_are_in_its_table(name):
    expected = options_of(commands()[name], name)
    text = section(OPERATIONS, f"### `{name}`")
    documented = names(text, "option") if "| option |" in text else []
    assert sorted(documented) == sorted(expected)


@pytest.mark.parametrize(
    ("heading", "first_column", "importer"),
    [
        ("### Sprouts", "column", SproutImporter),
        ("### Usage events", "field", EventImporter),
        ("### Signals", "column", SignalImporter),
    ],
)
def test_the_columns_of_a_file_are_in_its_table(heading, first_column, importer):
    documented = names(section(OPERATIONS, heading), first_column)
    assert sorted(documented) == sorted((*importer.required, *importer.optional))


def test_the_keys_of_a_rule_are_in_the_tables():
    text = section(OPERATIONS, "### Rules")
    assert names(text, "key") == list(rule_json._RULE_KEYS)
    assert names(text.partition("A criterion:")[2], "key") == list(rule_json._CRITERION_KEYS)


def test_the_settings_are_in_the_readme():
    assert set(settings_documented()) == settings_read()


def test_the_settings_are_in_the_template():
    assert set(template()) <= settings_read()
    assert settings_read() == set(template())


@pytest.mark.parametrize("name", sorted(name for name, value in template().items() if value))
def test_template_and_readme_agree_on_a_default(name):
    assert settings_documented()[name] == f"`{template()[name]}`"


def test_the_settings_of_the_installation_guide_exist():
    example = re.findall(r"^\s+([A-Z_]+)=", section(OPERATIONS, "## Install on a server"), re.MULTILINE)
    assert example
    assert set(example) - {"Q_CLUSTER_NAME"} <= settings_read()


@pytest.mark.parametrize("path", [README, OPERATIONS])
def test_every_command_line_calls_a_command_that_exists(path):
    called = set(re.findall(r"manage\.py ([a-z_]+)", read(path)))
    others = {"check", "migrate", "collectstatic", "createsuperuser", "qcluster"}
    assert called - others <= set(commands())


@pytest.mark.parametrize("path", documents())
def test_every_make_target_exists(path):
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", read(path)))
    assert named <= targets


@pytest.mark.parametrize("path", documents())
def test_every_relative_link_leads_somewhere(path):
    assert [link for link in relative_links(path) if not leads_somewhere(path, link)] == []


def relative_links(path: str) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", read(path), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", link):
            yield link


def leads_somewhere(path: str, link: str) -> bool:
    target, _, anchor = link.partition("#")
    file = (ROOT / path).parent / target if target else ROOT / path
    return file.exists() and (not anchor or anchor in anchors(file.read_text(encoding="utf-8")))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_rule_of_the_readme_can_be_imported():
    (block,) = re.findall(r"```json\n(.*?)```", read(README), re.DOTALL)
    rules = rule_json.rules_from_json(block)
    assert rules
    assert [problem for rule in rules for problem in check_rule(rule, LIFECYCLES)] == []
    assert check_rule_set(rules) == []


def test_the_built_in_tiers_are_those_of_the_migration():
    tiers = [slug for slug, *_ in import_module("advancement.migrations.0002_botanical").TIERS]
    assert f"`botanical` ({', '.join(tiers)})" in read(ARCHITECTURE)
