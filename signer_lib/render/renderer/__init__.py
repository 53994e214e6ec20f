"""The diffusion renderer: poses to video of a signer by latent diffusion, from diffusers' parts.

Nothing is imported here, so that the drawn signer starts without diffusers: import ``pipeline``, ``building`` or ``training``.
"""
