"""Published corpora in their native layouts, one reader a file; `reading` says what a reader gives."""
