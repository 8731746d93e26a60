"""How does the ring run on one machine? Servers, a weighted router and a reconciler: for one machine, not for many."""
