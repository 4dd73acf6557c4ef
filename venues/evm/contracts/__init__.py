"""Contracts of our own, as code that is ready to be sent, with their sources and their recipe.

`built.json` is what `python -m fixtures.chain.compiled` makes of the sources beside it.
"""

import json
from importlib.resources import files
from typing import Any, Final

BUILT: Final[dict[str, Any]] = json.loads(files(__name__).joinpath("built.json").read_text())
READER_CODE: Final = str(BUILT["contracts"]["Reader"]["runtime"])
EXECUTOR_CODE: Final = str(BUILT["contracts"]["Executor"]["runtime"])
"""An account's own, with no lender: it stands for a Safe for the length of a rehearsal."""
STEPS_CREATION: Final = str(BUILT["contracts"]["Steps"]["creation"])
"""Creation code of what a Safe calls between its calls; nothing follows it."""
EXECUTOR_CREATION: Final = str(BUILT["contracts"]["Executor"]["creation"])
"""Its creation code; two words follow it: the owner, zero for an account's own, and the lender."""
