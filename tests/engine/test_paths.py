"""Paths: a tree of the words of events that were taken, each numbered once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from verifill.engine.paths import Move, Node, Paths, Step

GO = Step(0, 5, 1, Move.MOVED)
BACK = Step(1, 6, 0, Move.MOVED)
NO = Step(0, 6, 0, Move.REFUSED)


def test_the_first_paths_are_the_empty_ones_one_in_each_state() -> None:
    paths = Paths(3)

    assert [(0, 0, 0), (1, 1, 0), (2, 2, 0)] == [
        (node.number, node.state, node.depth) for node in paths.nodes
    ]
    assert all(node.parent is node and node.step is None for node in paths.nodes)


def test_a_path_is_its_parent_and_one_more_step() -> None:
    paths = Paths(2)
    node = paths.extend(paths.nodes[0], "go", GO)

    assert (2, 1, 1, paths.nodes[0], GO) == (
        node.number, node.state, node.depth, node.parent, node.step,
    )  # fmt: skip
    assert {"go": node} == paths.nodes[0].then
    assert 2 == paths.extend(node, "back", BACK).depth


def test_a_path_that_is_known_is_not_numbered_anew() -> None:
    paths = Paths(2)
    once = paths.extend(paths.nodes[0], "go", GO)

    assert once is paths.extend(paths.nodes[0], "go", GO)
    assert 3 == len(paths.nodes)


def test_a_refusal_is_a_path_that_cannot_be_looked_up() -> None:
    paths = Paths(2)
    refused = paths.extend(paths.nodes[0], "back", NO)

    assert (refused, {}) == (paths.extend(paths.nodes[0], "back", NO), paths.nodes[0].then)
    assert (0, 1) == (refused.state, refused.depth)


def test_paths_are_told_by_parent_and_step_from_any_number_on() -> None:
    paths = Paths(2)
    node = paths.extend(paths.nodes[0], "go", GO)
    paths.extend(node, "back", BACK)

    assert [[0, 0, 5, 1, 0], [2, 1, 6, 0, 0]] == list(paths.told_from(0))
    assert [[2, 1, 6, 0, 0]] == list(paths.told_from(3))
    assert [] == list(paths.told_from(4))


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), max_size=5), max_size=10))
def test_equal_words_have_equal_numbers_and_different_words_do_not(
    words: list[list[int]],
) -> None:
    paths = Paths(1)
    numbers: dict[tuple[int, ...], int] = {}
    for word in words:
        node: Node = paths.nodes[0]
        for event in word:
            node = paths.extend(node, str(event), Step(0, event, 0, Move.MOVED))
        assert len(word) == node.depth
        assert node.number == numbers.setdefault(tuple(word), node.number)
    assert len(set(numbers.values())) == len(numbers)
