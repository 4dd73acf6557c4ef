"""Builds the package; what every tick goes through is compiled, where that can be done.

The modules named here are plain Python, and the same files run either way: mypyc makes C
of them, which a C compiler makes extension modules of, beside the files. Without mypyc or
a C compiler the package is built without them; it does the same, at half the speed.
`verifill --version` says which it is.

An installation in place (`pip install --editable`) is never compiled, so that it runs what
stands in the files. `VERIFILL_KERNEL=0` leaves compiling out elsewhere, too.
"""

import os
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNEL = (
    "engine/amounts.py",
    "engine/answers.py",
    "engine/digest.py",
    "engine/executor.py",
    "engine/log/chain.py",
    "engine/log/durable.py",
    "engine/log/line.py",
    "engine/log/live.py",
    "engine/log/mark.py",
    "engine/log/packed.py",
    "engine/log/stored.py",
    "engine/log/writer.py",
    "engine/paths.py",
    "machines/circuit.py",
    "machines/continuity.py",
    "machines/desk.py",
    "machines/execution.py",
    "machines/express.py",
    "machines/gate.py",
    "machines/guarding.py",
    "machines/hearing.py",
    "machines/live_loop.py",
    "machines/live_records.py",
    "machines/loop.py",
    "machines/monitor.py",
    "machines/operator.py",
    "machines/purpose.py",
    "machines/records.py",
    "machines/scopes.py",
    "machines/strategy.py",
    "machines/unguarded.py",
    "venues/adapter.py",
    "venues/lanes.py",
    "venues/orders.py",
    "venues/simulated/exchange.py",
    "venues/simulated/ledger.py",
    "venues/simulated/matching.py",
    "venues/simulated/timeline.py",
    "venues/tickets.py",
)
FLAGS = ("-fvisibility=hidden", "-fno-semantic-interposition")  # so that C calls C straight
OPTIONS = ("--config-file=", "--explicit-package-bases", "--ignore-missing-imports")


class BuildKernel(build_ext):
    """Compiles the kernel, or says why not and goes on without."""

    def run(self) -> None:
        """Build the extension modules."""
        if self.editable_mode or os.environ.get("VERIFILL_KERNEL") == "0":
            self.extensions = []
            return
        try:
            self.distribution.ext_modules = kernel()
            self.reinitialize_command(self)  # so that it is told of them
            self.ensure_finalized()
            super().run()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a compiler may say
            self.extensions = []
            sys.stderr.write(f"verifill is built without its compiled kernel: {error}\n")


def kernel() -> list[Extension]:
    """The extension modules, as C.

    Raises:
        ImportError: there is no mypyc.
        SystemExit: mypyc does not take the modules.
    """
    from mypyc.build import mypycify  # noqa: PLC0415 - it may not be there

    os.environ["MYPYPATH"] = "src"
    files = [f"src/verifill/{module}" for module in KERNEL]
    built: list[Extension] = mypycify([*OPTIONS, *files], debug_level="0", group_name="verifill")
    if os.name == "posix":
        for extension in built:
            # a list of its own: mypyc gives all of them the same one
            extension.extra_compile_args = [*extension.extra_compile_args, *FLAGS]
    return built


# Named so that setuptools builds at all; what is built, `BuildKernel` knows.
setup(ext_modules=[Extension("verifill.compiled", [])], cmdclass={"build_ext": BuildKernel})
