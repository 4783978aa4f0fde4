"""The live services on a virtual clock: what they would have made of recorded candles."""
