"""The pure part: standard library and numpy only, no framework, no clock, no wire."""
