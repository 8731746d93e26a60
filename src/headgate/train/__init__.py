"""Which model do the training rows make? Fitted by the service's own code or a built-in trainer, packed as ONNX."""
