"""Who runs the steps? On this machine, subprocesses of the same command line."""
