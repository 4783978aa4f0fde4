"""Backups: one file with every row, readable on either database, and restored as one whole or not at all."""
