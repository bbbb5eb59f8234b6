"""Load the sample grove into an empty console."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.criteria.errors import AdvancementError
from advancement.importing import ImportRefused
from advancement.models import Sprout
from advancement.rights import Right
from advancement.sample import AS_OF, load_sample_grove
from advancement.views.access import allows


@allows(GET=Right.IMPORT_DATA, POST=Right.IMPORT_DATA)
def load_sample(request: HttpRequest) -> HttpResponse:
    """Say what comes in, and load it when that is confirmed; the first steps lead on from there."""
    if request.method != "POST":
        context = {"title": "Load the sample grove", "as_of": AS_OF, "taken": Sprout.objects.exists()}
        return render(request, "console/load_sample.html", context)
    try:
        loaded = load_sample_grove()
    except ImportRefused as error:
        messages.error(
            request,
            "Nothing was loaded: the sample grove needs the lifecycle model botanical as it came, with its "
            f"tiers. {error.outcome.problems[0]}",
        )
        return redirect("console:load_sample")
    except AdvancementError as error:
        messages.error(request, str(error))
        return redirect("console:load_sample")
    messages.success(
        request,
        f"The sample grove is here: {loaded.sprouts:,} sprouts and {loaded.usage_events:,} usage events, "
        f"with signals as of {AS_OF:%-d %b %Y}. Now write the first rule.",
    )
    return redirect("console:dashboard")
