"""How are Kafka's topics read and written? Commits are made by hand, and letters acknowledged."""
