"""What looks at answers after they were given? In the background, in batches, so that no request waits."""
