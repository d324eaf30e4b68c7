"""The sweep: what is proposed, what runs it, and what came out; the only room that knows Ray.

`records`, `pareto` and `places` need no Ray and may be imported alone.
"""
