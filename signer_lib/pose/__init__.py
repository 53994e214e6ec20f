"""Poses: the contract that every stage shares, the skeleton, and the bridge to file formats."""

from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70, Skeleton

__all__ = ["SIGNER70", "PoseSequence", "Skeleton"]
