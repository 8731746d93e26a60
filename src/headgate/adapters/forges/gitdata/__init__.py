"""How does a bare repository keep pull requests, statuses and main safe from crashes and races? One topic each."""
