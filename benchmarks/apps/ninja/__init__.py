"""Django Ninja: schemas and functions."""
