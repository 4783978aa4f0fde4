"""The paper venue: a stranger that speaks Binance spot over HTTP. Imports nothing else of ours."""
