"""What somebody who is asked for help needs to know of an installation, and none of its secrets."""
