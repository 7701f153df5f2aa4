"""The other side of each case; runs in the peers' environment, without undertone's dependencies."""
