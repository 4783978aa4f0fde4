"""Measurements that anyone can repeat, each on the real stack: `python -m bench NAME`.

latency      closing candle → order bytes, against a bare order on the same loopback, 50 workers on 20 symbols
turns        one turn with 1 to 1,000 workers and 1 to 400 symbols
growth       the same turn on a million stored trades and on none, turn and turn about
memory       proportional memory of every process, 10 workers on 50 symbols
real_input   recorded candles and ticks, the ledger against the venue's own
kills        kill -9 of each process in turn while trading
backtest     the back-tester and a sweep against a bare hand-written loop, cost per candle, memory

Beside them `python -m bench.chaos` (`make chaos`): random mischief from a seed, judged by bench/oracles.py.
`python -m bench.crashes`: SIGKILL of a trader at every statement and request, on both databases.
`python -m bench.deliveries`: the same batch a hundred times to four traders at once, on both databases.
"""
