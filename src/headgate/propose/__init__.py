"""What should be asked of the env repo, and why should a person say yes? Planned here, performed by a forge."""
