"""How often each state was come to in a run."""

from collections import Counter
from collections.abc import Mapping

from verifill.engine.log.reader import Log
from verifill.engine.paths import Move


def entered(log: Log) -> Mapping[str, int]:
    """Leaf state of the nested machine -> how often the run moved there; each path read once."""
    states = log.header["nesting"]["states"]
    whole: dict[int, Counter[str]] = {number: Counter() for number in range(len(states))}
    for number, (parent, _source, _event, target, move) in enumerate(log.paths, len(states)):
        whole[number] = whole[parent].copy()
        if move == Move.MOVED:
            whole[number][states[target]] += 1
    counts: Counter[str] = Counter()
    for path, times in log.stream("paths").group_by("path").len().collect().iter_rows():
        for state, count in whole[path].items():
            counts[state] += count * times
    return counts
