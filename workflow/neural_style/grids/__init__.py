"""Sheets of pictures side by side, made from files alone."""
