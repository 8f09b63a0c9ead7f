"""Image files: decoding, fitting, encoding, metadata, and images as tensors."""
