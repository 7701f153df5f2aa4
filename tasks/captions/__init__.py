"""From a caption file's bytes to what was said and when: decoding, parsing, unrolling, cleaning, repairing."""
