"""What does each kind of rule ask? One module a kind; judge.RULES lists them all."""
