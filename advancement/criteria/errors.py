"""What every refusal of this application derives from."""

import inspect


class AdvancementError(Exception):
    """This is not possible in the grove's present state.

    The first argument is the sentence that people see; without one, the first line of the class's
    docstring is. Commands print it and exit with 1; pages show it as a message.
    """

    def __str__(self) -> str:
        if self.args:
            return str(self.args[0])
        return (inspect.getdoc(type(self)) or type(self).__name__).partition("\n")[0]


class LeaseLost(AdvancementError):
    """Another worker has taken this run over; this one writes nothing more."""


class AnotherRunApplies(AdvancementError):
    """Another run is being applied; wait until it has finished, then try again."""
