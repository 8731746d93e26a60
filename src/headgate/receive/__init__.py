"""What should be done about what the cluster, the alerts and the forges say? Woken by webhooks, right by watch."""
