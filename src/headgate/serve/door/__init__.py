"""What may come in? Bytes within the limits, clients within their rate, rows that keep to the contract."""
