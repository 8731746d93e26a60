"""A service small enough to be killed often."""
