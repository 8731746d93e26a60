"""What does Headgate cost beside its peers? Ratios of one interleaved run each; `make bench` writes RESULTS.md."""
