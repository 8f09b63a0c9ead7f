"""The terms of the loss and their weighted sum. Knows no optimiser."""
