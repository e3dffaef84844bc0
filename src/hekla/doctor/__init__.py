"""What is unsafe in a configuration, and what to do about it."""
