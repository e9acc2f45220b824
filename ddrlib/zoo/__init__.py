"""Trained networks by name, and the reader's own."""
