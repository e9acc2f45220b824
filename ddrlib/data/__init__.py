"""Photographs, and the patches cut from them."""
