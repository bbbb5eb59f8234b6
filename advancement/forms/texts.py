"""A field for what people have to write."""

from typing import Any

from django import forms

from advancement.criteria.texts import written


class WrittenField(forms.CharField):
    """A text of which something can be seen; what shows nothing counts as left empty."""

    def to_python(self, value: Any) -> str:
        """Return the text without the blanks around it."""
        return written(super().to_python(value) or "")
