"""Entrances from the command line. Each command translates its options and calls one function."""
