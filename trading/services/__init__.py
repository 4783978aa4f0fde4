"""Everything that writes: one transaction, its rule, its journal row, its event."""
