"""What the property-based tests share: a profile that draws the same examples each time, texts, and poses with holes."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import load_body

settings.register_profile("students", deadline=None, derandomize=True, max_examples=40, database=None,
                          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
settings.load_profile("students")

SEEDS = st.integers(0, 2**32 - 1)
LETTERS = st.characters(exclude_categories=[])                       # every code point, halves of characters too
TEXTS = st.one_of(
    st.text(LETTERS, max_size=60),
    st.lists(st.sampled_from(["Where", "is", "the", "library", "?", ".", "Sam", "Dr.", "Mr.", "3.5", "don't", "O'Brien-Smith", "\n", "«", "…", "é",
                              "ﬁ", "I", "LOUD", "!", ",", "x" * 41, "e\u0301", "\u2028", "\u200f", "½", "٣"]), max_size=40).map(" ".join),
)
WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=12)


FRAMES, MISSING, RATES = st.integers(1, 12), st.sampled_from([0.0, 0.05, 0.5]), st.sampled_from([12.5, 24.0, 25.0, 29.97, 60.0])


@st.composite
def poses(draw, frames=FRAMES, missing=MISSING, fps=RATES):
    """A body that wanders from rest, some joints of some frames missing; the confidence anything above 0."""
    rng = np.random.default_rng(draw(SEEDS))
    xyz = load_body().rest() + rng.normal(0, 0.2, (draw(frames), len(SIGNER70), 3))
    confidence = np.where(rng.random(xyz.shape[:2]) < draw(missing), 0, rng.uniform(0.01, 1, xyz.shape[:2]))
    return PoseSequence(xyz, draw(fps), confidence)


def trees(leaves):
    """Lists and mappings of leaves, as JSON and YAML hold them."""
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12)
