"""A signer made of straight lines, for tests of everything that shows one."""

import numpy as np

from signer_lib.pose import SIGNER70

AT = SIGNER70.index


def pose(right=(-0.6, -0.3, 0.5), left=(0.6, -0.3, 0.5)):
    """(70, 3) a signer with a simple face and both flat hands up, their wrists at the given points."""
    xyz = np.zeros((70, 3))
    xyz[AT("r_shoulder")], xyz[AT("l_shoulder")] = (-0.5, 0, 0), (0.5, 0, 0)
    nose = xyz[AT("nose")] = np.array((0, 0.62, 0.12))
    for side, sign, wrist, group in (("r", -1, right, "right_hand"), ("l", 1, left, "left_hand")):
        xyz[AT(f"{side}_elbow")] = (0.8 * sign, -0.75, 0.1)
        xyz[AT(f"{side}_wrist")] = wrist
        hand = [(0, 0, 0)]
        fingers = ((x, 1, (0.26, 0.14, 0.09, 0.07)) for x in (-0.25, -0.05, 0.15, 0.35))
        for x, y, lengths in ((-0.8, 0.6, (0.11, 0.11, 0.09, 0.07)), *fingers):
            way = np.array((x * sign, y, 0)) / np.hypot(x, y)
            hand += [way * reach for reach in np.cumsum(lengths)]
        xyz[SIGNER70.groups[group]] = np.array(hand) + wrist
        for k in range(5):
            xyz[AT(f"{side}_brow_{k}")] = nose + ((0.05 + 0.03 * k) * sign, 0.17, 0)
        xyz[AT(f"{side}_lid_upper")] = nose + (0.11 * sign, 0.107, -0.02)
        xyz[AT(f"{side}_lid_lower")] = nose + (0.11 * sign, 0.073, -0.02)
        xyz[AT(f"{side}_lip_corner")] = nose + (0.085 * sign, -0.155, -0.03)
    for name, y in zip(("lip_upper_outer", "lip_upper_inner", "lip_lower_inner", "lip_lower_outer"), (-.13, -.145, -.155, -.17)):
        xyz[AT(name)] = nose + (0, y, 0)
    return xyz
