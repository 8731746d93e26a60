"""What do Argo's objects say? JSON of the API server, in our records."""
