"""The market-data feed of one venue: whether what it shows is of now.

    CONNECTING -> LIVE -> STALE -> DOWN -> CONNECTING

Law: LIVE is entered by a heartbeat alone, and a strategy decides only upon feeds that are
LIVE. Silence makes a feed STALE and then DOWN; a feed that is DOWN connects before it counts
again, so a message that was on its way when the connection broke brings nothing back.
"""

from enum import StrEnum

from verifill.engine.table import Row, Table


class Feed(StrEnum):
    """The states of a market-data feed."""

    CONNECTING = "CONNECTING"
    LIVE = "LIVE"
    STALE = "STALE"
    DOWN = "DOWN"


class FeedEvent(StrEnum):
    """What is seen of a market-data feed."""

    HEARTBEAT = "heartbeat"
    LATE = "late"
    LOST = "lost"
    CONNECT = "connect"


# fmt: off
FEED: Table[Feed, FeedEvent] = Table(
    "feed", Feed, FeedEvent,
    initial=Feed.CONNECTING,
    rows=(
        #   in               upon                 go to
        Row(Feed.CONNECTING, FeedEvent.HEARTBEAT, Feed.LIVE,        why="data of now has come"),
        Row(Feed.CONNECTING, FeedEvent.LOST,      Feed.DOWN,        why="refused, or no data in time"),

        Row(Feed.LIVE,       FeedEvent.LATE,      Feed.STALE,       why="silent for longer than the staleness limit"),
        Row(Feed.LIVE,       FeedEvent.LOST,      Feed.DOWN,        why="the connection broke"),

        Row(Feed.STALE,      FeedEvent.HEARTBEAT, Feed.LIVE),
        Row(Feed.STALE,      FeedEvent.LOST,      Feed.DOWN,        why="the connection broke, or it stayed silent"),

        Row(Feed.DOWN,       FeedEvent.CONNECT,   Feed.CONNECTING),
    ),
    ignored=(
        (Feed.LIVE, FeedEvent.HEARTBEAT),  # the usual one
        (Feed.DOWN, FeedEvent.HEARTBEAT),  # it was on its way when the connection broke
        (Feed.DOWN, FeedEvent.LOST),       # a broken connection may be told more than once
    ),
)
# fmt: on
