"""History for backtests: CSV and Parquet files checked, joined on time, and read fast."""

from verifill.venues.data.history import Chunk, Column, History, SeriesPoints
from verifill.venues.data.prepare import prepare
from verifill.venues.data.sources import BarFile, Gaps, SeriesFile

__all__ = ["BarFile", "Chunk", "Column", "Gaps", "History", "SeriesFile", "SeriesPoints", "prepare"]
