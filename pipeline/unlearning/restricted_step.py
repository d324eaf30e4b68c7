"""The restricted step: the step nearest to the optimiser's own that raises neither loss.

The restricted gradient (Ko et al. 2024, arXiv 2412.07808) promises this for plain gradient descent
alone: momentum, an adaptive optimiser's scaling, weight decay and clipping all come after it. Here
they come before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_SINGULAR = 1e-12
"""Where 1 - cos^2 is below this, two gradients span a line as far as float64 can tell."""


@dataclass(frozen=True)
class StepProducts:
    """What decides how a proposed step s is restricted; D is the optimiser's preconditioner.

    Attributes:
        forget_square: <f, D f>.
        retain_square: <r, D r>.
        inner: <f, D r>.
        forget_slope: <f, s>, the forget loss's first-order change.
        retain_slope: <r, s>.
        step_square: <s, s / D>.
    """

    forget_square: float
    retain_square: float
    inner: float
    forget_slope: float
    retain_slope: float
    step_square: float


def restricted_step(products: StepProducts, margin: float = 0.0) -> tuple[float, float]:
    """Multipliers (l_f, l_r) of the restricted step s* = s - D (l_f f + l_r r).

    s* is the step nearest to s, in the metric 1 / D in which the optimiser measures, of those that
    raise neither loss to first order:

        s* = argmin |s' - s|^2 in 1/D   subject to   <f, s'> <= 0   and   <r, s'> <= 0.

    Its Karush-Kuhn-Tucker conditions give the form above with l >= 0, where a multiplier is zero
    unless its constraint holds with equality. So either both are zero (s is allowed already), or
    one is, or both follow from a 2 x 2 system; the feasible one of these is the solution. Below all
    of it is written for gradients of length one in the metric D: with c their cosine and u, v by
    how much the constraints are broken, they are l_f = u alone, l_r = v alone, or
    (u - c v, v - c u) / (1 - c^2). s* is never longer than s.

    Limits: a zero gradient constrains nothing. Gradients that point the same way leave a
    half-space, and the more broken of two equal constraints is met. Opposite ones leave the
    hyperplane that both are normal to: either loss's constraint projects onto it, and nothing
    along the gradients is left of s.

    With a margin m each loss must fall: <f, s'> <= -m h |f| |s| with the norms above and
    h = (1 + c) / 2, so that what is asked vanishes as the gradients become opposite, where nothing
    can lower both.

    Args:
        products: of the gradients and the step, over all parameters and workers.
        margin: m, in [0, 1).

    Returns:
        (l_f, l_r), at least 0.
    """
    forget_norm, retain_norm = math.sqrt(products.forget_square), math.sqrt(products.retain_square)
    if forget_norm == 0 and retain_norm == 0:
        return 0.0, 0.0
    both = forget_norm > 0 and retain_norm > 0
    cosine = products.inner / (forget_norm * retain_norm) if both else 1.0
    cosine = min(1.0, max(-1.0, cosine))
    fall = margin * (1 + cosine) / 2 * math.sqrt(products.step_square)
    forget = products.forget_slope / forget_norm + fall if forget_norm > 0 else -math.inf
    retain = products.retain_slope / retain_norm + fall if retain_norm > 0 else -math.inf
    along_forget, along_retain = _multipliers(forget, retain, cosine)
    return (
        along_forget / forget_norm if along_forget > 0 else 0.0,
        along_retain / retain_norm if along_retain > 0 else 0.0,
    )


def _multipliers(forget: float, retain: float, cosine: float) -> tuple[float, float]:
    """The multipliers for gradients of length one, whose constraints are broken by these."""
    if forget <= 0 and retain <= 0:
        return 0.0, 0.0
    if forget > 0 and retain - cosine * forget <= 0:
        return forget, 0.0
    if retain > 0 and forget - cosine * retain <= 0:
        return 0.0, retain
    room = 1 - cosine * cosine
    if room <= _SINGULAR:
        return (forget, 0.0) if forget >= retain else (0.0, retain)
    return (forget - cosine * retain) / room, (retain - cosine * forget) / room
