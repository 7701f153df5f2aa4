"""The other side of each case. Runs in the peers' environment, which has nothing of undertone's."""
