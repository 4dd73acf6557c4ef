"""Taking the venues' positions into the books as they are, on an operator's word.

A position alone is not enough: what a perpetual was entered at decides what closing it is to
realise. So its entry value is taken up too, from the venue that tells it or from the operator.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from attrs import define, field

from verifill.engine.command import Command
from verifill.engine.errors import NotObserved
from verifill.engine.log.live import LiveLog
from verifill.machines.desk import Desk
from verifill.machines.operator import Reply, refusal
from verifill.machines.records import Records
from verifill.machines.recovering import Recovering
from verifill.venues.interfaces import Entered
from verifill.venues.rules import Instrument

NO_BASE = "none"


@define(kw_only=True)
class Adopting:
    """What `adopt-external` makes of the books.

    Attributes:
        desk: knows venues and books.
        recovering: knows what is not resolved yet.
        log: where it is written.
        records: what is remembered of it.
    """

    _desk: Desk = field(alias="desk")
    _recovering: Recovering = field(alias="recovering")
    _log: LiveLog = field(alias="log")
    _records: Records = field(alias="records")

    def adopt(self, command: Command) -> Reply:
        """Take the venues' positions as they are; an operator knows why they differ."""
        monitor = self._desk.monitor
        if unresolved := self._recovering.unresolved:
            return refusal(unresolved)
        try:
            reading = monitor.observe()
        except NotObserved as error:
            return refusal(str(error))
        if missing := sorted(monitor.totals.keys() - reading.totals.keys()):
            return refusal(f"not observed: {', '.join(missing)}; missing is not zero")
        moved = {
            key: total - monitor.totals.get(key, 0)
            for key, total in reading.totals.items()
            if total != monitor.totals.get(key, 0)
        }
        bases, problem = self._bases(reading.totals, moved, command.arguments.get("base", NO_BASE))
        if problem:
            return refusal(problem)
        changed = {k: base for k, base in bases.items() if base != monitor.bases.get(k, 0)}
        monitor.restore(reading.totals, {**monitor.bases, **bases}, reading.as_of_ns)
        monitor.settle({}, {}, {}, reading.as_of_ns)
        self._log.tell("adopted", {"moved": moved, "bases": changed, "reason": command.reason})
        self._records.opening(monitor.totals, reading.as_of_ns)
        self._records.remember()
        entered = f"; entry values: {changed}" if changed else ""
        return Reply(f"adopted: {moved or 'nothing differs'}{entered}")

    def _bases(
        self, totals: Mapping[str, int], moved: Mapping[str, int], given: str
    ) -> tuple[dict[str, int], str]:
        """Entry values of all perpetuals that are known anew, and what must be given first."""
        perpetuals = {
            instrument.base_key: instrument
            for venue in self._desk.venues
            for instrument in venue.rules.instruments.values()
            if instrument.perpetual and instrument.base_key in totals
        }
        try:
            said = _said(given, perpetuals, totals)
        except ValueError as error:
            return {}, str(error)
        told: dict[str, int] = {}
        for venue in self._desk.venues:
            if isinstance(venue, Entered):
                told |= venue.entry_values()
        bases = {key: base for key, base in told.items() if key in perpetuals} | said
        bases |= {key: 0 for key in perpetuals if not totals[key]}
        unknown = sorted(moved.keys() & perpetuals.keys() - bases.keys())
        if unknown:
            lacking = ", ".join(
                f"{key} is {perpetuals[key].quantity(totals[key])}" for key in unknown
            )
            return {}, (
                f"{lacking}, and its venue does not tell what it was entered at; give its average "
                f"entry price: --base {unknown[0]}=PRICE, with commas between several"
            )
        return bases, ""


def _said(
    given: str, perpetuals: Mapping[str, Instrument], totals: Mapping[str, int]
) -> dict[str, int]:
    """Perpetual's key -> entry value, from `KEY=PRICE,KEY=PRICE`.

    Raises:
        ValueError: it names something else, or a price that is none.
    """
    bases: dict[str, int] = {}
    for part in given.split(",") if given != NO_BASE else ():
        key, _, text = part.strip().partition("=")
        instrument = perpetuals.get(key)
        if instrument is None:
            known = ", ".join(sorted(perpetuals)) or "none"
            msg = f"base {key!r} is no perpetual of this run; there are {known}"
            raise ValueError(msg)
        try:
            price = Decimal(text)
        except InvalidOperation:
            price = Decimal(0)
        if not price.is_finite() or price <= 0:
            msg = f"base {key}={text}: give an average entry price above zero, such as 42000.5"
            raise ValueError(msg)
        value = totals[key] * Fraction(price) * 10**instrument.price_decimals
        if value.denominator != 1:
            msg = f"base {key}={text} has more decimals than an entry value can hold; round it"
            raise ValueError(msg)
        bases[key] = int(value)
    return bases
