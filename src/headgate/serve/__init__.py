"""How does one verified model answer over HTTP and gRPC? Its rooms stand in layers, from protocols up to processes."""
