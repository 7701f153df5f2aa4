"""The listening page: people listen to segments and rate them, without seeing the lexicons' votes.

segments, captions, votes ──► candidates ──► queue ──► page ──► store (SQLite) ──► data/listeners/annotated.csv
                                                                   └──► rating_files: Label Studio's JSON and CSV
"""
