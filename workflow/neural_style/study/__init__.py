"""The layer study: what each layer keeps of a photograph and of a painting."""
