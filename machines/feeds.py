"""The market-data feeds of a run: heartbeats and silence, and whether a strategy may decide."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from verifill.engine.clock import NANOSECONDS
from verifill.machines.changes import Running, Tell
from verifill.machines.feed import FEED, Feed, FeedEvent
from verifill.machines.saved import VERSION, handed_over, known_version, taken_back
from verifill.machines.scopes import feed_scope
from verifill.machines.steady import SteadyTime
from verifill.machines.thresholds import FeedLimits


@frozen(kw_only=True)
class FeedMemory:
    """What a feed remembers, in this life and the next.

    Attributes:
        state: Where it is.
        heard_ns: Of when its latest data is, or when it began to connect; steady time. By
            itself it is no change: whoever goes on from an older one hears the feed anew.
        reason: Why it is not LIVE, in words.
    """

    state: Feed = Feed.CONNECTING
    heard_ns: int = field(default=0, eq=False)
    reason: str = "no data has come yet"


@frozen(kw_only=True)
class FeedsMemory:
    """What all feeds remember.

    Attributes:
        version: Of this layout.
        time: Steady time.
        feeds: Each feed, by venue.
    """

    version: int = VERSION
    time: SteadyTime = field(factory=SteadyTime, eq=False)  # a reading of a clock is no change
    feeds: dict[str, FeedMemory] = field(factory=dict[str, FeedMemory])

    def __attrs_post_init__(self) -> None:
        """Refuse a layout that this version does not read."""
        known_version(self.version)


class Feeds:
    """One feed for each venue.

    Args:
        limits: how long a feed may be silent.
        tell: told of every change before it takes effect.
        memory: what the feeds remembered in an earlier life.
    """

    def __init__(self, limits: FeedLimits, tell: Tell, memory: FeedsMemory | None = None) -> None:
        memory = memory or FeedsMemory()
        self._limits = limits
        self._tell = tell
        self._time = memory.time
        self._feeds = dict(memory.feeds)

    @classmethod
    def restored(cls, limits: FeedLimits, tell: Tell, state: object) -> "Feeds":
        """The feeds of an earlier life.

        Raises:
            StateError: the state is not what `state` hands over.
        """
        return cls(limits, tell, taken_back(FeedsMemory, state, "the market-data feeds"))

    def state(self) -> dict[str, Any]:
        """What they remember, as plain values for JSON."""
        return handed_over(self.memory)

    @property
    def memory(self) -> FeedsMemory:
        """What they remember now."""
        return FeedsMemory(time=self._time, feeds=dict(self._feeds))

    @property
    def feeds(self) -> Mapping[str, FeedMemory]:
        """Each feed that was heard of, by venue."""
        return self._feeds

    def begin(self, clock_ns: int) -> None:
        """A new process life begins: nothing is connected in it, and nothing has come."""
        now_ns = self._at(clock_ns)
        for venue in self._feeds:
            self.lost(venue, clock_ns, "the process that was connected has ended")
            self._fire(venue, FeedEvent.CONNECT, "connecting", heard_ns=now_ns)

    # What is seen of a feed.

    def connect(self, venue: str, clock_ns: int) -> None:
        """A connection is attempted; it has the connecting time to bring data."""
        feed = self._feed(venue, clock_ns)
        if feed.state is Feed.DOWN:
            self._fire(venue, FeedEvent.CONNECT, "connecting", heard_ns=self._time.now_ns)

    def heartbeat(self, venue: str, clock_ns: int, data_ns: int | None = None) -> None:
        """Something came; a feed is as fresh as its data, and old data is no heartbeat.

        Args:
            venue: from where.
            clock_ns: when.
            data_ns: of when the data is by the venue's clock, if it says so.
        """
        feed = self._feed(venue, clock_ns)
        age_ns = 0 if data_ns is None else max(0, clock_ns - data_ns)
        fresh_ns = self._time.now_ns - age_ns
        if age_ns > self._limits.stale_after_s * NANOSECONDS:
            self.advance(clock_ns)
        elif feed.state is Feed.LIVE:
            self._feeds[venue] = evolve(feed, heard_ns=max(feed.heard_ns, fresh_ns))
        elif feed.state is not Feed.DOWN:  # what was on its way brings nothing back
            self._fire(venue, FeedEvent.HEARTBEAT, "data of now", heard_ns=fresh_ns)

    def lost(self, venue: str, clock_ns: int, reason: str) -> None:
        """The connection broke, or was refused."""
        if self._feed(venue, clock_ns).state is not Feed.DOWN:
            self._fire(venue, FeedEvent.LOST, reason)

    def advance(self, clock_ns: int) -> None:
        """Let silence count, up to now."""
        now_ns = self._at(clock_ns)
        for venue in self._feeds:
            self._listen(venue, now_ns)

    # What follows from it.

    def may_decide(self, venues: Iterable[str], clock_ns: int) -> str:
        """Why a strategy that looks at these venues must not decide now, or empty."""
        self.advance(clock_ns)
        unknown = FeedMemory()
        looked_at = {venue: self._feeds.get(venue, unknown) for venue in venues}
        return "; ".join(
            f"market data of {venue} is {feed.state}: {feed.reason}"
            for venue, feed in looked_at.items()
            if feed.state is not Feed.LIVE
        )

    # What they are made of.

    def _at(self, clock_ns: int) -> int:
        self._time = self._time.at(clock_ns)
        return self._time.now_ns

    def _feed(self, venue: str, clock_ns: int) -> FeedMemory:
        """A feed, which begins to connect when it is first spoken of."""
        return self._feeds.setdefault(venue, FeedMemory(heard_ns=self._at(clock_ns)))

    def _listen(self, venue: str, now_ns: int) -> None:
        """Whether a feed has been silent for too long."""
        limits, feed = self._limits, self._feeds[venue]
        silent_ns = now_ns - feed.heard_ns
        if feed.state is Feed.LIVE and silent_ns > limits.stale_after_s * NANOSECONDS:
            self._fire(venue, FeedEvent.LATE, f"silent for more than {limits.stale_after_s} s")
            feed = self._feeds[venue]
        if feed.state is Feed.STALE and silent_ns > limits.down_after_s * NANOSECONDS:
            self._fire(venue, FeedEvent.LOST, f"silent for more than {limits.down_after_s} s")
        if feed.state is Feed.CONNECTING and silent_ns > limits.connect_s * NANOSECONDS:
            self._fire(venue, FeedEvent.LOST, f"no data within {limits.connect_s} s")

    def _fire(self, venue: str, event: FeedEvent, reason: str, **parts: int) -> None:
        feed = self._feeds[venue]
        running = Running(FEED, feed_scope(venue), self._tell)
        state = Feed(running.fire(feed.state, event, reason))
        self._feeds[venue] = evolve(feed, state=state, reason=reason, **parts)
