"""The soft-margin support vector machine of two classes with a linear kernel, solved over many rows.

    minimise over w, b    ½‖w‖² + Σᵢ cᵢ max(0, fᵢ),    fᵢ = 1 − yᵢ (w·xᵢ + b)

is what libsvm's C-SVC solves: the bias is not penalised, and every row has a bound cᵢ of its own. libsvm works through
its dual, max Σα − ½‖Σ α y x‖² with 0 ≤ α ≤ c and Σ α y = 0, two rows at a time, and its time grows with the square of
the rows. Here it grows with the rows:

1. Newton's method on a smoothed loss (Chapelle 2007, "Training a Support Vector Machine in the Primal", Neural
   Computation 19(5)) finds about where the margin lies. Only rows within the smoothing's width of it cost anything.
2. Of rows far from the margin the dual is then known: 0 on the right side, cᵢ on the wrong one. For those near it the
   dual is solved by a primal-dual interior-point method with Mehrotra's predictor and corrector, whose systems are as
   wide as the features, not as the rows (Ferris & Munson 2002, "Interior-Point Methods for Massive Support Vector
   Machines", SIAM J. Optim. 13(3); Fine & Scheinberg 2001, "Efficient SVM Training Using Low-Rank Kernel
   Representations", JMLR 2).
3. The duality gap over *all* rows says whether it was so. If not, more rows count as near, in the end all of them.

Only 3 decides what is returned: 1 and 2 make it fast. The same input gives the same bytes on one thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

GAP = 1e-9
"""The duality gap, relative to the objective, that ends the search."""
# where the interior point stops; and what is let pass where rounding forbids better, libsvm's own tolerance of slack
_TIGHT_GAP, _LOOSEST_GAP = 1e-12, 1e-3
# so few rows are solved as they are; of more, a sample about as large says where to begin
_FEW_ROWS = 2048
# how far from the margin the smoothed loss is bent, from wide to narrow: of the sample's, then of all rows'
_SAMPLE_WIDTHS, _WIDTHS = (4.0, 1.0, 0.3), (0.3, 0.1, 0.03)
# rows this near the margin are solved exactly: some 7 in 100 of overlapping speech; wider only if the gap says so
_REACHES = (0.1, 0.3, 1.0)
_NEWTON_STEPS, _INTERIOR_STEPS = 10, 100
# rows of the matrix that are scaled and multiplied at once: 1,000 × 137 numbers stay in the processor's cache
_BLOCK_ROWS = 1000
# where the interior point begins, in relation to the bounds: from nothing, and from a plane that is about right
_COLD, _WARM = 1.0, 0.1
_TO_THE_WALL = 0.995
# the least curvature of a dual, in relation to its bound: repeated rows share their duals in any way they like
_DAMPING = 1e-9
_DOUBLINGS, _HALVINGS = 20, 30


class NotConverged(ArithmeticError):
    """No separating plane was found to the precision asked for."""


@dataclass(frozen=True)
class Plane:
    """What was found.

    Args:
        weights: w, shape (n_features,)
        bias: b; where a whole interval is as good, its middle, as libsvm has it
        gap: duality gap relative to the objective
    """

    weights: Vector
    bias: float
    gap: float


@dataclass(frozen=True)
class _Problem:
    """Rows with a last column of ones, their signs y and bounds c; planes are (w, b) in one vector.

    Args:
        rows: shape (n_rows, n_features + 1)
        signs: −1 or 1, shape (n_rows,)
        bounds: above 0, shape (n_rows,)
        pull: Σ c y (x, 1) of rows whose dual is known to be c, shape (n_features + 1,)
        slack: Σ c of those rows
    """

    rows: Matrix
    signs: Vector
    bounds: Vector
    pull: Vector
    slack: float = 0.0

    def hinge(self, plane: Vector) -> Vector:
        """Return f, shape (n_rows,): above 0 for rows that the plane leaves inside the margin or on the wrong side."""
        return np.asarray(1 - self.signs * (self.rows @ plane))

    def summed(self, duals: Vector) -> Vector:
        """Return Σ α y (x, 1), shape (n_features + 1,): the weights and, last, what must be 0."""
        return np.asarray((duals * self.signs) @ self.rows + self.pull)

    def curvature(self, of_rows: Vector) -> Matrix:
        """Return I (0 for the bias) + Σ aᵢ (xᵢ, 1)(xᵢ, 1)ᵀ, shape (n_features + 1, n_features + 1)."""
        total: Matrix = np.eye(self.rows.shape[1])
        total[-1, -1] = 0
        for start in range(0, len(of_rows), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            scaled = self.rows[block] * np.sqrt(of_rows[block, None])
            total += scaled.T @ scaled
        return total

    def objective(self, plane: Vector, hinge: Vector) -> float:
        """Return what is minimised."""
        known = self.slack - float(self.pull @ plane)
        return float(plane[:-1] @ plane[:-1] / 2 + self.bounds @ np.maximum(hinge, 0)) + known

    @property
    def can_balance(self) -> bool:
        """Whether duals inside their bounds can make up for those that are known."""
        return bool(-self.bounds[self.signs > 0].sum() < self.pull[-1] < self.bounds[self.signs < 0].sum())

    def only(self, which: NDArray[np.intp]) -> _Problem:
        """Return some of the rows, the others forgotten."""
        return replace(self, rows=self.rows[which], signs=self.signs[which], bounds=self.bounds[which])

    def where_known(self, near: NDArray[np.bool_], duals: Vector) -> _Problem:
        """Return the problem of the rows near the margin when the others' duals are known."""
        known = np.where(near, 0.0, duals)
        return replace(self.only(np.flatnonzero(near)), pull=self.summed(known), slack=float(known.sum()))


