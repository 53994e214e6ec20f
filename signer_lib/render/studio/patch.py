"""Pieces of the signer's surface: cut along a line, lifted off the body, joined. [ours]"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

SLIVER = 0.03                                    # a cut keeps this share of an edge away from its ends


@dataclass(frozen=True)
class Patch:
    """A piece of surface with all that moves it.

    v (V, 3).   f (F, 3).   weights (V, B).   actions (K, V, 3).   region (F,) numbers of ``looks.REGIONS``.
    """

    v: np.ndarray
    f: np.ndarray
    weights: np.ndarray
    actions: np.ndarray
    region: np.ndarray

    @property
    def normals(self) -> np.ndarray:
        """(V, 3) outward."""
        a, b, c = self.v[self.f].transpose(1, 0, 2)
        found = np.zeros_like(self.v)
        for corner in self.f.T:
            np.add.at(found, corner, np.cross(b - a, c - a))
        result: np.ndarray = found / np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-12)
        return result

    def only(self, faces: np.ndarray) -> Patch:
        """The faces (F,) of a mask, without the vertices that no face uses."""
        used, f = np.unique(self.f[faces], return_inverse=True)
        return Patch(self.v[used], f.reshape(-1, 3), self.weights[used], self.actions[:, used], self.region[faces])

    def cut(self, value: np.ndarray) -> Patch:
        """Where a function (V,) of the vertices is above 0; faces across the line are cut along it."""
        above = value > 0
        count = above[self.f].sum(1)
        one, two = self.f[count == 1], self.f[count == 2]

        def first(f: np.ndarray, which: np.ndarray) -> np.ndarray:
            return np.take_along_axis(f, (which.argmax(1)[:, None] + np.arange(3)) % 3, 1)      # the odd corner comes first

        one, two = first(one, above[one]), first(two, ~above[two])
        edges = np.concatenate([one[:, [0, 1]], one[:, [0, 2]], two[:, [0, 1]], two[:, [0, 2]]])
        edges, at = np.unique(np.sort(edges, 1), axis=0, return_inverse=True)
        start, end = edges.T
        part = np.clip(value[start] / np.where(above[start] == above[end], 1, value[start] - value[end]), SLIVER, 1 - SLIVER)[:, None]

        def mixed(values: np.ndarray) -> np.ndarray:
            return np.concatenate([values, values[start] * (1 - part) + values[end] * part])

        at = at.reshape(-1) + len(self.v)
        p1, q1, p2, q2 = np.split(at, np.cumsum([len(one), len(one), len(two)]))
        f = np.concatenate([self.f[count == 3], np.stack([one[:, 0], p1, q1], 1), np.stack([p2, two[:, 1], two[:, 2]], 1),
                            np.stack([p2, two[:, 2], q2], 1)])
        region = np.concatenate([self.region[count == 3], self.region[count == 1], self.region[count == 2], self.region[count == 2]])
        new = Patch(mixed(self.v), f, mixed(self.weights), np.stack([mixed(action) for action in self.actions]), region)
        return new.only(np.ones(len(f), bool))

    def lifted(self, amount: np.ndarray | float) -> Patch:
        """Every vertex moved outwards by an amount (V,)."""
        return replace(self, v=self.v + self.normals * np.broadcast_to(amount, len(self.v))[:, None])

    def smoothed(self, rounds: int, part: np.ndarray | float = 0.5) -> Patch:
        """Vertices, weights too, drawn towards the mean of their neighbours by a share (V,) of the way."""
        a, b = np.concatenate([self.f, np.roll(self.f, 1, 1)]), np.concatenate([np.roll(self.f, 1, 1), self.f])
        near = sparse.csr_array((np.ones(a.size), (a.ravel(), b.ravel())), shape=(len(self.v),) * 2)
        near.data[:] = 1
        near = sparse.diags_array(1 / np.maximum(near.sum(1), 1)) @ near
        part = np.broadcast_to(part, len(self.v))[:, None]
        v, weights = self.v, self.weights
        for _ in range(rounds):
            v, weights = v + part * (near @ v - v), weights + part * (near @ weights - weights)
        return replace(self, v=v, weights=weights)

    def of(self, region: int) -> Patch:
        """All of one region."""
        return replace(self, region=np.full(len(self.f), region, np.uint8))


def join(patches: list[Patch]) -> Patch:
    """One patch of several; vertices in the same place become one within 1e-7 of a shoulder width."""
    v = np.concatenate([p.v for p in patches])
    shift = np.cumsum([0] + [len(p.v) for p in patches[:-1]])
    f = np.concatenate([p.f + s for p, s in zip(patches, shift)])
    _, first, back = np.unique(np.round(v * 1e7).astype(np.int64), axis=0, return_index=True, return_inverse=True)
    f = back.reshape(-1)[f]
    flat = (f[:, 0] == f[:, 1]) | (f[:, 1] == f[:, 2]) | (f[:, 2] == f[:, 0])
    return Patch(v[first], f[~flat], np.concatenate([p.weights for p in patches])[first],
                 np.concatenate([p.actions for p in patches], 1)[:, first], np.concatenate([p.region for p in patches])[~flat])
