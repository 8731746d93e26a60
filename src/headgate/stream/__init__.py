"""What does a model say of each message of a topic? Through the server's own door, each at least once."""
