"""Measuring a mesh, on shapes whose measures are known."""

import importlib.util

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from signer_lib.errors import SignerError
from signer_lib.prior.bake_body import Figure, ellipsoids, figure, figures
from signer_lib.prior.shapes import Ellipsoids


def ball(radii, count=600):
    """Vertices (V, 3) of an ellipsoid and its faces (F, 3), all turned outwards."""
    k = np.arange(count) + 0.5
    lift, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5 ** 0.5) * k
    points = np.stack([np.cos(turn) * np.sin(lift), np.sin(turn) * np.sin(lift), np.cos(lift)], -1)
    faces = ConvexHull(points).simplices
    a, b, c = points[faces].transpose(1, 0, 2)
    inwards = (np.cross(b - a, c - a) * a).sum(-1) < 0
    faces[inwards] = faces[inwards][:, ::-1]
    return points * radii, faces


def test_a_ray_ends_on_the_skin_and_knows_the_way_out():
    vertices, faces = ball([0.3, 0.5, 0.2])
    f = Figure("ball", 0.4, vertices, faces, np.full(len(vertices), "head"), {})
    point, normal = f.surface(np.zeros(3), np.array([0, 0, 2.0]), faces)
    assert point == pytest.approx([0, 0, 0.2], abs=0.003) and normal == pytest.approx([0, 0, 1], abs=0.05)
    with pytest.raises(ValueError, match="no skin"):
        f.surface(np.array([0, 0, 1.0]), np.array([0, 0, 1.0]), faces)


def test_ellipsoids_hold_their_points_closely():
    one, two = ball([0.4, 0.5, 0.25])[0], ball([0.2, 0.25, 0.2])[0] + [0, 0.6, 0.05]
    points = np.concatenate([one, two])
    start = np.array([[0, 0.05, 0, 0.35, 0.4, 0.3], [0, 0.55, 0, 0.25, 0.2, 0.25]])
    depth = Ellipsoids(ellipsoids(points, start)).depth(points)
    outer = depth < 0.05                                                 # not where the two overlap
    assert depth.min() > -0.01 and np.median(depth[outer]) < 0.02 and outer.mean() > 0.8


def test_a_pair_of_ellipsoids_is_mirrored():
    right = ball([0.1, 0.2, 0.1])[0] + [0.4, 0, 0]
    fitted = ellipsoids(np.concatenate([right, right * [-1, 1, 1]]), np.array([[0.35, 0, 0, 0.12, 0.18, 0.12]]))
    assert fitted.shape == (2, 2, 3) and np.allclose(fitted[0] * [[-1, 1, 1], [1, 1, 1]], fitted[1])
    assert fitted[0, 0, 0] == pytest.approx(0.4, abs=0.02)


def test_annys_axes_become_ours():
    joint = {"upperarm01.R": np.array([[-0.2, 0, 1.4]] * 2), "upperarm01.L": np.array([[0.2, 0, 1.4]] * 2)}
    f = figure("one", np.array([[0.0, -0.1, 1.6], [0.2, 0.0, 1.4]]), np.zeros((0, 3), int), np.array(["head", "wrist.L"]), joint)
    assert f.width == pytest.approx(0.4) and np.allclose(f.vertices, [[0, 0.5, 0.25], [0.5, 0, 0]])
    assert f.of("head").tolist() == [True, False] and f.of("wrist", "head").all()


@pytest.mark.skipif(importlib.util.find_spec("anny") is not None, reason="Anny is installed")
def test_without_anny_one_line_says_what_to_install():
    with pytest.raises(SignerError, match="studio"):
        next(figures())
