"""What do people see? The demo as it happens, its end, its report, and the answers of `why` and `status`."""
