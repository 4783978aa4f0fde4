"""The strategies, one module each; `trading.domain.strategy` lists them."""
