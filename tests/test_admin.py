"""Django's admin: every list answers, facts stay as they are, tiers in use stay."""

import html
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.sites import all_sites
from django.contrib.auth.models import Permission, User
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django_q.models import Failure, OrmQ, Success, Task
from django_q.models import Schedule as TaskSchedule
from django_q.tasks import async_task

from advancement.admin import records
from advancement.criteria.signals import Period
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    Hold,
    LeftOut,
    LifecycleModel,
    OutboxMessage,
    RuleVersion,
    Run,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    Tier,
    UsageEvent,
)
from tests.console.markup import markup
from tests.factories import add_model, add_rule, finished_run, make_sprout, sprout_values
from tests.notifications.conftest import make_message

FACTS = [
    AdvancementEvent,
    AdvancementRule,
    Hold,
    LeftOut,
    OutboxMessage,
    RuleVersion,
    Run,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    TaskSchedule,
    UsageEvent,
]
REGISTERED = list(admin.site._registry)
NOW = datetime(2026, 3, 6, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def _name(model: Any) -> str:
    return f"{model._meta.app_label}.{model._meta.model_name}"


def _url(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def superuser(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def grove() -> Sprout:
    """One row of every fact: a sprout that a run advanced, and what goes with it."""
    add_rule("citations >= 3")
    SignalRefresh.objects.create(
        kind="aggregation",
        periods=list(Period),
        as_of=NOW,
        started_at=NOW,
        finished_at=datetime.now(UTC),
        sprouts=1,
    )
    sprout = make_sprout(signals={"citations": 7}, title="a <b>bold</b> title")
    run = finished_run()
    LeftOut.objects.create(run=run, sprout_id=uuid.uuid4(), bucket="held", reason="on hold")
    UsageEvent.objects.create(
        id="an-event", sprout=sprout, event_type="sprout_viewed", created_at=NOW, session_id="s"
    )
    Hold.objects.create(sprout=sprout, reason="wait", set_at=NOW, set_by="root")
    make_message()
    return sprout


def test_there_is_one_admin_site_and_it_bears_the_console_s_name(superuser: Client) -> None:
    assert [site.name for site in all_sites] == ["admin"]
    assert "Grove Console" in superuser.get(reverse("admin:index")).text


@pytest.mark.parametrize("model", REGISTERED, ids=_name)
def test_every_list_answers_also_when_it_is_empty(model: Any, superuser: Client) -> None:
    assert superuser.get(_url(model, "changelist")).status_code == 200


@pytest.mark.parametrize("model", FACTS, ids=_name)
@pytest.mark.parametrize("term", ["a note", "12", "Ünïcode", str(uuid.UUID(int=7)), "a\x00b"], ids=ascii)
def test_every_search_answers(model: Any, term: str, superuser: Client, grove: Sprout) -> None:
    assert superuser.get(_url(model, "changelist"), {"q": term}).status_code == 200


@pytest.mark.parametrize("model", FACTS, ids=_name)
def test_every_fact_can_be_looked_at_and_not_touched(model: Any, superuser: Client, grove: Sprout) -> None:
    row = model.objects.first()
    assert row is not None

    assert superuser.get(_url(model, "changelist")).status_code == 200
    assert superuser.get(_url(model, "change", row.pk)).status_code == 200
    before = list(model.objects.values())
    assert superuser.post(_url(model, "add"), {}).status_code == 403
    assert superuser.post(_url(model, "change", row.pk), {}).status_code == 403
    assert superuser.post(_url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    superuser.post(_url(model, "changelist"), action)
    assert list(model.objects.values()) == before


@pytest.mark.parametrize("model", [AdvancementEvent, Sprout, UsageEvent, SignalAggregation, Hold], ids=_name)
def test_a_sprout_is_found_by_its_id(model: Any, superuser: Client, grove: Sprout) -> None:
    make_sprout(title="another")
    for text in (str(grove.pk), f" {grove.pk.hex.upper()} "):
        found = superuser.get(_url(model, "changelist"), {"q": text}).context["cl"].result_list
        assert [getattr(row, "sprout_id", row.pk) for row in found] == [grove.pk]


def test_a_hold_of_a_deleted_sprout_is_listed_and_can_be_looked_at(superuser: Client, grove: Sprout) -> None:
    key, hold = grove.pk, Hold.objects.get()
    grove.delete()
    page = superuser.get(_url(Hold, "changelist"))
    assert list(page.context["cl"].result_list) == [hold]
    assert f"{key} (deleted)" in page.text
    assert superuser.get(_url(Hold, "change", hold.pk)).status_code == 200


def test_titles_are_escaped(superuser: Client, grove: Sprout) -> None:
    page = superuser.get(_url(AdvancementEvent, "changelist")).text
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page


@pytest.mark.parametrize("model", [Sprout, SignalAggregation], ids=_name)
def test_a_list_takes_as_many_queries_for_a_page_as_for_a_row(
    model: Any, superuser: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        make_sprout(signals={"citations": 1})
    with django_assert_max_num_queries(9):
        superuser.get(_url(model, "changelist"))


def test_sprouts_are_filtered_by_tier(superuser: Client) -> None:
    make_sprout("seed")
    wanted = make_sprout("tree")
    page = superuser.get(_url(Sprout, "changelist"), {"tier": "tree"})
    assert list(page.context["cl"].result_list) == [wanted]


def test_a_tier_that_holds_sprouts_is_not_deleted_and_the_page_says_why(superuser: Client) -> None:
    make_sprout("tree")
    tier = Tier.objects.get(slug="tree")
    page = superuser.post(_url(Tier, "delete", tier.pk), {"post": "yes"})
    remedy = "The tier “Tree” holds 1 sprout: move it to another tier first, with a rule or an override."
    assert remedy in page.text
    assert Tier.objects.filter(pk=tier.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_before_a_tier_is_deleted_its_page_asks(superuser: Client) -> None:
    page = superuser.get(_url(Tier, "delete", Tier.objects.get(slug="tree").pk))
    assert page.status_code == 200
    assert "Delete tier" in page.text


def test_tiers_that_an_enabled_rule_names_are_not_deleted_in_bulk_either(superuser: Client) -> None:
    add_rule(slug="climb", title="Climb")
    tiers = Tier.objects.filter(slug__in=["sapling", "grove"])
    selected = [str(tier.pk) for tier in tiers]
    page = superuser.post(
        _url(Tier, "changelist"), {"action": "delete_selected", "_selected_action": selected, "post": "yes"}
    )
    sentence = "The tier “Sapling” is named by the rule “Climb”, which is on: switch it off first."
    assert sentence in page.text
    assert tiers.count() == 2


def test_a_tier_that_nothing_uses_can_be_deleted(superuser: Client) -> None:
    add_model("academic", "draft", "sprout")
    make_sprout("sprout")
    add_rule()
    tier = Tier.objects.get(lifecycle_model="academic", slug="sprout")
    superuser.post(_url(Tier, "delete", tier.pk), {"post": "yes"})
    assert not Tier.objects.filter(pk=tier.pk).exists()


def test_slugs_are_chosen_once(superuser: Client) -> None:
    added = superuser.post(_url(LifecycleModel, "add"), {"slug": "academic", "label": "Academic"})
    assert added.status_code == 302
    superuser.post(_url(LifecycleModel, "change", "academic"), {"slug": "other", "label": "Scholarly"})
    assert list(LifecycleModel.objects.filter(label="Scholarly").values_list("slug", flat=True)) == [
        "academic"
    ]
    tier = {"lifecycle_model": "academic", "slug": "draft", "label": "Draft", "position": "0"}
    superuser.post(_url(Tier, "add"), tier)
    pk = Tier.objects.get(slug="draft").pk
    superuser.post(
        _url(Tier, "change", pk), tier | {"slug": "x", "lifecycle_model": "botanical", "label": "First"}
    )
    assert Tier.objects.values_list("lifecycle_model", "slug", "label").get(pk=pk) == (
        "academic",
        "draft",
        "First",
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"label": "\u200b"}, "A tier needs a label"),
        ({"label": "A\x01B"}, "A label cannot hold control characters"),
        ({"emoji": "abc"}, "is not one emoji"),
    ],
)
def test_the_form_of_a_tier_refuses_labels_and_emojis_as_that_of_the_model_does(
    fields: dict[str, str], sentence: str, superuser: Client
) -> None:
    add_model("academic")
    tier = {"lifecycle_model": "academic", "slug": "draft", "label": "Draft", "emoji": "", "position": "0"}
    page = superuser.post(_url(Tier, "add"), tier | fields)
    assert sentence in html.unescape(page.text)
    assert not Tier.objects.filter(lifecycle_model="academic").exists()


@pytest.mark.parametrize(
    ("label", "sentence"),
    [("\u2060", "The model needs a label"), ("botanicaL\u200b", "choose another label")],
)
def test_the_form_of_a_model_refuses_labels_that_cannot_be_told_from_others(
    label: str, sentence: str, superuser: Client
) -> None:
    page = superuser.post(_url(LifecycleModel, "add"), {"slug": "x", "label": label})
    assert sentence in html.unescape(page.text)
    assert not LifecycleModel.objects.filter(pk="x").exists()


def _try_again(client: Client, *messages: OutboxMessage) -> str:
    selected = [str(message.pk) for message in messages]
    data = {"action": "try_again_now", "_selected_action": selected}
    return client.post(_url(OutboxMessage, "changelist"), data, follow=True).text


def test_messages_that_were_given_up_are_tried_again_from_their_list(superuser: Client) -> None:
    given_up = make_message(status="failed", failed_at=NOW, attempts=12)
    sent = make_message(status="sent", sent_at=NOW, key="run-1-succeeded")
    page = _try_again(superuser, given_up, sent)
    assert "1 of 2 messages will be sent within a minute." in page
    assert set(OutboxMessage.objects.values_list("pk", "status", "attempts")) == {
        (given_up.pk, "pending", 0),
        (sent.pk, "sent", 0),
    }


def test_who_may_only_look_at_messages_cannot_try_them_again(client: Client) -> None:
    given_up = make_message(status="failed", failed_at=NOW, attempts=12)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_outboxmessage"))
    client.force_login(viewer)
    assert "run-12-succeeded" in client.get(_url(OutboxMessage, "changelist")).text
    _try_again(client, given_up)
    given_up.refresh_from_db()
    assert given_up.status == "failed"

    viewer.user_permissions.add(Permission.objects.get(codename="change_outboxmessage"))
    _try_again(client, given_up)
    given_up.refresh_from_db()
    assert given_up.status == "pending"


def test_somebody_without_permissions_sees_no_records(client: Client) -> None:
    client.force_login(User.objects.create_user("guest", is_staff=True))
    assert client.get(_url(AdvancementEvent, "changelist")).status_code == 403


def test_the_pages_link_an_icon_that_exists(client: Client) -> None:
    page = client.get(reverse("admin:login")).text
    icon = re.search(r'<link rel="icon"[^>]* href="/static/([^"]+)"', page)
    assert icon
    assert finders.find(icon[1])


def test_a_model_that_holds_sprouts_is_not_deleted_and_the_page_says_so_in_a_sentence(
    superuser: Client,
) -> None:
    for _ in range(3):
        make_sprout(title="notes/oak.md")
    page = superuser.post(_url(LifecycleModel, "delete", "botanical"), {"post": "yes"})
    assert "The lifecycle model botanical holds 3 sprouts, which keep their model" in page.text
    assert "notes/oak.md" not in page.text
    assert LifecycleModel.objects.filter(slug="botanical").exists()


def test_a_model_with_tiers_is_not_deleted_either(superuser: Client) -> None:
    add_model("academic", "draft")
    page = superuser.post(_url(LifecycleModel, "delete", "academic"), {"post": "yes"})
    assert "The lifecycle model academic has tiers: delete those first." in page.text
    assert LifecycleModel.objects.filter(slug="academic").exists()


def _reorder(client: Client, slug: str, position: int) -> Any:
    tier = Tier.objects.get(slug=slug)
    form = {"label": tier.label, "emoji": tier.emoji, "position": str(position)}
    return client.post(_url(Tier, "change", tier.pk), form)


def test_an_order_of_tiers_that_turns_enabled_rules_around_is_refused_with_their_names(
    superuser: Client,
) -> None:
    add_rule(slug="climb", title="Climb")
    add_rule("views >= 3", slug="leap", title="Leap", to_tier="tree")
    add_rule("views >= 9", slug="asleep", enabled=False)
    before = list(Tier.objects.values_list("slug", "position"))
    page = _reorder(superuser, "sprout", 99)
    assert "There, the rules “Climb” and “Leap”, which are on, would lead backward." in page.text
    assert list(Tier.objects.values_list("slug", "position")) == before


def test_a_position_that_is_taken_is_refused_with_the_tier_that_has_it(superuser: Client) -> None:
    page = _reorder(superuser, "sprout", Tier.objects.get(slug="tree").position)
    assert "The tier tree has position" in page.text


def test_an_order_that_leaves_every_rule_forward_is_accepted(superuser: Client) -> None:
    add_rule(slug="climb")
    assert _reorder(superuser, "grove", 99).status_code == 302
    assert Tier.objects.get(slug="grove").position == 99


@pytest.mark.parametrize("model", [OrmQ, Success, Failure], ids=_name)
def test_tasks_of_the_clusters_can_be_looked_at_and_not_touched(model: Any, superuser: Client) -> None:
    now = {"started": NOW, "stopped": NOW}
    Task.objects.create(id="1", name="one", func="advancement.tasks.tick", success=True, **now)
    Task.objects.create(id="2", name="two", func="advancement.tasks.tick", success=False, **now)
    async_task("advancement.tasks.tick")
    row = model.objects.first()
    before = list(model.objects.values())
    page = superuser.get(_url(model, "changelist"))
    assert page.status_code == 200
    assert 'name="action"' not in page.text
    assert superuser.get(_url(model, "change", row.pk)).status_code == 200
    assert superuser.post(_url(model, "change", row.pk), {}).status_code == 403
    assert superuser.post(_url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    action = {"action": "resubmit_task", "_selected_action": [str(row.pk)]}
    superuser.post(_url(model, "changelist"), action)
    assert list(model.objects.values()) == before
    assert OrmQ.objects.count() == 1


def test_records_lead_to_what_belongs_to_them(superuser: Client, grove: Sprout) -> None:
    event = AdvancementEvent.objects.get()
    run = Run.objects.get()
    row = superuser.get(_url(AdvancementEvent, "changelist")).text
    assert f'href="{reverse("console:sprout", args=(grove.pk,))}"' in row
    for model, key in ((Run, run.pk), (AdvancementRule, "a-rule")):
        assert f'href="{_url(model, "change", key)}"' in row
    for model, key, column in (
        (Run, run.pk, "run_id"),
        (Sprout, grove.pk, "sprout_id"),
        (AdvancementRule, "a-rule", "rule_id"),
    ):
        address = f"{_url(AdvancementEvent, 'changelist')}?{column}={key}"
        assert f'href="{address}"' in superuser.get(_url(model, "change", key)).text
        assert list(superuser.get(address).context["cl"].result_list) == [event]
    left_out = superuser.get(f"{_url(LeftOut, 'changelist')}?run={run.pk}")
    assert left_out.context["cl"].result_count == 1
    assert f'href="{_url(Run, "change", run.pk)}"' in left_out.text


def test_what_has_a_page_of_its_own_leads_there(superuser: Client, grove: Sprout) -> None:
    for model, name in (
        (AdvancementEvent, "event"),
        (AdvancementRule, "rule"),
        (Run, "run"),
        (Sprout, "sprout"),
    ):
        key = model.objects.get().pk
        page = superuser.get(_url(model, "change", key)).text
        assert f'href="{reverse(f"console:{name}", args=(key,))}"' in page


def test_runs_list_how_many_moves_they_planned(superuser: Client, grove: Sprout) -> None:
    assert "moves_planned" in superuser.get(_url(Run, "changelist")).context["cl"].list_display


@pytest.mark.parametrize("page", ["changelist", "change"])
def test_times_are_shown_in_full_and_in_local_time_with_utc_beside_it(
    page: str, superuser: Client, grove: Sprout
) -> None:
    address = _url(Sprout, page, *([grove.pk] if page == "change" else []))
    assert "2025-12-01 00:00:00\xa0UTC" in superuser.get(address).text
    superuser.cookies["timezone"] = "Asia/Kolkata"
    here = '2025-12-01 05:30:00 <span class="utc">(00:00:00\xa0UTC)</span>'
    assert here in superuser.get(address).text


def test_a_long_list_is_not_counted_to_its_end(
    superuser: Client, grove: Sprout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_COUNTED", 60)
    Sprout.objects.bulk_create([sprout_values() for _ in range(70)])
    page = superuser.get(_url(Sprout, "changelist"), {"p": "2"})
    assert "more than 60 sprouts" in markup(page)
    assert "Page 2 of 2" in markup(page)
    assert len(page.context["cl"].result_list) == 10
    assert "1 sprout" in markup(superuser.get(_url(Sprout, "changelist"), {"q": str(grove.pk)}))


def test_the_pages_offer_nothing_that_leads_nowhere(superuser: Client, grove: Sprout) -> None:
    page = superuser.get(_url(Sprout, "change", grove.pk)).text
    assert "/history/" not in page
    assert "View site" not in page
    assert "/history/" in superuser.get(_url(Tier, "change", Tier.objects.all()[0].pk)).text


@pytest.mark.parametrize("model", FACTS, ids=_name)
def test_an_address_with_nul_is_refused(model: Any, superuser: Client, grove: Sprout) -> None:
    listed = _url(model, "changelist")
    assert superuser.get(listed, {"id__exact": "a\0b"}).status_code == 400
    assert superuser.get(listed, {"a\0b": "1"}).status_code == 400
    assert superuser.get(f"{listed}a%00b/change/").status_code == 404
