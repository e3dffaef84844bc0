"""Who may see what: rules, what they come to for an actor, and the check of names."""
