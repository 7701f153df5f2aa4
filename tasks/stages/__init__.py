"""One module per pipeline stage, and nothing else; dvc.yaml states their order.

checkpoint@NAME ─► code ─► every other stage

crawl ─► captions ─┬─► polarity ─────────────────┬─► train ─► evaluate ─┬─► report
                   ├─► segments ─┬─► acoustic ───┤                      │
                   │             ├─► audit ──────┘                      │
                   │             └─► interviews (with polarity) ─► corpus@interviews
                   └──── polarity ─► labels ────────────────────────────┘

corpus@NAME ─► extract@NAME ─► inputs@NAME ─► experiment@NAME ─┬─► page@NAME
                                                               └─► leaderboard
"""
