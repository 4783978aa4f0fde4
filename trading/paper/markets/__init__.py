"""Markets that the paper venue can play: synthetic, replayed candles, replayed ticks, mirror."""
