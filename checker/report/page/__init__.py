"""The result page: one self-contained HTML file that a reader of a result can study, print and re-check.

`evidence` reads what a submission says, bounded and distrustful; `markup` makes it impossible to write text that is not
escaped; `chart` draws; the other modules hold one part of the page each, in the order `document` puts them.
"""
