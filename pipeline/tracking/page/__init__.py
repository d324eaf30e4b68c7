"""One page to explore a sweep or a comparison: a file of its own that asks no server for anything.

`template.html`, `page.css` and the programs beside them are put together with Plotly's own program
and one JSON of data by `document`; `sweep_data` and `comparison_data` make that JSON.
"""
