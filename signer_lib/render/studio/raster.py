"""What a camera sees of a posed mesh, pixel by pixel: region, normal and depth, drawn off screen by VTK. [ours]

The camera is ``render.framing``'s, so that a joint's pixel is ``Framing.to_pixels(joint)``, exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from signer_lib.errors import SignerError
from signer_lib.render.framing import Framing
from signer_lib.render.studio.asset import StudioSigner

FAR = 4.0                                        # from the neck to the nearest and to the farthest plane, shoulder widths


@dataclass(frozen=True)
class Seen:
    """One frame's pixels, the first row on top.

    region (S, S) uint8 and normal (S, S, 3) float32, towards the viewer, 0 where nothing is.   depth (S, S) float32: z, -FAR where nothing is.
    """

    region: np.ndarray
    normal: np.ndarray
    depth: np.ndarray


class Camera:
    """Draws one signer's mesh. ``size`` is the side of the square picture in pixels. Raises ``SignerError`` without VTK."""

    def __init__(self, signer: StudioSigner, size: int):
        try:
            import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  the graphics that the classes below need
            from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
            from vtkmodules.vtkCommonCore import vtkFloatArray, vtkObject, vtkUnsignedCharArray
            from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
            from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow
        except ImportError:
            raise SignerError('the studio draws with VTK, which is not installed: pip install "stable-signer[studio]"') from None
        vtkObject.GlobalWarningDisplayOff()              # without a display VTK says so, and draws all the same
        self.size, self.faces = size, signer.faces
        self.to_vtk: Callable[..., Any] = numpy_to_vtk
        self.from_vtk: Callable[..., Any] = vtk_to_numpy
        corners = signer.faces.ravel()
        self.around = sparse.csr_array((np.ones(corners.size, np.float32), (corners, np.repeat(np.arange(len(signer.faces)), 3))),
                                       shape=(len(signer.vertices), len(signer.faces)))
        self.mesh, cells = vtkPolyData(), vtkCellArray()
        rows = np.concatenate([np.full((len(signer.faces), 1), 3), signer.faces], 1).astype(np.int64)
        cells.SetCells(len(signer.faces), numpy_to_vtkIdTypeArray(rows.ravel(), deep=True))
        self.mesh.SetPolys(cells)
        flat = numpy_to_vtk(np.repeat(signer.region[:, None], 3, 1), deep=True)
        flat.SetName("region")
        self.mesh.GetCellData().SetScalars(flat)
        self.mapper, actor, self.renderer, self.window = vtkPolyDataMapper(), vtkActor(), vtkRenderer(), vtkRenderWindow()
        self.mapper.SetInputData(self.mesh)
        actor.SetMapper(self.mapper)
        actor.GetProperty().LightingOff()
        self.renderer.AddActor(actor)
        self.renderer.SetBackground(0, 0, 0)
        self.window.SetOffScreenRendering(True)
        self.window.SetMultiSamples(0)                   # a region's number must not be blended with its neighbour's
        self.window.SetSize(size, size)
        self.window.AddRenderer(self.renderer)
        camera, framing = self.renderer.GetActiveCamera(), Framing()
        camera.ParallelProjectionOn()
        camera.SetParallelScale(framing.width / 2)
        camera.SetFocalPoint(*framing.centre, 0)
        camera.SetPosition(*framing.centre, 2 * FAR)
        camera.SetClippingRange(FAR, 3 * FAR)
        self.pixels, self.depths = vtkUnsignedCharArray(), vtkFloatArray()

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3) outward normals of a posed mesh."""
        a, b, c = vertices[self.faces].transpose(1, 0, 2)
        found = self.around @ np.cross(b - a, c - a)
        result: np.ndarray = found / np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-12)
        return result

    def see(self, vertices: np.ndarray) -> Seen:
        """One frame of vertices (V, 3)."""
        from vtkmodules.vtkCommonCore import vtkPoints

        points = vtkPoints()
        points.SetData(self.to_vtk(np.ascontiguousarray(vertices, np.float32), deep=True))
        self.mesh.SetPoints(points)
        coded = self.to_vtk(np.round((self.normals(vertices) + 1) * 127.5).astype(np.uint8), deep=True)
        self.mesh.GetPointData().SetScalars(coded)
        self.mapper.SetScalarModeToUseCellData()
        region = self._picture()[..., 0].copy()
        self.window.GetZbufferData(0, 0, self.size - 1, self.size - 1, self.depths)
        depth = FAR - 2 * FAR * self.from_vtk(self.depths).reshape(self.size, self.size)[::-1]
        self.mapper.SetScalarModeToUsePointData()
        normal, body = np.zeros((self.size, self.size, 3), np.float32), region > 0
        found = self._picture()[body].astype(np.float32) / 127.5 - 1
        found *= np.sign(found[:, 2:] + 1e-6)             # the inside of a sleeve is lit from where it is seen
        normal[body] = found / np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-6)
        return Seen(region, normal, depth)

    def _picture(self) -> np.ndarray:
        self.window.Render()
        self.window.GetPixelData(0, 0, self.size - 1, self.size - 1, 0, self.pixels, 0)
        result: np.ndarray = self.from_vtk(self.pixels).reshape(self.size, self.size, 3)[::-1]
        return result
