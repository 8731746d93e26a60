"""The flights service predicts whether a flight arrives more than 15 minutes late."""