def solve(features: Matrix, signs: Vector, bounds: Vector) -> Plane:
    """Find the separating plane of two classes.

    Args:
        features: shape (n_rows, n_features)
        signs: 1 for one class, −1 for the other, both present, shape (n_rows,)
        bounds: what a row's error costs, C times the row's weight, above 0, shape (n_rows,)

    Raises:
        NotConverged: if rounding stands in the way, as with features of wildly different scale and a vast C

    Example:
        >>> found = solve(np.array([[0.0], [1.0], [3.0]]), np.array([-1.0, -1.0, 1.0]), np.full(3, 10.0))
        >>> found.weights.round(6), round(found.bias, 6)
        (array([1.]), -2.0)
    """
    centre = features.mean(axis=0)
    rows = np.column_stack([features - centre, np.ones(len(features))])
    problem = _Problem(rows, signs, bounds, np.zeros(rows.shape[1]))
    nowhere = np.zeros(rows.shape[1])
    reaches, plane = ((), nowhere) if len(rows) <= _FEW_ROWS else (_REACHES, _screened(problem))
    found = Plane(nowhere[:-1], 0.0, np.inf)
    # a poor guess is a poor place to start from: the last try, over all rows, starts from none
    for reach, start in (*((reach, plane) for reach in reaches), (np.inf, nowhere)):
        found = min(found, _solved_near(problem, start, reach), key=lambda one: one.gap)
        if found.gap <= GAP:
            break
    if not found.gap <= _LOOSEST_GAP:
        raise NotConverged(f"linear SVM over {len(rows)} rows: relative duality gap {found.gap:.1e} after all steps")
    return replace(found, bias=found.bias - float(found.weights @ centre))


