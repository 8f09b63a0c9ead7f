"""Configuration: every setting, its check, the sweep and its inputs. Free of torch."""
