"""Configuration: a TOML file with the environment over it, checked, immutable, digested."""

from verifill.config.breakers import BreakersConfig, FeedsConfig
from verifill.config.chains import (
    ChainConfig,
    EModeConfig,
    LenderConfig,
    PoolConfig,
    ReserveConfig,
    StakingConfig,
    WrapperConfig,
)
from verifill.config.config import Config
from verifill.config.environments import EnvironmentConfig
from verifill.config.evm import EvmAccountConfig, EvmConfig, EvmContractConfig
from verifill.config.exchanges import ExchangeConfig, ExchangeMarketConfig, InstrumentConfig
from verifill.config.loading import config_of, load_config, read_toml
from verifill.config.loopback import LoopbackConfig, LoopbackVenueConfig
from verifill.config.retries import ModesConfig, RetriesConfig, RetryConfig
from verifill.config.settings import (
    BarsConfig,
    DataConfig,
    LoopConfig,
    RouteConfig,
    SeriesConfig,
    Settings,
    StrategyConfig,
    ToleranceConfig,
)

__all__ = [
    "BarsConfig",
    "BreakersConfig",
    "ChainConfig",
    "Config",
    "DataConfig",
    "EModeConfig",
    "EnvironmentConfig",
    "EvmAccountConfig",
    "EvmConfig",
    "EvmContractConfig",
    "ExchangeConfig",
    "ExchangeMarketConfig",
    "FeedsConfig",
    "InstrumentConfig",
    "LenderConfig",
    "LoopConfig",
    "LoopbackConfig",
    "LoopbackVenueConfig",
    "ModesConfig",
    "PoolConfig",
    "ReserveConfig",
    "RetriesConfig",
    "RetryConfig",
    "RouteConfig",
    "SeriesConfig",
    "Settings",
    "StakingConfig",
    "StrategyConfig",
    "ToleranceConfig",
    "WrapperConfig",
    "config_of",
    "load_config",
    "read_toml",
]
