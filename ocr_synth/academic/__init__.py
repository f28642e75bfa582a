"""Academic pages: LaTeX and its PDF to page pictures with light markup, after Nougat (Blecher et al., 2023).

`papers` finds them, `sources` copies one into a fresh folder, `latexml` turns it into XHTML inside `jail`, `xhtml` and
`blocks` make markup of that, `pdf` reads the pages, `align` and `split` give each page its part, `score` measures how well
it fits, `make` runs all of it on a paper.
"""
