"""How good is the candidate? Beside champion, anchor and the trivial predictor, on rows that nobody learned from."""
