"""The table of faults: one row per fault of the venue, with what we do about it and how it is provoked.

Two drivers walk it: bench/faults.py against the whole running stack (`make faults`), and
tests/story/test_faults.py in one process. Numbers are those of the paper venue (`GET /paper/faults`); 70 is
no fault of a venue but our own death.
"""

from __future__ import annotations

from bench.fault_arms import Row
from bench.fault_rows_calls import CALL_ROWS
from bench.fault_rows_orders import ORDER_ROWS
from bench.fault_rows_streams import STREAM_ROWS

ROWS: tuple[Row, ...] = tuple(sorted((*CALL_ROWS, *ORDER_ROWS, *STREAM_ROWS), key=lambda row: row.number))
