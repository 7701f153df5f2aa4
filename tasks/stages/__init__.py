"""One module per pipeline stage, and nothing else; dvc.yaml states their order.

checkpoint@NAME ─► code ─► every other stage

crawl ─► transcribe ─► captions ─┬─► polarity ─┬─► labels ────────────────────────────────────► report
                                 │             └─► interviews ─► corpus@interviews ─► … ─► experiment@NAME
                                 └─► segments ─┬─────┘
                                               └─► audit

corpus@NAME ─► extract@NAME ─► inputs@NAME ─► experiment@NAME ─┬─► page@NAME
                                                               └─► leaderboard
"""
