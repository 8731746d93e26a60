"""What must the rows look like? One contract, asked of whole parts and of single requests."""
