"""Addresses of the console's pages."""

from django.urls import path

from advancement.views import (
    dashboard,
    health,
    plan_changes,
    plan_review,
    plans,
    rollbacks,
    rule_editor,
    rules,
    run_actions,
    run_page,
    run_start,
    runs,
)

app_name = "console"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("health/", health.health, name="health"),
    # Rules
    path("rules/", rules.rules, name="rules"),
    # The rule editor
    path("rules/new/", rule_editor.new_rule, name="new_rule"),
    path("rules/<slug:slug>/", rule_editor.rule, name="rule"),
    # Runs
    path("runs/", runs.runs, name="runs"),
    path("runs/start/", run_start.start, name="start_run"),
    path("runs/<int:run_id>/", run_page.run, name="run"),
    path("runs/<int:run_id>/progress/", run_page.run_progress, name="run_progress"),
    path("runs/<int:run_id>/by-rule/", run_page.run_rules, name="run_rules"),
    path("runs/<int:run_id>/log.txt", run_page.run_log, name="run_log"),
    path("runs/<int:run_id>/left-out/", plan_changes.left_out, name="left_out"),
    path("runs/<int:run_id>/cancel/", run_actions.cancel_run, name="cancel_run"),
    path("runs/<int:run_id>/resume/", run_actions.resume_run, name="resume_run"),
    path("runs/<int:run_id>/drop/", run_actions.drop_run, name="drop_run"),
    path("runs/<int:run_id>/approve/", run_actions.approve_run, name="approve_run"),
    path("runs/<int:run_id>/discard/", run_actions.discard_run, name="discard_run"),
    # Plans
    path("runs/<int:run_id>/plan/", plans.plan, name="plan"),
    path("runs/<int:run_id>/plan/moves.csv", plans.plan_csv, name="plan_csv"),
    path("runs/<int:run_id>/plan/changes/", plan_changes.plan_changes, name="plan_changes"),
    path("runs/<int:run_id>/plan/strike/", plan_review.strike, name="strike"),
    path("runs/<int:run_id>/plan/strike-held/", plan_review.strike_held, name="strike_held"),
    path("runs/<int:run_id>/plan/apply/", plan_review.apply, name="apply_plan"),
    # Rollbacks
    path("rollback/", rollbacks.scope, name="rollback"),
    path("rollback/<int:run_id>/", rollbacks.review, name="review_rollback"),
]
