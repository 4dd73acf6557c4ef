"""How a run can end."""

from enum import StrEnum


class Ending(StrEnum):
    """How a run ended."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"  # the first failure stopped it
    HELD = "HELD"  # nobody can say what became of an instruction; a person must look
    STRANDED = "STRANDED"  # a chain could not be taken back
    INTERRUPTED = "INTERRUPTED"
