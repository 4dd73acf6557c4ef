"""What a configuration names must be there: assets, accounts, bars, series, venues."""

from collections import Counter
from collections.abc import Collection, Iterator

from verifill.config import ChainConfig, Config, ExchangeConfig, InstrumentConfig
from verifill.modes import MODES
from verifill.venues.calls import Accrual

Named = Iterator[tuple[str, str]]


def check_references(config: Config) -> None:
    """Refuse what names something that is not declared.

    Raises:
        ConfigError: with the key, the name, and what there is.
    """
    _once(config)
    _declared(config, _accounts(config), accounts_of(config), "the accounts of a venue")
    _owned(config)
    _declared(config, _assets(config), config.assets, "[assets]")
    _declared(
        config, _bars(config), [bars.instrument for bars in config.data.bars], "[[data.bars]]"
    )
    series = [series.name for series in config.data.series]
    _declared(config, _series(config), [*series, *config.data.constants], "[[data.series]]")
    _declared(config, _venues(config), venue_names(config), "[exchanges] or [chains]")
    _declared(config, _environments(config), config.environments, "[environments]")
    _held(config)
    _collars(config)


def venue_names(config: Config) -> tuple[str, ...]:
    """The names of all venues."""
    return (*config.exchanges, *config.chains)


def _all(config: Config) -> Iterator[ExchangeConfig | ChainConfig]:
    yield from config.exchanges.values()
    yield from config.chains.values()


def accounts_of(config: Config) -> dict[str, frozenset[str]]:
    """Account -> the assets that it can hold, in all venues."""
    held = {
        account: frozenset(assets)
        for venue in _all(config)
        for account, assets in venue.accounts.items()
    }
    for exchange in config.exchanges.values():
        for instrument in exchange.instruments:
            if instrument.account in held:
                held[instrument.account] |= instrument.assets
    return held


def instruments_of(config: Config) -> Iterator[tuple[str, InstrumentConfig]]:
    """Every instrument with its key."""
    for name, exchange in config.exchanges.items():
        for index, instrument in enumerate(exchange.instruments):
            yield f"exchanges.{name}.instruments[{index}]", instrument


def _declared(config: Config, named: Named, known: Collection[str], where: str) -> None:
    for key, name in named:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            problem = f'{key} names "{name}", which is not in {where}; there are {there}'
            raise config.error(problem)


def _assets(config: Config) -> Named:
    for name, exchange in config.exchanges.items():
        yield from _held_in(f"exchanges.{name}", exchange)
        for asset in exchange.market.withdrawal_fees:
            yield f"exchanges.{name}.market.withdrawal_fees", asset
    for key, instrument in instruments_of(config):
        yield f"{key}.base", instrument.base
        yield f"{key}.quote", instrument.quote
        yield f"{key}.fee_asset", instrument.third_asset or instrument.quote
    for name, chain in config.chains.items():
        yield from _held_in(f"chains.{name}", chain)
        for index, reserve in enumerate(chain.reserves):
            yield f"chains.{name}.reserves[{index}].asset", reserve.asset
    for to, route in config.routes.items():
        for asset in route.assets:
            yield f'routes."{to}".assets', asset


def _held_in(key: str, venue: ExchangeConfig | ChainConfig) -> Named:
    for account, assets in venue.accounts.items():
        for asset in assets:
            yield f'{key}.accounts."{account}"', asset


def _bars(config: Config) -> Named:
    for key, instrument in instruments_of(config):
        yield f"{key}.data", instrument.data
        if instrument.fee_price:
            yield f"{key}.fee_price", instrument.fee_price


def _series(config: Config) -> Named:
    for name, chain in config.chains.items():
        yield f"chains.{name}.gas_price", chain.gas_price
        named = [("wrappers", w.rate) for w in chain.wrappers]
        named += [("stakings", s.payout) for s in chain.stakings]
        named += [("stakings", s.rebase) for s in chain.stakings]
        named += [("pools", p.rate) for p in chain.pools]
        named += [("reserves", r.price) for r in chain.reserves]
        named += list(_interest(chain))
        yield from ((f"chains.{name}.{key}", series) for key, series in named if series)


def _interest(chain: ChainConfig) -> Named:
    for reserve in chain.reserves:
        if reserve.accrual is not Accrual.NONE:
            here = f"{reserve.accrual}:{reserve.market}:{reserve.asset}"
            if reserve.a_token:
                yield "reserves", reserve.supply_series or f"supply_{here}"
            if reserve.debt_token:
                yield "reserves", reserve.borrow_series or f"borrow_{here}"


def _environments(config: Config) -> Named:
    if config.environment and not config.ccxt:  # of which some need no endpoint
        yield "environment", config.environment


def _venues(config: Config) -> Named:
    for name, environment in config.environments.items():
        for venue in environment.endpoints:
            yield f"environments.{name}.endpoints", venue
    for name in config.ccxt:
        yield "ccxt", name
    for name in config.strategy.venues or ():
        yield "strategy.venues", name
    for name in config.strategy.retry.venues:
        yield "strategy.retry.venues", name
    for mode in MODES:
        for name in config.retry.of(mode).venues:
            yield f"retry.{mode}.venues", name


def _accounts(config: Config) -> Named:
    for to in config.routes:
        yield "routes", to
    for key, instrument in instruments_of(config):
        yield f"{key}.account", instrument.account


def _once(config: Config) -> None:
    """Accounts belong to one venue, a symbol is there once in an account, bars pay one funding."""
    if not venue_names(config):
        problem = "there is no venue; declare one under [exchanges] or [chains]"
        raise config.error(problem)
    names = Counter([*venue_names(config)])
    held = Counter(account for venue in _all(config) for account in venue.accounts)
    symbols = Counter(f"{i.account} {i.symbol}" for _, i in instruments_of(config))
    perpetuals = Counter(
        f"perpetuals of {name} on {instrument.data}"
        for name, exchange in config.exchanges.items()
        for instrument in exchange.instruments
        if instrument.perpetual
    )
    for counted in (names, held, symbols, perpetuals):
        for name, count in counted.items():
            if count > 1:
                problem = f"{name} is declared {count} times; allowed is once"
                raise config.error(problem)


def _owned(config: Config) -> None:
    """An instrument is traded in an account of its own exchange."""
    for name, exchange in config.exchanges.items():
        for instrument in exchange.instruments:
            if instrument.account not in exchange.accounts:
                problem = (
                    f"exchanges.{name}: {instrument.symbol} is traded in "
                    f'"{instrument.account}", an account of another venue'
                )
                raise config.error(problem)


def _held(config: Config) -> None:
    """What a route brings, its account can hold."""
    accounts = accounts_of(config)
    for to, route in config.routes.items():
        for asset in route.assets:
            if asset not in accounts[to]:
                problem = f'routes."{to}" brings {asset}, which the account does not hold; add it'
                raise config.error(problem)


def _collars(config: Config) -> None:
    """A fill at half the spread and the slippage is inside the collar."""
    for name, exchange in config.exchanges.items():
        away = exchange.market.spread / 2 + exchange.market.slippage
        for index, instrument in enumerate(exchange.instruments):
            if away > instrument.collar:
                problem = (
                    f"exchanges.{name}.instruments[{index}].collar is {instrument.collar:f}, but "
                    f"half the spread and the slippage are {away:f}; no fill could pass"
                )
                raise config.error(problem)
