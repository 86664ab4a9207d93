"""Images: what a run's container is made of, fetched by hash, assembled without a network, named by digest."""
