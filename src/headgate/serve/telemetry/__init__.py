"""What does the process tell of itself? Prometheus's metrics, OpenTelemetry's spans."""
