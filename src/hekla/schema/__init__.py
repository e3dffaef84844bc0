"""What is served, frozen: resources, columns, relations, and where they come from."""
