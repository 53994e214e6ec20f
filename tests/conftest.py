"""Shared by all tests: no network, one thread a worker, the shipped models loaded once."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pipeline():
    from signer_lib.pipeline import StableSignerPipeline
    return StableSignerPipeline.from_pretrained(renderer="drawn")


@pytest.fixture(scope="session")
def slul(pipeline):
    return pipeline.slul


@pytest.fixture(scope="session")
def prior(pipeline):
    return pipeline.prior


@pytest.fixture(scope="session")
def body():
    from signer_lib.prior.body import load_body
    return load_body()


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """A cache that nobody else has filled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
