"""The page of operations says what the code does."""

import re
from pathlib import Path

from verifill.config.chains import CHAIN_OPERATIONS
from verifill.config.exchanges import EXCHANGE_OPERATIONS
from verifill.venues.instructions import Operation

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "operations.md"
ROW = re.compile(r"^\| ([A-Z_, ]+) \| .* \| (yes|no)[^|]* \| (yes|no)[^|]* \|$", re.MULTILINE)


def test_the_page_names_every_operation_and_who_supports_it() -> None:
    told: dict[str, tuple[bool, bool]] = {}
    for names, exchange, chain in ROW.findall(PAGE.read_text()):
        told |= dict.fromkeys(names.split(", "), (exchange == "yes", chain == "yes"))
    supported = {
        str(operation): (operation in EXCHANGE_OPERATIONS, operation in CHAIN_OPERATIONS)
        for operation in Operation
    }

    assert supported == told
