"""Benchmarks: Hekla beside its peers and beside a hand-written limit, on the same file."""
