"""Images: reading and fitting files, encoding outputs, and conversion to tensors."""
