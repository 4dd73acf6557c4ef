"""The decimals of everything that has a position."""

from verifill.assembly.references import instruments_of
from verifill.assembly.setting_keys import settings_of
from verifill.config import Config
from verifill.venues.keys import Scales, asset_of, emode_key


def scales_of(config: Config) -> Scales:
    """Decimals of the assets, and of what follows from them.

    A perpetual has those of its base, a token of a lending market those of its asset,
    unless [assets] says otherwise; a leverage and an efficiency mode are whole numbers.

    Raises:
        ConfigError: two perpetuals of one symbol would have different decimals.
    """
    decimals = dict(config.assets)
    for key, instrument in instruments_of(config):
        if instrument.perpetual:
            own = config.assets.get(instrument.symbol, config.assets[instrument.base])
            if decimals.setdefault(instrument.symbol, own) != own:
                problem = (
                    f"{key}: {instrument.symbol} would have {own} decimals, and has "
                    f"{decimals[instrument.symbol]} elsewhere; say in [assets] which"
                )
                raise config.error(problem)
    for exchange in config.exchanges.values():
        decimals |= {asset_of(key): 0 for key in settings_of(exchange)}
    for chain in config.chains.values():
        decimals |= {asset_of(emode_key(emode.market)): 0 for emode in chain.emodes}
        for reserve in chain.reserves:
            for token in {reserve.a_token, reserve.debt_token} - {""}:
                decimals.setdefault(token, config.assets[reserve.asset])
    return Scales(decimals)
