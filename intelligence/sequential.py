"""A test that may be looked at every day: how strongly outcomes speak against "nothing is gained here".

Each outcome is a bet against a fair game, whose stake is fixed before: the fortune is the evidence (an
e-value). If nothing is gained, the chance that it ever reaches 1 / alpha is at most alpha, however often one
looks and whenever one stops. Pure.

Source: I. Waudby-Smith, A. Ramdas, Estimating means of bounded random variables by betting (2024), J. R.
Statist. Soc. B 86; J. Ville, Étude critique de la notion de collectif (1939).
"""

from __future__ import annotations

import math

import numpy as np

from trading.domain.signals import FloatArray

ALPHA = 0.05  # chance that anything without gain is ever believed, over all tries together
GAP_ROOM = 1.5  # a stop may lose so many times its distance before the test cuts it off
# Stakes as parts of the fortune, equally weighted: small ones find small gains, large ones large.
STAKES = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.7])


def evidence(outcomes: FloatArray, *, bound: float) -> float:
    """Give the evidence that outcomes are above 0 in the mean; 1 without any.

    Args:
        outcomes: Gains in any unit, in the order in which they came.
        bound: What an outcome may lose at most, in the same unit; a larger loss counts as this one. Gains
            beyond it count as it too, which only makes the test more careful.
    """
    scaled = np.clip(outcomes / bound, -1.0, 1.0)
    fortunes = np.log1p(np.outer(STAKES, scaled)).sum(axis=1)
    return float(np.exp(fortunes).mean())


def needed_evidence(number: int) -> float:
    """Give the evidence that the n-th try needs (from 1): later ones need more, so that all share ALPHA."""
    return number**2 * math.pi**2 / 6.0 / ALPHA
