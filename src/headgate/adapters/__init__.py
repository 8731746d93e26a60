"""Who talks to the world? One vendor a module, each behind a port where two could serve."""
