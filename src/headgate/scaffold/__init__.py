"""What does a new env repo hold beside its services? Argo CD's objects, CI, owners."""
