"""What does one process serve? Made from its options, and verified before it is ready."""
