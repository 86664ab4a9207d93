"""Images: what a run's container is made of, fetched by hash, assembled without a network, named by digest.

Callers take `matrix.cell`, `build.build` and `build.verify`; this module stays empty so that the command line starts
without loading an engine's client.
"""
