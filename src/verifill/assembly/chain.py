"""A chain of the settings as its static rules."""

from typing import Any

from attrs import AttrsInstance, asdict

from verifill.assembly.amounts import Amounts, rate_of
from verifill.config import ChainConfig, Config, ReserveConfig
from verifill.engine.errors import ConfigError
from verifill.venues.calls import GAS, ChainRules, EMode, Lender, Pool, Reserve, Staking, Wrapper
from verifill.venues.calls.scales import check_scales
from verifill.venues.rules import VenueRules

RAY_DECIMALS = 27


def chain_rules(amounts: Amounts, name: str) -> ChainRules:
    """The rules of one chain.

    Raises:
        ConfigError: its settings do not fit together.
    """
    config = amounts.config
    chain = config.chains[name]
    try:
        rules = ChainRules(
            rules=VenueRules(
                name=name,
                accounts=frozenset(chain.accounts),
                operations=frozenset(chain.operations),
                windows_s=chain.windows_s,
                soft_windows_s=chain.soft_windows_s,
                poll_s=chain.poll_s,
            ),
            holdings=chain.accounts,
            native=chain.native,
            gas_payers=chain.gas_payers,
            gas={**GAS, **chain.gas},
            gas_base=chain.gas_base,
            gas_price=chain.gas_price,
            approvals=chain.approvals,
            deposits_s=_deposits_s(config, chain),
            **_protocols(amounts, name),
        )
        check_scales(rules, amounts.scales)
    except ConfigError as error:
        problem = f"chains.{error}"
        raise config.error(problem) from None
    return rules


def opening_indices(amounts: Amounts, name: str) -> dict[str, int]:
    """The indices of its lending markets at the start, in ray."""
    return {
        index: amounts.exact(
            f'chains.{name}.indices."{index}"', value, RAY_DECIMALS, "an index is kept in 1e-27"
        )
        for index, value in amounts.config.chains[name].indices.items()
    }


def _deposits_s(config: Config, chain: ChainConfig) -> dict[str, int]:
    return {to: r.delay_s for to, r in config.routes.items() if to not in chain.accounts}


def _protocols(amounts: Amounts, name: str) -> dict[str, Any]:
    chain = amounts.config.chains[name]
    return {
        "wrappers": tuple(Wrapper(**_said(wrapper)) for wrapper in chain.wrappers),
        "stakings": tuple(
            Staking(**_said(staking, least_payout=rate_of(staking.least_payout)))
            for staking in chain.stakings
        ),
        "emodes": tuple(
            EMode(**_said(emode, ltv=rate_of(emode.ltv), threshold=rate_of(emode.threshold)))
            for emode in chain.emodes
        ),
        "pools": tuple(Pool(**_said(pool, fee=rate_of(pool.fee))) for pool in chain.pools),
        "lenders": tuple(
            Lender(**_said(lender, premium=rate_of(lender.premium))) for lender in chain.lenders
        ),
        "reserves": tuple(
            _reserve(amounts, f"chains.{name}.reserves[{index}]", reserve)
            for index, reserve in enumerate(chain.reserves)
        ),
    }


def _reserve(amounts: Amounts, key: str, reserve: ReserveConfig) -> Reserve:
    ltv, threshold = rate_of(reserve.ltv), rate_of(reserve.threshold)
    said = _said(reserve, ltv=ltv, threshold=threshold)
    for cap in {"supply_cap", "borrow_cap"} & said.keys():
        said[cap] = amounts.units(f"{key}.{cap}", said[cap], reserve.asset)
    return Reserve(**said)


def _said(settings: AttrsInstance, **changed: int) -> dict[str, Any]:
    """The settings of a section that are not left out, some of them changed."""
    said = {name: value for name, value in asdict(settings).items() if value not in ("", None)}
    return said | changed
