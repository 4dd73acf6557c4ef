"""What README and docs show is what happens: every example is run, as a reader would run it."""

from pathlib import Path

import pytest

from tests.docs.conftest import TUTORIAL, Learned
from tests.docs.following import Followed, follow, rewrite
from tests.docs.pages import ELSEWHERE, READ, RUN, SHOWN, blocks, pages

OURS = [page for page in pages() if page not in ELSEWHERE]
OTHERS = [
    page
    for page in OURS
    if page not in TUTORIAL and any(block.language in (*RUN, *READ) for block in blocks(page))
]
# Page -> how each thing begins that it says is not run here. Nothing else is left out.
NOT_RUN: dict[str, list[str]] = {
    "docs/faults.md": ["$ verifill faults run --sample 300"],
    "docs/how-to/first-run-on-a-testnet.md": [
        "$ export BINANCE_STAGING_API_KEY=...",
        "$ verifill data fetch binance BTC/USDT 1h",
    ],
    "docs/reference/ccxt.md": [
        "$ BINANCE_STAGING_API_KEY=... BINANCE_STAGING_SECRET=... verifill",
        "$ verifill data fetch binance BTC/USDT 1h",
        "$ python -m pytest --every 1 tests/exchanges/test_faults.py",
    ],
    "docs/reference/loopback-exchange.md": [
        "$ python -m fixtures.exchange --port 0",
        "from decimal import Decimal",
    ],
    "docs/reference/metrics.md": [
        "$ verifill spans runs/live --to http://localhost:4318 --follow",
    ],
    "docs/reference/replay.md": ["$ verifill replay runs/live --tui"],
}
# Pages that go on where another one has ended.
AFTER = {
    "docs/how-to/add-an-operation.md": "docs/how-to/add-a-venue.md",
    "docs/how-to/embed-the-engine.md": "docs/how-to/add-a-venue.md",
    "docs/reference/sweep.md": "docs/how-to/sweep-parameters.md",
}


def judged(followed: Followed, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--rewrite") and followed.wrong:
        rewrite(followed)
    told = "\n\n".join(f"{wrong.place}\n{wrong.what}" for wrong in followed.wrong)

    assert not told, told


@pytest.mark.parametrize("page", TUTORIAL)
def test_the_tutorial_can_be_followed_to_the_letter(
    page: str, learned: Learned, request: pytest.FixtureRequest
) -> None:
    judged(learned.pages[page], request)


@pytest.mark.parametrize("page", OTHERS)
def test_every_example_of_a_page_is_true(
    page: str, desk: Path, request: pytest.FixtureRequest
) -> None:
    if page in AFTER:
        follow(AFTER[page], desk)
    judged(follow(page, desk), request)


@pytest.mark.parametrize("page", OURS)
def test_every_block_says_what_it_is(page: str) -> None:
    unknown = [block.place for block in blocks(page) if block.language not in (*RUN, *READ, *SHOWN)]

    assert [] == unknown


def test_what_is_not_run_says_so_and_is_listed_here() -> None:
    spared = {page: told for page in OURS if (told := [b.text for b in blocks(page) if b.spared])}

    assert NOT_RUN.keys() == spared.keys()
    for page, told in spared.items():
        assert [True] * len(told) == [
            text.startswith(begin) for text, begin in zip(told, NOT_RUN[page], strict=True)
        ]
