"""What `verifill data fetch` is asked for is looked at before an exchange is."""

from datetime import datetime
from pathlib import Path

import pytest

from verifill.cli.data import ExchangeSilent, fetch
from verifill.engine.errors import ConfigError


@pytest.mark.parametrize("until", ["2026-01-01", "2026-02-01"])
def test_bars_that_end_before_they_begin_are_refused(tmp_path: Path, until: str) -> None:
    """Nothing is asked and no file is made; port 9 of this machine has no exchange."""
    to = tmp_path / "bars.parquet"
    begin, end = datetime.fromisoformat("2026-02-01"), datetime.fromisoformat(until)
    with pytest.raises(ConfigError, match=r"--until is .*; give a later --until"):
        fetch("binance", "BTC/USDT", "1h", since=begin, until=end, to=to, port=9, progress=False)
    assert not to.exists()


def test_an_exchange_that_does_not_answer_is_told_with_where_it_was_looked_for(
    tmp_path: Path,
) -> None:
    begin, to = datetime.fromisoformat("2026-02-01"), tmp_path / "bars.parquet"
    with pytest.raises(ExchangeSilent, match="binance does not answer on port 9 of this machine"):
        fetch("binance", "BTC/USDT", "1h", since=begin, until=None, to=to, port=9, progress=False)
    assert not to.exists()
