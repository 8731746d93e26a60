"""Which of two models is better? Each answers its own part of the rows."""
