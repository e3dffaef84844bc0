"""Adapters between servers and :mod:`hekla.web`: protocol bytes to Request, Response to bytes."""
