"""Following a page: every example of it is run, in the order of the page, in one folder."""

import sys
import tomllib
from collections.abc import Sequence
from importlib import invalidate_caches
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import field, frozen

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.terminal import COLUMNS, SETTING_UP, Terminal, Typed, missing, plain, same, typed
from verifill.config.exact import Place, read, settings_of
from verifill.config.settings import Settings
from verifill.sweep.plan import PlanConfig
from verifill.venues.loopback.faults import read_script

FAULTS: Final = {"use", "faults"}
# What a block about chains leaves out, because the configuration that it is laid over has it.
CHAIN: Final = {"native": "ETH", "accounts": {"wallet": ["ETH"], "manager": ["ETH"]}}


@frozen
class Wrong:
    """An example that is not true.

    Attributes:
        place: where it is.
        what: what is wrong about it.
    """

    place: str
    what: str


@frozen
class Followed:
    """A page that was followed.

    Attributes:
        page: which one.
        wrong: its examples that are not true.
        came: block -> its commands with what came of each.
    """

    page: str
    wrong: list[Wrong] = field(factory=list[Wrong])
    came: dict[Block, list[tuple[Typed, str]]] = field(factory=dict[Block, list[tuple[Typed, str]]])


def follow(page: str, folder: Path) -> Followed:
    """Do what a page says, in a folder; what is not true is told, and the rest is gone on with."""
    followed = Followed(page)
    terminal = Terminal(folder)
    names: dict[str, Any] = {"__name__": "__page__"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", COLUMNS)
        patch.setattr(sys, "path", [str(folder), *sys.path])
        try:
            for block in blocks(page):
                if not block.spared:
                    _follow(block, followed, terminal, names)
        finally:
            terminal.end()
            _forget(folder)
    return followed


def _forget(folder: Path) -> None:
    """Let the modules of a folder be imported anew: another page may have one of that name."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def _follow(block: Block, followed: Followed, terminal: Terminal, names: dict[str, Any]) -> None:
    if block.file:
        file = terminal.folder / block.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
        invalidate_caches()
    elif block.language == "console":
        _type(block, followed, terminal)
    elif block.language == "python":
        code = compile("\n" * block.line + block.text, str(ROOT / block.page), "exec")
        try:
            exec(code, names)  # noqa: S102 - an example of our own pages
        except Exception as error:  # noqa: BLE001 - whatever it is, the example is not true
            followed.wrong.append(Wrong(block.place, repr(error)))
    if block.language == "toml" and (told := _wrong_settings(block.text)):
        followed.wrong.append(Wrong(block.place, told))


def _type(block: Block, followed: Followed, terminal: Terminal) -> None:
    """Every command of a block, whatever came of the one before."""
    came = followed.came.setdefault(block, [])
    for one in typed(block.text):
        if one.command.split()[0] in SETTING_UP:
            if told := missing(one.command):
                followed.wrong.append(Wrong(block.place, f"{one.command}: there is no {told}"))
            came.append((one, ""))
            continue
        answer = terminal.answer(one)
        came.append((one, answer))
        failed = "\nexit code" in f"\n{answer}"
        shown = "\n".join(one.shown)
        if (one.shown and not same(shown, answer)) or (failed and not one.shown):
            told = f"$ {one.command}\nshown:\n{plain(shown)}came:\n{plain(answer)}"
            followed.wrong.append(Wrong(block.place, told))


def _wrong_settings(text: str) -> str:
    """What of a block is no setting, no plan of a sweep and no script of faults; empty if none."""
    table = tomllib.loads(text.replace('"0x..."', f'"0x{"0" * 40}"'))  # an address of the reader's
    try:
        if table.keys() <= FAULTS:
            read_script(text)
        elif "config" in table:
            read(PlanConfig, table, Place("page"))
        else:
            for name, chain in table.get("chains", {}).items():
                chain["evm"] = {"chain_id": 1} | chain.get("evm", {})
                table["chains"][name] = CHAIN | chain
            settings_of(Settings, table, Place("page"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the block is not true
        return str(error)
    return ""


def rewrite(followed: Followed) -> None:
    """Write what came into a page, where it is not what the page shows."""
    file = ROOT / followed.page
    text = file.read_text()
    wrong = {told.place for told in followed.wrong}
    for block, came in followed.came.items():
        if block.place in wrong:
            text = text.replace(block.text, _block(came))
    file.write_text(text)


def _block(came: Sequence[tuple[Typed, str]]) -> str:
    lines: list[str] = []
    for one, answer in came:
        lines.append(f"$ {one.written}")
        fits = not one.shown or same("\n".join(one.shown), answer)
        told = one.shown if fits else answer.splitlines()
        lines += [line.rstrip() for line in told if line.strip()]
    return "\n".join(lines) + "\n"
