"""The applications under test: Hekla, the hand-written limit, and the peers."""
