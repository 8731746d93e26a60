"""In which words is a prediction asked for and given? V2, its binary tensors, V1: all as the same named tensors."""
