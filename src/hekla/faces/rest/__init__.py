"""REST: URLs of a documented dialect to queries, and answers to responses."""
