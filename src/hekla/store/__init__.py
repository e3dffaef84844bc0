"""The databases: what the engine asks of one, and each kind that can do it."""
