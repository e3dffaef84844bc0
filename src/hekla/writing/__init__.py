"""Writes: documents become rows, rows become statements, and both obey schema and rules."""
