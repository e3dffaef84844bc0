"""The ways of speaking to the engine."""
