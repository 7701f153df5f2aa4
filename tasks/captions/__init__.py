"""Parse caption files into utterances: decode, parse, unroll, clean, repair, align, split into sentences."""
