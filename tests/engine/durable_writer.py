"""A process that writes a durable log until it is killed, and says what was acknowledged.

    python -m tests.engine.durable_writer FOLDER

A line on standard output for the number that the log was found to end at, then one for
each step, written when `append` has returned.
"""

import os
import random
import sys
from itertools import count
from pathlib import Path

from tests.engine.durable_support import created, reopened, step

STEP = 3


def main() -> None:
    folder = Path(sys.argv[1])
    log = reopened(folder) if folder.exists() else created(folder)
    chance = random.Random(log.tail.seq)
    _say(log.found.seq)
    for number in count():
        _say(log.append(step(number, STEP)))
        if chance.random() < 0.1:
            log.anchor()


def _say(seq: int) -> None:
    os.write(1, b"%d\n" % seq)


if __name__ == "__main__":
    main()
