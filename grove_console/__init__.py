"""The Django project: settings, addresses and the web entry point."""
