"""The rules as stored: read what is active, and write versions. The one writer of rule versions."""
