"""The collector rests while there is work that makes no cycles."""

import gc

import pytest

from verifill.engine.collector import paused


@pytest.mark.parametrize("on", [True, False])
def test_it_is_afterwards_as_it_was_before(*, on: bool) -> None:
    was_on = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        with paused():
            assert not gc.isenabled()
        assert on == gc.isenabled()
    finally:
        (gc.enable if was_on else gc.disable)()
