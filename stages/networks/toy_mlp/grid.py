"""Grid of points on which snapshots evaluate functions of the plane."""

import numpy as np

LIMIT = 1.2
POINTS_PER_AXIS = 40
AXIS = np.linspace(-LIMIT, LIMIT, POINTS_PER_AXIS, dtype=np.float32)
# [y, x, 2]: row 0 has the largest y, so that a surface over the grid is an image of the plane.
GRID = np.stack(np.meshgrid(AXIS, AXIS[::-1]), axis=-1)
