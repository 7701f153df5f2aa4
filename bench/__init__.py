"""Benchmarks of undertone against other programs: `make bench` measures, writes the page and draws the chart.

cases ──► runner (A B A B, a fresh process per run) ──► results/*.json ──► page (README.md, speed.svg)
  └── ours: tasks and flows      └── worker
  └── theirs: peers, in a separate environment
"""
