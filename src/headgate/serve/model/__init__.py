"""What does the verified model say of admitted rows? Scores, and the outputs made of them."""
