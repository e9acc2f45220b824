"""How the networks of the book are trained."""
