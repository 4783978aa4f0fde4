"""Learning from the ledger: acts only through the doors of trading."""
