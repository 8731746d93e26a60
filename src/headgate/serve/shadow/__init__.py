"""What would a second model have answered? It sees requests and answers nobody."""
