"""How sure can we be? Metrics, intervals, sequential tests and distances, from numpy and scipy.special alone."""
