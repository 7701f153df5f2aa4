"""An interview site made on the spot: invented people, synthetic voices, captions, and a server to crawl.

sentences ──► interviews (who says what, and how) ──► voices ──► sound ──► captions
                                                                   └──────────┴──► site (HTTP on loopback)
"""
