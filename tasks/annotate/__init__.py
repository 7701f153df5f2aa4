"""The listening page: people hear segments and say what they hear, blind to what the lexicons made of the words.

segments, captions, votes ──► candidates ──► queue ──► page ──► store (SQLite) ──► data/listeners/annotated.csv
                                                                   └──► exchange: Label Studio's JSON, CSV, and back
"""
