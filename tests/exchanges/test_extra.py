"""ccxt is an extra: the core does without, and an error says what to install."""

import subprocess
import sys
from pathlib import Path

from tests.exchanges.places import BINANCE
from tests.exchanges.worlds import Running, written

BLOCKED = """
import sys
sys.modules["ccxt"] = sys.modules["requests"] = None
import verifill, verifill.live, verifill.assembly.ccxt
from verifill.cli.app import main
sys.argv = ["verifill", *{words!r}]
main()
"""


def without(*words: str, **variables: str) -> tuple[int, str]:
    code = BLOCKED.format(words=list(words))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "COLUMNS": "300", **variables},
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_core_is_imported_without_it() -> None:
    code, said = without("--version")

    assert 0 == code, said
    assert said.startswith("verifill ")


def test_an_error_says_what_to_install(running: Running, tmp_path: Path) -> None:
    config = written(tmp_path, [BINANCE], running.server.port)
    code, said = without("live", str(config), **BINANCE.variables)

    assert 2 == code
    assert "pip install 'verifill[ccxt]'" in said
    assert "Traceback" not in said
