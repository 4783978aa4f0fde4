"""Every kind of fault that the venue knows, joined from the rooms that hold them."""

from __future__ import annotations

from trading.paper.faults import Fault
from trading.paper.faults_account import ACCOUNT_FAULTS
from trading.paper.faults_answers import ANSWER_FAULTS
from trading.paper.faults_calls import CALL_FAULTS
from trading.paper.faults_life import LIFE_FAULTS
from trading.paper.faults_lists import LIST_FAULTS
from trading.paper.faults_market import MARKET_FAULTS
from trading.paper.faults_matching import MATCHING_FAULTS
from trading.paper.faults_orders import ORDER_FAULTS
from trading.paper.faults_outsider import OUTSIDER_FAULTS
from trading.paper.faults_payloads import PAYLOAD_FAULTS
from trading.paper.faults_rules import RULE_FAULTS
from trading.paper.faults_sockets import SOCKET_FAULTS
from trading.paper.faults_streams import STREAM_FAULTS
from trading.paper.faults_transport import TRANSPORT_FAULTS

ALL_FAULTS: tuple[type[Fault], ...] = (
    *CALL_FAULTS,
    *ANSWER_FAULTS,
    *ORDER_FAULTS,
    *RULE_FAULTS,
    *MATCHING_FAULTS,
    *LIST_FAULTS,
    *OUTSIDER_FAULTS,
    *PAYLOAD_FAULTS,
    *STREAM_FAULTS,
    *SOCKET_FAULTS,
    *LIFE_FAULTS,
    *MARKET_FAULTS,
    *ACCOUNT_FAULTS,
    *TRANSPORT_FAULTS,
)
