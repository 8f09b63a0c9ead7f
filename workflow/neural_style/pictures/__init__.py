"""Files to pictures and back: decoding, sizes, colours, encoding. Knows no network."""
