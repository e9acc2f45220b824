"""Figures of the book: each function takes results and returns a matplotlib Figure.

Nothing is computed here. `maps` are pictures of points and images, `matrices` of tables; `curves` show
a number against another, `spreads` what is compared, with its scatter. All lay out their panels with
`panels`, in the colours of `palette`.
"""
