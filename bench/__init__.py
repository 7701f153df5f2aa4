"""What undertone costs beside the programs one would use instead: `make bench` measures, writes and draws it.

cases ──► method (A B A B, a fresh process a run) ──► results/*.json ──► page (README.md, speed.svg)
  └── ours: tasks and flows      └── worker
  └── theirs: peers, in an environment of their own
"""
