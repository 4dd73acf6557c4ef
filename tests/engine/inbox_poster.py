"""A process that posts commands until it is killed, and says which numbers they got.

    python -m tests.engine.inbox_poster FOLDER ACTOR

A line on standard output for each, written when `post` has returned.
"""

import os
import sys
from itertools import count
from pathlib import Path

from verifill.engine.inbox import post


def main() -> None:
    folder, actor = Path(sys.argv[1]), sys.argv[2]
    os.write(1, b"0\n")
    for number in count(1):
        posted = post(folder, "kill", actor=actor, reason=f"reason {number}", at_ns=number)
        os.write(1, b"%d\n" % posted)


if __name__ == "__main__":
    main()
