"""What README and docs show is what happens: every example is run, as a reader would run it."""

from pathlib import Path

import pytest

from tests.docs.conftest import TUTORIAL, Learned
from tests.docs.following import Followed, follow, rewritten
from tests.docs.pages import ELSEWHERE, READ, RUN, SHOWN, blocks, pages

OURS = [page for page in pages() if page not in ELSEWHERE]
OTHERS = [
    page
    for page in OURS
    if page not in TUTORIAL and any(block.language in (*RUN, *READ) for block in blocks(page))
]
# Page -> the first lines of what it says is not run here. Nothing else is left out.
NOT_RUN: dict[str, list[str]] = {}


def judged(followed: Followed, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--rewrite") and followed.wrong:
        rewritten([followed])
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
    judged(follow(page, desk), request)


@pytest.mark.parametrize("page", OURS)
def test_every_block_says_what_it_is(page: str) -> None:
    unknown = [
        block.place for block in blocks(page) if block.language not in (*RUN, *READ, *SHOWN)
    ]

    assert [] == unknown


def test_what_is_not_run_says_so_and_is_listed_here() -> None:
    spared = {
        page: told
        for page in OURS
        if (told := [block.text.split("\n")[0] for block in blocks(page) if block.spared])
    }

    assert NOT_RUN == spared
