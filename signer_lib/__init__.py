"""The library behind the Stable Signer companion's notebooks: language -> prior -> experts -> render, composed in ``pipeline``."""

__version__ = "0.1.0"
