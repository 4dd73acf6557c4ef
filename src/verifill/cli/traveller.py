"""The view in the terminal: one record of a run at a time, steps and jumps by keys."""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, Final

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Input, Static

from verifill.cli.screen import table
from verifill.cli.travel import changes, parts
from verifill.replay.travel import Jump, Travel

PAGE: Final = 20
AROUND: Final = 200  # records of the list, before and after the one that is shown
KEYS: Final = {Jump.FAILURE: "f", Jump.RETRY: "r", Jump.HOLD: "o", Jump.REFUSED: "x"}


def _bindings() -> Iterator[Binding]:
    for keys, name, told, shown in (
        ("right,j,down", "step(1)", "next", True),
        ("left,k,up", "step(-1)", "back", True),
        ("pagedown,space", f"step({PAGE})", f"{PAGE} on", False),
        ("pageup", f"step(-{PAGE})", f"{PAGE} back", False),
        ("home", "go(1)", "first", False),
        ("end", "last", "last", False),
    ):
        yield Binding(keys, name, told, show=shown)
    for jump, key in KEYS.items():
        yield Binding(key, f"jump('{jump}')", f"next {jump}")
        yield Binding(key.upper(), f"jump_back('{jump}')", f"last {jump}", show=False)
    yield Binding("m", "mark", "mark, then show what changed")
    yield Binding("g", "ask", "go to")
    yield Binding("q", "quit", "quit")


class Traveller(App[None]):
    """Looks through a run.

    Args:
        travel: the run.

    Attributes:
        seq: number of the record that is shown.
        marked: number of the record that others are compared with; 0 for none.
        said: what was last told beside the record, such as that there is no failure.
    """

    TITLE = "verifill replay"
    CSS = """
    #records { width: 2fr; }
    #there { width: 3fr; padding-left: 2; }
    #asked { display: none; }
    #said { height: 1; color: $warning; }
    """
    BINDINGS: ClassVar[list[BindingType]] = list(_bindings())
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, travel: Travel) -> None:
        super().__init__()
        self._travel = travel
        self.seq = 1
        self.marked = 0
        self.said = ""

    def compose(self) -> ComposeResult:
        """The list, the record, what is said, a line to type in, and the keys."""
        with Horizontal():
            with VerticalScroll(id="records"):
                yield Static(id="list")
            with VerticalScroll(id="there"):
                yield Static(id="record")
        yield Static(id="said")
        yield Input(placeholder="number of a record", type="integer", id="asked")
        yield Footer()

    def on_mount(self) -> None:
        """Show the first record."""
        self.query_one("#there").focus()
        self._show()

    def action_step(self, by: int) -> None:
        """So many records on, or back."""
        self._go(self._travel.step(self.seq, by))

    def action_go(self, seq: int) -> None:
        """To a record."""
        self._go(seq)

    def action_last(self) -> None:
        """To the last record."""
        self._go(self._travel.last_seq)

    def action_jump(self, to: str) -> None:
        """To the next record of a sort."""
        self._jump(to, self._travel.following(Jump(to), after=self.seq), "after")

    def action_jump_back(self, to: str) -> None:
        """To the last record of a sort before this one."""
        self._jump(to, self._travel.preceding(Jump(to), before=self.seq), "before")

    def action_mark(self) -> None:
        """Compare others with this record; a second time, with none."""
        self.marked = 0 if self.marked else self.seq
        self._go(self.seq)

    def action_ask(self) -> None:
        """Let a number be typed."""
        asked = self.query_one("#asked", Input)
        asked.display = True
        asked.focus()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Go to the number that was typed."""
        submitted.input.display = False
        self.query_one("#there").focus()
        typed = submitted.value
        submitted.input.value = ""
        if typed:
            self._go(self._travel.step(int(typed), 0))

    def _jump(self, to: str, seq: int | None, where: str) -> None:
        if seq is None:
            self.said = f"there is no {to} {where} record {self.seq}"
            self._show()
        else:
            self._go(seq)

    def _go(self, seq: int) -> None:
        self.seq, self.said = seq, ""
        self._show()

    def _show(self) -> None:
        told: list[RenderableType] = list(parts(self._travel.at(self.seq)))
        if self.marked:
            told.insert(0, changes(self.marked, self.seq, self._travel.diff(self.marked, self.seq)))
        self.query_one("#record", Static).update(Group(*told))
        self.query_one("#said", Static).update(Text(self.said))
        self.query_one("#list", Static).update(self._list())
        row = min(self.seq - 1, AROUND)
        scroll = self.query_one("#records", VerticalScroll)
        self.call_after_refresh(partial(scroll.scroll_to, y=max(0, row - 5), animate=False))

    def _list(self) -> RenderableType:
        """The records around, one a line: how far they are scrolled is counted in lines."""
        first = max(1, self.seq - AROUND)
        rows: list[tuple[Any, ...]] = []
        for row in self._travel.rows(first, self.seq + AROUND):
            here = "bold reverse" if row["seq"] == self.seq else ""
            to = self._travel.inside(row["to"] or "")
            texts = (f"{row['seq']}", row["event"] or row["kind"], to)
            rows.append(
                tuple(Text(t, style=here, no_wrap=True, overflow="ellipsis") for t in texts)
            )
        return table("", ("record", "event", "to"), rows)
