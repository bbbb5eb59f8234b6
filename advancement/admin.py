"""Django's admin: the plain lists underneath the console."""
