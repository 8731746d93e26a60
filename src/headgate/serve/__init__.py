"""How does one verified model answer over HTTP? Protocol, door, model, log, counters: one process."""
