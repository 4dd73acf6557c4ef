"""The settings of an exchange that are positions: leverage, and margin mode where it is set."""

from verifill.config.exchanges import ExchangeConfig
from verifill.venues.instructions import Operation
from verifill.venues.margin_mode import MarginMode
from verifill.venues.transfers import MODES, leverage_key, margin_mode_key


def settings_of(exchange: ExchangeConfig) -> dict[str, int]:
    """Position key -> what it is before an opening says otherwise."""
    settings: dict[str, int] = {}
    for one in exchange.instruments:
        if one.perpetual:
            settings[leverage_key(one.account, one.symbol)] = one.leverage
            if Operation.SET_MARGIN_MODE in exchange.operations:
                settings[margin_mode_key(one.account, one.symbol)] = MODES[MarginMode.CROSS]
    return settings
