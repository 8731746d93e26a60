"""May this candidate replace the champion? A policy's rules answer from an Evaluation alone."""
