"""What do people write? YAML, parsed once at the edge into frozen, closed types."""
