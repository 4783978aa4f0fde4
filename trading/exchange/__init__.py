"""The venue's wire: signed REST, streams, decoding, faults, and the shared request budget."""
