"""People and roles: who may sign in, and what they may do."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import Group, Permission, User
from django.db.models import ManyToManyField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from advancement.admin.records import EditedAdmin, ModelAdmin

if TYPE_CHECKING:
    GroupAdmin = ModelAdmin
    UserAdmin = ModelAdmin
else:
    from django.contrib.auth.admin import GroupAdmin, UserAdmin

for model in (User, Group):
    admin.site.unregister(model)

_STAFF = "May sign in to the console"
_SUPERUSER = "May do everything, with or without a role"


class PeopleForms(EditedAdmin):
    """Shows roles as boxes to tick, and single rights by what they allow."""

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Take the plain controls of a browser."""
        if db_field.name == "groups":
            kwargs["widget"] = forms.CheckboxSelectMultiple()
        else:
            kwargs["queryset"] = Permission.objects.select_related("content_type")
            kwargs["widget"] = forms.SelectMultiple(attrs={"size": 12})
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        return field

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Say what the boxes mean here."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        said = {"is_staff": _STAFF, "is_superuser": _SUPERUSER, "is_active": "Active", "groups": "Roles"}
        if field and db_field.name in said:
            field.label = said[db_field.name]
            field.help_text = _HINTS.get(db_field.name, "")
        return field


_HINTS = {
    "is_active": "Untick this instead of deleting somebody: what they did stays theirs.",
    "groups": "Each role may look at everything; what else it may do is in the documentation.",
}


@admin.register(User)
class PersonAdmin(PeopleForms, UserAdmin):
    """Who may sign in. A new person is given a role at once."""

    add_form = UserCreationForm
    filter_horizontal = ()
    list_display = ["username", "roles", "is_staff", "is_superuser", "is_active", "last_login"]
    list_filter = ["groups", "is_active"]
    search_help_text = "A part of the name or of the e-mail address"
    readonly_fields = ["sign_in", "last_login", "date_joined"]
    add_fieldsets = [
        (None, {"fields": ["username", "password1", "password2", "is_staff", "groups"]}),
    ]
    fieldsets = [
        (None, {"fields": ["username", "sign_in", "is_active", "is_staff", "groups"]}),
        ("About them", {"fields": ["first_name", "last_name", "email", "last_login", "date_joined"]}),
        ("Beyond the roles", {"fields": ["is_superuser", "user_permissions"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read the roles along."""
        return super().get_queryset(request).prefetch_related("groups")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Take it that whoever is added is to sign in."""
        return {"is_staff": True, **super().get_changeform_initial_data(request)}

    @admin.display(description="password")
    def sign_in(self, person: User) -> str:
        """Lead to where a new password is set."""
        address = reverse("admin:auth_user_password_change", args=(person.pk,))
        words = "Set a new one" if person.has_usable_password() else "There is none: set one"
        return format_html('<a class="btn btn-sm" href="{}">{}</a>', address, words)

    @admin.display
    def roles(self, person: User) -> str:
        """Name their roles."""
        return ", ".join(sorted(group.name for group in person.groups.all()))


@admin.register(Group)
class RoleAdmin(PeopleForms, GroupAdmin):
    """The roles and their rights."""

    filter_horizontal = ()
