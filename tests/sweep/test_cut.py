"""A window of the data holds what was known in it, and nothing later."""

from pathlib import Path

import pytest

from tests.runs import history
from verifill.engine.errors import DataError
from verifill.venues.data.cut import cut, recomputed
from verifill.venues.data.history import MARKET

ROWS, FROM, TO = 60, 20, 40


def test_a_window_is_what_files_that_end_there_would_be(tmp_path: Path) -> None:
    whole = history(tmp_path / "whole", ROWS)
    from_ns = whole.start_ns + FROM * whole.interval_ns
    to_ns = whole.start_ns + TO * whole.interval_ns
    window = cut(whole, tmp_path / "window", from_ns=from_ns, to_ns=to_ns)

    assert (TO - FROM, from_ns) == (window.rows, window.start_ns)
    assert to_ns - whole.interval_ns == window.end_ns
    for name in whole.series_names:
        assert max(window.series(name).times) < to_ns <= max(whole.series(name).times)
    assert window.digest != whole.digest


def test_its_digest_is_that_of_files_which_end_where_it_does(tmp_path: Path) -> None:
    whole = history(tmp_path / "whole", ROWS)
    to_ns = whole.start_ns + TO * whole.interval_ns
    window = cut(whole, tmp_path / "window", from_ns=whole.start_ns, to_ns=to_ns)
    ends = history(tmp_path / "ends", TO)
    assert ends.digest == window.digest


def test_a_window_without_a_bar_is_refused(tmp_path: Path) -> None:
    whole = history(tmp_path / "whole", 5)
    with pytest.raises(DataError, match="the history has no bar from 0 to 1"):
        cut(whole, tmp_path / "window", from_ns=0, to_ns=1)

    assert not (tmp_path / "window").exists()


def test_a_digest_is_taken_anew_of_what_the_files_hold(tmp_path: Path) -> None:
    whole = history(tmp_path / "whole", ROWS)
    assert whole.digest == recomputed(whole)

    other = history(tmp_path / "other", ROWS, seed=2)
    (other.path / MARKET).replace(whole.path / MARKET)
    assert whole.digest != recomputed(whole)
