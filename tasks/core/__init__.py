"""Infrastructure that every stage uses: settings, errors, paths, tables, caching, workers and locks."""
