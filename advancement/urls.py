"""Addresses of the console's pages."""

from django.urls import path

from advancement.views import (
    dashboard,
    diagnostics,
    events,
    health,
    lifecycles,
    plan_changes,
    plan_review,
    plans,
    rollbacks,
    rule_editor,
    rule_files,
    rule_preview,
    rule_switch,
    rule_versions,
    rules,
    run_actions,
    run_page,
    run_start,
    runs,
    search,
    sprout_actions,
    sprouts,
    uploads,
)

app_name = "console"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("expect/", dashboard.expect, name="expect"),
    path("search/", search.search, name="search"),
    # Health
    path("health/", health.health, name="health"),
    path("health/ledger/", health.check_ledger, name="check_ledger"),
    path("health/resend/", health.resend, name="resend"),
    path("health/test/", health.try_channels, name="try_channels"),
    path("health/diagnostics/", diagnostics.diagnostics, name="diagnostics"),
    path("health/diagnostics.txt", diagnostics.diagnostics_text, name="diagnostics_text"),
    # Import
    path("import/", uploads.imports, name="imports"),
    path("import/<int:upload_id>/", uploads.upload, name="upload"),
    path("import/<int:upload_id>/confirm/", uploads.confirm_upload, name="confirm_upload"),
    path("import/<int:upload_id>/drop/", uploads.drop_upload, name="drop_upload"),
    # Lifecycle models
    path("lifecycles/", lifecycles.lifecycles, name="lifecycles"),
    path("lifecycles/load/", lifecycles.load_example, name="load_example"),
    path("lifecycles/<slug:slug>/archive/", lifecycles.archive_lifecycle, name="archive_lifecycle"),
    # Rules
    path("rules/", rules.rules, name="rules"),
    path("rules/count/", rules.count_rules, name="count_rules"),
    path("rules/export/", rule_files.export_rules, name="export_rules"),
    path("rules/import/", rule_files.import_rules, name="import_rules"),
    path("rules/<slug:slug>/switch/", rule_switch.switch_rule, name="switch_rule"),
    path("rules/<slug:slug>/archive/", rule_switch.archive, name="archive_rule"),
    path("rules/<slug:slug>/unarchive/", rule_switch.unarchive, name="unarchive_rule"),
    # The rule editor
    path("rules/new/", rule_editor.new_rule, name="new_rule"),
    path("rules/preview/", rule_preview.count, name="preview_rule"),
    path("rules/preview/details/", rule_preview.details, name="preview_details"),
    path("rules/preview/chart/", rule_preview.chart, name="preview_chart"),
    path("rules/<slug:slug>/", rule_editor.rule, name="rule"),
    path("rules/<slug:slug>/activate/", rule_versions.activate, name="activate_rule"),
    path("rules/<slug:slug>/discard-draft/", rule_versions.discard, name="discard_draft"),
    path("rules/<slug:slug>/restore/<int:number>/", rule_versions.restore, name="restore_version"),
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
    # Events
    path("events/", events.events, name="events"),
    path("events/export/", events.events_csv, name="export_events"),
    path("events/<int:event_id>/", events.event, name="event"),
    # Sprouts
    path("sprouts/", sprouts.sprouts, name="sprouts"),
    path("sprouts/<uuid:sprout_id>/", sprouts.sprout, name="sprout"),
    path("sprouts/<uuid:sprout_id>/override/", sprout_actions.override, name="override_sprout"),
    path("sprouts/<uuid:sprout_id>/hold/", sprout_actions.hold, name="hold_sprout"),
    path("sprouts/<uuid:sprout_id>/release/", sprout_actions.release, name="release_sprout"),
]
