"""Pages for people who decide, made from the published marts: what they show, and how.

`pages/<page>.yml` says what stands on a page, `sql/<page>/<figure>.sql` where a figure's numbers
come from, `static/` how they are drawn. Nothing is computed here: a number on a page is the number
that its SQL gives.
"""
