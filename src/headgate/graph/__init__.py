"""In which order do the verbs run? One graph, rendered for every engine."""
