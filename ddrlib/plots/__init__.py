"""Figures of the book: each function takes results and returns a matplotlib Figure.

Nothing is computed here. `maps` are pictures of points, matrices and images; `curves` show a number
against another. Both lay out their panels with `panels`, in the colours of `palette`.
"""
