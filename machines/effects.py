"""What a step of a saga has moved, and what takes it back."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from verifill.machines.memory import EffectMemory
from verifill.venues.chains import Step, Undo
from verifill.venues.undo import Reversal, reverse


class Effect(Struct, frozen=True):
    """A step of a saga that moved something, and so may have to be taken back.

    Attributes:
        step: the step.
        number: number of its instruction.
        own: position key -> units that it moved, verified.
        units: what is left to take back, where a part of it has been; None if nothing has.
    """

    step: Step
    number: int
    own: Mapping[str, int]
    units: int | None = None

    @classmethod
    def of(cls, memory: EffectMemory, steps: Sequence[Step]) -> "Effect":
        """The effect that an earlier process life remembered."""
        return cls(steps[memory.step], memory.number, dict(memory.own), memory.units)

    def memory(self, steps: Sequence[Step]) -> EffectMemory:
        """What to remember of it."""
        return EffectMemory(steps.index(self.step), self.number, dict(self.own), self.units)

    @property
    def reversal(self) -> Reversal | None:
        """What takes back what is left of it; None if nothing does."""
        undo = self.step.undo
        if isinstance(undo, Undo):
            back = reverse(self.step.instruction, self.own)
        else:
            back = Reversal(undo, None)
        if back is None or self.units is None:
            return back
        return structs.replace(back, units=self.units)
