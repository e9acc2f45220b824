"""Views that react, in a page and in a notebook."""
