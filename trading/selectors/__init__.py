"""Everything that reads for others: rows as domain objects, never a write."""
