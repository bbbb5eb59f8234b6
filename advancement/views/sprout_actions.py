"""What a person does to one sprout: set its tier, hold it, release it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.forms.sprouts import HoldForm, OverrideForm, ReleaseForm
from advancement.holds import release_hold, release_holds, set_hold
from advancement.models import Hold, Sprout, Tier
from advancement.models.runs import RunTrigger
from advancement.rights import Right
from advancement.rollback.last import last_standing
from advancement.runs.override import override_tier
from advancement.views.access import allows
from advancement.views.sprouts import Demotion, demotion_to, sprout_page


@allows(POST=Right.OVERRIDE_TIERS)
def override(request: HttpRequest, sprout_id: UUID) -> HttpResponse:
    """Set a sprout's tier by hand; a move down its ladder is asked about first."""
    form = OverrideForm(request.POST)
    if form.is_valid():
        sprout = Sprout.objects.filter(pk=sprout_id).first()
        demotion = _demotion(sprout, form.cleaned_data["tier"]) if sprout else None
        if demotion and form.cleaned_data["confirmed"] != demotion.mark:
            return sprout_page(request, sprout_id, override_form=form, asked=True)
        try:
            run = override_tier(
                sprout_id,
                form.cleaned_data["tier"],
                reason=form.cleaned_data["reason"],
                by=request.user.get_username(),
                trigger=RunTrigger.CONSOLE,
                seen_in=form.cleaned_data["seen"] or (sprout.tier if sprout else ""),
                undone=_undone(sprout_id, form),
                **form.hold,
            )
        except AdvancementError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"The tier is set, by override {run.pk}.")
            return redirect("console:sprout", sprout_id)
    return sprout_page(request, sprout_id, status=422, override_form=form)


def _undone(sprout_id: UUID, form: OverrideForm) -> int | None:
    """Return the run of the override that the form takes back, if it takes one back.

    Raise AdvancementError when that is not what stands any more.
    """
    if not (undoes := form.cleaned_data["undoes"]):
        return None
    last = last_standing(sprout_id)
    if last is None or last.pk != undoes or last.rule_id is not None:
        raise AdvancementError("The override does not stand any more; look again, then decide.")
    if last.from_tier != form.cleaned_data["tier"]:
        raise AdvancementError("The undoing of an override leads back to where it came from; look again.")
    return last.run_id


def _demotion(sprout: Sprout, tier: str) -> Demotion | None:
    return demotion_to(tier, sprout, list(Tier.objects.filter(lifecycle_model=sprout.lifecycle_model_id)))


@allows(POST=Right.HOLD_SPROUTS)
def hold(request: HttpRequest, sprout_id: UUID) -> HttpResponse:
    """Keep automation from moving a sprout."""
    form = HoldForm(request.POST)
    if form.is_valid():
        try:
            set_hold(
                sprout_id,
                reason=form.cleaned_data["reason"],
                by=request.user.get_username(),
                until=form.until,
            )
        except AdvancementError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "It is on hold: no rule moves it.")
            return redirect("console:sprout", sprout_id)
    return sprout_page(request, sprout_id, status=422, hold_form=form)


@allows(POST=Right.HOLD_SPROUTS)
def release(request: HttpRequest, sprout_id: UUID) -> HttpResponse:
    """End one hold on a sprout, or every one."""
    form = ReleaseForm(request.POST)
    if form.is_valid():
        try:
            count = _release(sprout_id, form, by=request.user.get_username())
        except AdvancementError as error:
            form.add_error(None, str(error))
        else:
            ended = f"{count} hold{'' if count == 1 else 's'} ended" if count else "There was no hold to end"
            left = Hold.objects.in_force(database_now()).filter(sprout=sprout_id).count()
            stays = f"{left} hold{' keeps' if left == 1 else 's keep'} it where it is" if left else ""
            messages.success(request, f"{ended}; {stays or 'rules may move it again'}.")
            return redirect("console:sprout", sprout_id)
    return sprout_page(request, sprout_id, status=422, release_form=form)


def _release(sprout_id: UUID, form: ReleaseForm, *, by: str) -> int:
    reason, key = form.cleaned_data["reason"], form.cleaned_data["hold"]
    if key is None:
        return release_holds([sprout_id], reason=reason, by=by)
    hold = Hold.objects.filter(pk=key, sprout=sprout_id).first()
    if hold is None:
        raise AdvancementError("This sprout has no such hold; look at its holds again, then choose one.")
    release_hold(hold, by=by, reason=reason)
    return 1
