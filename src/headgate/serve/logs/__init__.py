"""What is kept of answers, and of the labels that come after them? Files that servers append to."""
