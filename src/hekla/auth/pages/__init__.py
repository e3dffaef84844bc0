"""Pages for people: signing in, registering, a new password, one's own account. No scripts."""