def _screened(problem: _Problem) -> Vector:
    """Return about the plane: where a sample puts it, then with an ever sharper loss over all rows."""
    n_rows = len(problem.rows)
    sample = problem.only(np.arange(0, n_rows, n_rows // _FEW_ROWS))
    sample = replace(sample, bounds=sample.bounds * (n_rows / len(sample.rows)))
    plane = np.zeros(problem.rows.shape[1])
    for width in _SAMPLE_WIDTHS:
        plane = _smoothed(sample, plane, width)
    for width in _WIDTHS:
        plane = _smoothed(problem, plane, width)
    return plane


def _smoothed(problem: _Problem, plane: Vector, width: float) -> Vector:
    """Minimise with max(0, f) rounded off, quadratic for |f| < width, by Newton's method."""
    from scipy.linalg import cho_factor, cho_solve

    total = float(problem.bounds.sum())
    hinge = problem.hinge(plane)
    for _ in range(_NEWTON_STEPS):
        share = np.clip(hinge / (2 * width) + 0.5, 0, 1)
        slope = np.append(plane[:-1], 0.0) - problem.summed(problem.bounds * share)
        bent = np.flatnonzero((share > 0) & (share < 1))
        curved = problem.only(bent).curvature(problem.bounds[bent] / (2 * width))
        # where no row bends the loss, the bias has no curvature of its own
        curved[-1, -1] += 1e-6 * total / width
        step = -cho_solve(cho_factor(curved), slope)
        change = -problem.signs * (problem.rows @ step)
        falling = float(slope @ step)
        far = _line_search(problem, plane, hinge, (step, change), width)
        plane, hinge = plane + far * step, hinge + far * change
        if -falling < 2e-4 * width * total:
            break
    return plane


def _line_search(
    problem: _Problem, plane: Vector, hinge: Vector, direction: tuple[Vector, Vector], width: float
) -> float:
    """Return how far along (change of the plane, change of f) the smoothed objective has all but stopped falling."""
    step, change = direction
    offset, bend = float(plane[:-1] @ step[:-1]), float(step[:-1] @ step[:-1])

    def slope(far: float) -> float:
        share = np.clip((hinge + far * change) / (2 * width) + 0.5, 0, 1)
        return offset + far * bend + float((problem.bounds * share) @ change)

    enough = abs(slope(0)) / 10
    low, high, far = 0.0, 2.0, 1.0
    for _ in range(10):
        found = slope(far)
        if abs(found) <= enough:
            break
        low, high = (far, high) if found < 0 else (low, far)
        far = (low + high) / 2
    return far


def _solved_near(problem: _Problem, plane: Vector, reach: float) -> Plane:
    """Solve for the rows within reach of the margin, and say what the gap is over all rows."""
    hinge = problem.hinge(plane)
    near = np.abs(hinge) <= reach
    for sign in (-1, 1):
        # a few of both classes, or there may be no way to make up for the others' duals
        mine = np.flatnonzero(problem.signs == sign)
        near[mine[np.argsort(np.abs(hinge[mine]), kind="stable")[: problem.rows.shape[1]]]] = True
    duals = np.where(hinge > 0, problem.bounds, 0.0)
    part = problem.where_known(near, duals)
    if not part.can_balance:
        return Plane(plane[:-1], float(plane[-1]), np.inf)
    found = _interior_point(part, plane, _WARM if np.isfinite(reach) else _COLD)
    duals[near] = np.clip(found.duals, 0, problem.bounds[near])
    return _judged(problem, found.plane[:-1], duals)


def _judged(problem: _Problem, weights: Vector, duals: Vector) -> Plane:
    """Return the best plane with these weights, and how far from the optimum the duals allow it to be."""
    best = np.append(weights, _bias(problem, weights))
    summed = problem.summed(duals)
    # duals that are out of balance would prove too much: by the bias for each unit
    proven = float(duals.sum() - summed[:-1] @ summed[:-1] / 2) - abs(float(summed[-1] * best[-1]))
    least = problem.objective(best, problem.hinge(best))
    return Plane(weights, float(best[-1]), (least - proven) / least)


def _bias(problem: _Problem, weights: Vector) -> float:
    """Return the best bias for given weights: of an interval its middle.

    The loss as a function of the bias has a kink where each row meets its margin; its slope grows by the row's bound.
    """
    kinks = problem.signs - problem.rows[:, :-1] @ weights
    order = np.argsort(kinks, kind="stable")
    slopes = np.cumsum(problem.bounds[order]) - problem.bounds[problem.signs > 0].sum()
    level = 1e-12 * float(problem.bounds.sum())
    lowest = int(np.argmax(slopes >= -level))
    highest = lowest + 1 if abs(slopes[lowest]) <= level and lowest + 1 < len(order) else lowest
    return float(kinks[order[lowest]] + kinks[order[highest]]) / 2


@dataclass(frozen=True)
class _Iterate:
    """A point inside all bounds.

    Args:
        plane: (w, b), shape (n_features + 1,)
        duals: α, shape (n_rows,)
        room: c − α, shape (n_rows,)
        lower: multipliers of α ≥ 0, shape (n_rows,)
        upper: multipliers of α ≤ c, shape (n_rows,); upper − lower = f
    """

    plane: Vector
    duals: Vector
    room: Vector
    lower: Vector
    upper: Vector

    @classmethod
    def central(cls, problem: _Problem, plane: Vector, level: float) -> _Iterate:
        """Return the point with α·lower = room·upper = level for every row, and f as the plane has it."""
        hinge, ratio = problem.hinge(plane), 2 * level / problem.bounds
        size = np.abs(hinge)
        root = np.hypot(size, ratio)
        larger = (ratio + size + root) / 2
        # √(f² + r²) − |f| without cancellation
        smaller = ratio * (root + size + ratio) / (2 * (root + size))
        lower, upper = np.where(hinge > 0, smaller, larger), np.where(hinge > 0, larger, smaller)
        return cls(plane, level / lower, level / upper, lower, upper)

    @property
    def products(self) -> float:
        """The sum of what must vanish: the duality gap, once the plane is the duals' own."""
        return float(self.duals @ self.lower + self.room @ self.upper)

    def moved(self, step: _Iterate, far: float) -> _Iterate:
        """Return the point so far along a step."""
        names = ("plane", "duals", "room", "lower", "upper")
        return _Iterate(*(getattr(self, name) + far * getattr(step, name) for name in names))

    def longest(self, step: _Iterate) -> float:
        """Return how far along a step all stays above 0, at most 1."""
        pairs = ((getattr(self, name), getattr(step, name)) for name in ("duals", "room", "lower", "upper"))
        return min(1.0, *(1 / max(float((-change / value).max()), 1e-300) for value, change in pairs))


def _balanced(problem: _Problem, plane: Vector, level: float) -> _Iterate:
    """Return the central point whose bias balances the duals, found by bisection, or as near as biases go."""
    low, high = float(plane[-1]) - 1.0, float(plane[-1]) + 1.0

    def excess(bias: float) -> float:
        point = _Iterate.central(problem, np.append(plane[:-1], bias), level)
        return float(problem.summed(point.duals)[-1])

    for _ in range(_DOUBLINGS):
        above, below = excess(low) < 0, excess(high) > 0
        if not (above or below):
            break
        low, high = low - above * 2 * (high - low), high + below * 2 * (high - low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return _Iterate.central(problem, np.append(plane[:-1], (low + high) / 2), level)


def _interior_point(problem: _Problem, plane: Vector, level: float) -> _Iterate:
    """Return, of the iterates, the one with the least left over.

    Args:
        problem: its rows
        plane: where to begin
        level: what is left over there, of each row, in relation to its bound: the closer, the less
    """
    from scipy.linalg import LinAlgError

    now = best = _balanced(problem, plane, level * float(problem.bounds.mean()))
    least, fruitless = np.inf, 0
    for _ in range(_INTERIOR_STEPS):
        hinge = problem.hinge(now.plane)
        weights = np.append(problem.summed(now.duals)[:-1], 1.0)
        left = problem.summed(now.duals) - np.append(now.plane[:-1], 0.0)
        astray = np.abs(hinge - now.upper + now.lower)
        over = now.products + float(np.abs(left) @ (np.abs(now.plane) + np.abs(weights)) + problem.bounds @ astray)
        fruitless = 0 if over < least else fruitless + 1
        best, least = (now, over) if over < least else (best, least)
        if over <= _TIGHT_GAP * abs(problem.objective(now.plane, hinge)) or fruitless == 10:
            break
        try:
            now = _predicted_and_corrected(problem, now, hinge, left)
        except (LinAlgError, ValueError):
            # at the end of what rounding allows
            break
    return best


def _predicted_and_corrected(problem: _Problem, now: _Iterate, hinge: Vector, left: Vector) -> _Iterate:
    """Take one step of Mehrotra's (1992, SIAM J. Optim. 2(4)); both directions share one factorised matrix."""
    from scipy.linalg import cho_factor, cho_solve

    give = 1 / (now.lower / now.duals + now.upper / now.room + _DAMPING / problem.bounds)
    factor = cho_factor(problem.curvature(give))

    def direction(lower_goal: Vector, upper_goal: Vector) -> _Iterate:
        right = hinge - now.upper + now.lower + lower_goal / now.duals - upper_goal / now.room
        plane = cho_solve(factor, left + (problem.signs * give * right) @ problem.rows)
        duals = give * (right - problem.signs * (problem.rows @ plane))
        lower = (lower_goal - now.lower * duals) / now.duals
        return _Iterate(plane, duals, -duals, lower, (upper_goal + now.upper * duals) / now.room)

    lower, upper = now.duals * now.lower, now.room * now.upper
    predicted = direction(-lower, -upper)
    level = now.products / (2 * hinge.size)
    reached = now.moved(predicted, now.longest(predicted)).products / (2 * hinge.size)
    goal = level * (reached / level) ** 3
    corrected = direction(
        goal - lower - predicted.duals * predicted.lower, goal - upper - predicted.room * predicted.upper
    )
    return now.moved(corrected, _TO_THE_WALL * now.longest(corrected))
