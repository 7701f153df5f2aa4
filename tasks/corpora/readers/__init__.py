"""Corpus readers, one module each; `reading` defines their types, `registry` lists them."""
