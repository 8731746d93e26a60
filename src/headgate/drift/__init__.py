"""Do served rows still look like the champion's training rows, and are its answers still as good? Asked by window."""
