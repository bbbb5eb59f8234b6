"""Django's admin: the plain lists underneath the console.

Tiers change only through runs, and what happened stays as it happened: these pages show facts and let
nobody edit them. What can be edited here are lifecycle models and their tiers, and people and their roles.
"""

from django.contrib import admin

from advancement.admin import clusters, facts, lifecycle, outbox, people

__all__ = ["clusters", "facts", "lifecycle", "outbox", "people"]

admin.site.site_header = admin.site.site_title = "Grove Console"
admin.site.index_title = "Records"
admin.site.enable_nav_sidebar = False
# The console itself leads here, so there is no other site to view.
admin.site.site_url = None
