"""Where do pull requests live? One module per forge, all behind `ports.Forge`."""
