"""The model: VGG19 as a frozen extractor of named features, its weights, and tiles."""
