"""Reading the change log: what happened to which rows, as far as somebody may know."""
