"""How does the same model answer over gRPC? V2's messages, the same door, a listener of its own."""
