"""Lifecycle models in the console: ladders, who uses them, examples, archiving."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse

from advancement.criteria.errors import AdvancementError
from advancement.ladders import EXAMPLES, Ladder, Rung, add_ladder, as_seen
from advancement.models import LifecycleModel, Tier
from advancement.models.lifecycle import slug_validator
from tests.console.markup import markup
from tests.console.people import approver, operator, viewer
from tests.factories import add_rule, make_sprout

pytestmark = pytest.mark.django_db

PAGE = "console:lifecycles"


def test_each_tier_says_who_stands_on_it_and_why_it_stays() -> None:
    add_rule(slug="climb")
    make_sprout("tree")
    page = viewer().get(reverse(PAGE))
    uses = {use.tier.slug: use for use in page.context["cards"][0][1]}
    assert uses["tree"].sprouts == 1
    assert [rule.rule_id for rule in uses["sprout"].rules] == ["climb"]
    assert uses["grove"].sprouts == 0
    assert "named by a rule" in page.text


@pytest.mark.parametrize("ladder", EXAMPLES, ids=lambda ladder: ladder.slug)
def test_an_example_is_loaded_with_all_its_tiers_in_order(ladder: Ladder) -> None:
    approver().post(reverse("console:load_example"), {"example": ladder.slug})
    tiers = Tier.objects.filter(lifecycle_model=ladder.slug).order_by("position")
    assert list(tiers.values_list("slug", "label", "emoji")) == list(ladder.tiers)
    for tier in tiers:
        slug_validator(tier.slug)


def test_a_second_load_and_an_unknown_example_are_told() -> None:
    client = approver()
    client.post(reverse("console:load_example"), {"example": "academic"})
    page = client.post(reverse("console:load_example"), {"example": "academic"}, follow=True)
    assert "is there already" in page.text
    page = client.post(reverse("console:load_example"), {"example": "x"}, follow=True)
    assert "There is no example" in page.text


def test_a_model_is_archived_and_taken_up_again() -> None:
    client = approver()
    archive = reverse("console:archive_lifecycle", args=["botanical"])
    said = [client.post(archive, follow=True).text for _ in range(2)]  # a double click, or a second tab
    assert "no new sprouts come in" in said[0]
    assert "is archived already" in said[1]
    assert "is archived already" in client.get(archive, follow=True).text
    assert LifecycleModel.objects.get(pk="botanical").archived_at
    page = client.post(reverse("console:take_up_lifecycle", args=["botanical"]), follow=True)
    assert "takes new sprouts and rules again" in page.text
    assert LifecycleModel.objects.get(pk="botanical").archived_at is None
    for name in ("archive_lifecycle", "take_up_lifecycle"):
        assert client.post(reverse(f"console:{name}", args=["none"])).status_code == 404


def test_archiving_a_model_asks_first_and_says_what_goes_on() -> None:
    add_rule(slug="climb", title="Climb")
    add_rule(slug="off", title="Rests", enabled=False)
    make_sprout("sprout")
    make_sprout("tree")
    client = approver()
    address = reverse("console:archive_lifecycle", args=["botanical"])
    assert f'href="{address}"' in client.get(reverse(PAGE)).text
    page = client.get(address)
    assert [(tier.slug, count) for tier, count in page.context["tiers"] if count] == [
        ("sprout", 1),
        ("tree", 1),
    ]
    said = markup(page)
    assert "1 rule is on and goes on moving its sprouts" in said
    assert "2 sprouts and 1 rule that is on stay as they are" in said
    assert "Climb" in said
    assert "Rests" not in said
    assert LifecycleModel.objects.get(pk="botanical").archived_at is None


def test_the_list_leaves_a_blank_where_nothing_fixes_a_tier() -> None:
    assert '<span class="small-text muted">–</span>' in viewer().get(reverse(PAGE)).text


def _form(*rows: tuple[str, str, str], **fields: object) -> dict[str, object]:
    """Return a form with rows of emoji, label and slug."""
    known = fields.get("known", [])
    columns = {
        name: [row[at] for row in rows] for at, name in enumerate(("emoji", "tier_label", "tier_slug"))
    }
    there = ["1" if row[2] in known else "0" for row in rows]  # type: ignore[operator]
    return {"seen": _seen(), **columns, "there": there, **fields}


def _seen() -> str:
    """Return what the form of the botanical model carries when it is opened now."""
    tiers = Tier.objects.filter(lifecycle_model="botanical").order_by("position")
    return as_seen(LifecycleModel.objects.get(pk="botanical").label, tiers)


def _ladder(model: str) -> list[tuple[str, str, str]]:
    tiers = Tier.objects.filter(lifecycle_model=model).order_by("position")
    return list(tiers.values_list("emoji", "label", "slug"))


BOTANICAL = ["seed", "sprout", "sapling", "tree", "grove"]


def test_a_slug_that_was_made_of_a_label_follows_it_when_the_label_is_mended() -> None:
    client, address = approver(), reverse("console:new_lifecycle")
    rows = [("", "Idea", ""), ("", "Tried", ""), ("", "Idea", "")]
    page = client.post(address, _form(*rows, label="Recipes"))
    assert "has the slug idea as well: give this one another label or slug" in page.text
    assert [row.entry.slug for row in page.context["rows"]] == ["", "", ""]
    assert page.context["entry"].slug == ""
    client.post(address, _form(*rows[:2], ("", "Kept", ""), label="Recipes"))
    assert list(Tier.objects.filter(lifecycle_model="recipes").values_list("slug", flat=True)) == [
        *("idea", "tried", "kept")
    ]


def test_a_model_is_made_with_its_ladder_in_one_form() -> None:
    client = approver()
    assert f'href="{reverse("console:new_lifecycle")}"' in client.get(reverse(PAGE)).text
    form = client.get(reverse("console:new_lifecycle"))
    assert form.text.count("<legend") == 3
    rows = (("🍳", "Idea", ""), ("", "", ""), ("🍲", "Kitchen tested!", ""), ("📖", "Printed", "book"))
    page = client.post(reverse("console:new_lifecycle"), _form(*rows, label="Recipes"), follow=True)
    assert page.redirect_chain[0][0] == reverse(PAGE)
    assert "The lifecycle model Recipes is there" in page.text
    assert LifecycleModel.objects.get(pk="recipes").label == "Recipes"
    assert _ladder("recipes") == [
        ("🍳", "Idea", "idea"),
        ("🍲", "Kitchen tested!", "kitchen-tested"),
        ("📖", "Printed", "book"),
    ]


@pytest.mark.parametrize(
    ("rows", "fields", "sentence"),
    [
        ([("", "A", ""), ("", "B", "")], {"label": ""}, "The model needs a label"),
        ([("", "A", "")], {"label": "X"}, "A ladder has two tiers at least"),
        ([("", "A", ""), ("", "", "b")], {"label": "X"}, "A tier needs a label"),
        ([("", "A", "a"), ("", "B", "a")], {"label": "X"}, "has the slug a as well"),
        ([("", "A", "A b"), ("", "B", "")], {"label": "X"}, "A slug has lowercase letters"),
        ([("", "日本", ""), ("", "B", "")], {"label": "X"}, "No slug can be made of this label"),
        ([("x" * 17, "A", ""), ("", "B", "")], {"label": "X"}, "is not one emoji"),
        ([("abc", "A", ""), ("", "B", "")], {"label": "X"}, "&quot;abc&quot; is not one emoji"),
        ([("", "A", ""), ("", "B", "")], {"label": "\u200b"}, "The model needs a label"),
        ([("", "A\x01", "a"), ("", "B", "")], {"label": "X"}, "A label cannot hold control characters"),
        ([("", "A", ""), ("", "\u2060", "b")], {"label": "X"}, "A tier needs a label"),
        ([("", f"T{n}", "") for n in range(51)], {"label": "X"}, "A ladder has 50 tiers at most, and this"),
    ],
)
def test_a_form_that_cannot_be_saved_says_why_in_place(
    rows: list[tuple[str, str, str]], fields: dict[str, str], sentence: str
) -> None:
    page = approver().post(reverse("console:new_lifecycle"), _form(*rows, **fields))
    assert page.status_code == 422
    assert sentence in page.text
    assert LifecycleModel.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "name", "sentence"),
    [
        ({"label": "X", "slug": "botanical"}, "slug", "is there already; choose another slug."),
        ({"label": "botanicaL\u200b", "slug": "x"}, "label", "choose another label."),
    ],
)
def test_a_slug_or_label_that_another_model_has_is_marked_at_its_field(
    fields: dict[str, str], name: str, sentence: str
) -> None:
    page = approver().post(reverse("console:new_lifecycle"), _form(("", "A", ""), ("", "B", ""), **fields))
    assert page.status_code == 422
    assert sentence in page.context["faults"].fields[name]
    assert f'aria-describedby="{name}-error {name}-hint"' in markup(page)
    assert f'id="{name}-error"' in page.text
    assert LifecycleModel.objects.count() == 1


def test_an_example_whose_label_is_taken_is_not_loaded() -> None:
    LifecycleModel.objects.create(slug="school", label="academic")
    page = approver().post(reverse("console:load_example"), {"example": "academic"}, follow=True)
    assert "choose another label" in page.text
    assert not LifecycleModel.objects.filter(pk="academic").exists()


def test_labels_that_are_the_same_since_before_stay_until_they_change() -> None:
    twin = LifecycleModel.objects.create(slug="twin", label="Botanical")
    for position, slug in enumerate("ab"):
        Tier.objects.create(lifecycle_model=twin, slug=slug, label=slug, position=position)
    client, address = approver(), reverse("console:edit_lifecycle", args=["twin"])
    seen = as_seen(twin.label, twin.tiers.order_by("position"))
    form = _form(("", "A", "a"), ("", "B", "b"), known=["a", "b"], label="Botanical") | {"seen": seen}
    assert client.post(address, form).status_code == 302
    seen = as_seen(twin.label, twin.tiers.order_by("position"))
    again = client.post(address, form | {"seen": seen, "label": "BOTANICAL"})
    assert "choose another label" in again.context["faults"].fields["label"]


def test_an_odd_emoji_that_is_there_stays_until_it_changes() -> None:
    Tier.objects.filter(lifecycle_model="botanical", slug="seed").update(emoji="abc")
    client, address = approver(), reverse("console:edit_lifecycle", args=["botanical"])
    rows = _ladder("botanical")
    assert client.post(address, _form(*rows, known=BOTANICAL, label="Botanical")).status_code == 302
    rows[0] = ("abcd", "Seed", "seed")
    refused = client.post(address, _form(*rows, known=BOTANICAL, label="Botanical"))
    assert '"abcd" is not one emoji' in refused.context["faults"].rows[0]


def test_a_ladder_of_more_tiers_than_a_form_allows_is_shown_whole_and_explained() -> None:
    model = LifecycleModel.objects.create(slug="high", label="High")
    Tier.objects.bulk_create(
        Tier(lifecycle_model=model, slug=f"t{n}", label=f"T{n}", position=n) for n in range(51)
    )
    client, address = approver(), reverse("console:edit_lifecycle", args=["high"])
    page = client.get(address)
    assert len(page.context["rows"]) == 51
    assert "This ladder was made with 51 tiers in another way." in markup(page)
    rows, known = _ladder("high"), [f"t{n}" for n in range(51)]
    form = _form(*rows, known=known, label="Higher") | {"seen": page.context["entry"].seen}
    added = client.post(address, form | {"action": "add"})
    assert len(added.context["rows"]) == 51
    assert client.post(address, form).status_code == 302
    assert (LifecycleModel.objects.get(pk="high").label, len(_ladder("high"))) == ("Higher", 51)


def test_a_full_ladder_says_how_many_tiers_there_may_be() -> None:
    rows = [("", f"T{n}", "") for n in range(50)]
    page = approver().post(reverse("console:new_lifecycle"), _form(*rows, label="X", action="add"))
    assert len(page.context["rows"]) == 50
    assert "remove one before you add another" in markup(page)


def test_rows_come_go_and_move_without_saving_by_htmx_and_without() -> None:
    client = approver()
    rows = (("", "A", ""), ("", "B", ""))
    for action, labels in (
        ("add", ["A", "B", ""]),
        ("down-0", ["B", "A"]),
        ("up-1", ["B", "A"]),
        ("up-0", ["A", "B"]),
        ("remove-0", ["B"]),
        ("remove-7", ["A", "B"]),
    ):
        form = _form(*rows, label="X", action=action)
        for headers, whole in (({}, True), ({"HX-Request": "true"}, False)):
            page = client.post(reverse("console:new_lifecycle"), form, headers=headers)
            assert page.status_code == 200
            assert [row.entry.label for row in page.context["rows"]] == labels
            assert ("<html" in page.text) == whole
    assert LifecycleModel.objects.count() == 1


def test_tiers_are_added_renamed_moved_and_removed_and_their_slugs_stay() -> None:
    client, address = approver(), reverse("console:edit_lifecycle", args=["botanical"])
    form = client.get(address)
    assert [row.entry.slug for row in form.context["rows"]] == BOTANICAL
    rows = (
        *(("🌱", "Seedling", "sprout"), ("🌰", "Seed", "seed"), ("🌿", "Shoot", "")),
        *(("🪴", "Sapling", "sapling"), ("🌳", "Tree", "tree")),
    )
    page = client.post(address, _form(*rows, label="Garden", known=BOTANICAL), follow=True)
    assert "The lifecycle model Garden is saved." in page.text
    assert _ladder("botanical") == [row if row[2] else (*row[:2], "shoot") for row in rows]
    positions = Tier.objects.filter(lifecycle_model="botanical").order_by("position")
    assert list(positions.values_list("position", flat=True)) == [0, 1, 2, 3, 4]


def test_a_tier_in_use_stays_and_says_so_before_and_after() -> None:
    add_rule(slug="climb", title="Climb")
    make_sprout("tree")
    client, address = approver(), reverse("console:edit_lifecycle", args=["botanical"])
    page = client.get(address).text
    assert "Holds 1 sprout, so it stays." in page
    assert "so it stays. Label, emoji and place may change." in page
    before = _ladder("botanical")
    for gone, sentence in (
        ("tree", "holds 1 sprout"),
        ("sapling", "named by the rule “Climb”, which is on: switch it off first"),
    ):
        rows = [row for row in before if row[2] != gone]
        refused = client.post(address, _form(*rows, label="Botanical", known=BOTANICAL))
        assert refused.status_code == 422
        assert sentence in refused.text
    turned = client.post(address, _form(*before[::-1], label="Botanical", known=BOTANICAL))
    assert "There, the rule “Climb”, which is on, would lead backward." in turned.text
    assert "switch it off first" in turned.text
    assert _ladder("botanical") == before


def test_what_somebody_else_added_meanwhile_is_not_deleted() -> None:
    client, address = approver(), reverse("console:edit_lifecycle", args=["botanical"])
    rows, seen = _ladder("botanical"), _seen()
    Tier.objects.create(lifecycle_model_id="botanical", slug="forest", label="Forest", position=9)
    refused = client.post(address, _form(*rows, label="Botanical", known=BOTANICAL, seen=seen))
    assert "Somebody else changed this lifecycle model meanwhile" in refused.text
    assert Tier.objects.filter(slug="forest").exists()
    assert client.get(reverse("console:edit_lifecycle", args=["none"])).status_code == 404


def test_what_somebody_else_renamed_meanwhile_is_not_overwritten() -> None:
    client, address = approver(), reverse("console:edit_lifecycle", args=["botanical"])
    rows, seen = _ladder("botanical"), _seen()
    assert f'name="seen" value="{seen}"' in client.get(address).text
    Tier.objects.filter(slug="seed").update(label="Kernel")
    refused = client.post(address, _form(*rows, label="Botanical", known=BOTANICAL, seen=seen))
    assert "Somebody else changed this lifecycle model meanwhile" in refused.text
    assert Tier.objects.get(slug="seed").label == "Kernel"


def test_only_approvers_change_models() -> None:
    for client in (viewer(), operator()):
        assert client.post(reverse("console:load_example"), {"example": "academic"}).status_code == 403
        assert client.post(reverse("console:archive_lifecycle", args=["botanical"])).status_code == 403
        assert client.get(reverse("console:new_lifecycle")).status_code == 403
        assert client.get(reverse("console:edit_lifecycle", args=["botanical"])).status_code == 403
        page = client.get(reverse(PAGE)).text
        assert "Ladders to start from" not in page
        assert "New model" not in page
        assert "/edit/" not in page


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_give_a_label_at_once_one_is_refused() -> None:
    start = Barrier(2)

    def add(slug: str) -> str:
        start.wait(10)
        try:
            add_ladder(slug, "Recipes", [Rung("a", "A", ""), Rung("b", "B", "")])
        except AdvancementError as refused:
            return str(refused)
        finally:
            connection.close()
        return "added"

    with ThreadPoolExecutor() as pool:
        said = list(pool.map(add, ["one", "two"]))
    assert sorted(text == "added" for text in said) == [False, True]
    assert LifecycleModel.objects.filter(label="Recipes").count() == 1


def test_loading_an_example_takes_the_rights_that_adding_a_model_takes() -> None:
    person = User.objects.create_user("bert", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="change_lifecyclemodel"))
    client = Client()
    client.force_login(person)
    assert client.post(reverse("console:load_example"), {"example": "academic"}).status_code == 403
    assert LifecycleModel.objects.count() == 1
