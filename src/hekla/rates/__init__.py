"""How often something may be done: rates, and the meters that count, here or in Redis."""
