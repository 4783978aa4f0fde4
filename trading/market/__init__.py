"""Live market data in Redis: what the feed writes and everybody reads."""
