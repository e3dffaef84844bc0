"""The write benchmarks: durable creates, updates, a mixed load, and bulk inserts."""
