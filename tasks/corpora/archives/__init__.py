"""Archives of corpora: unpack untrusted .zip and .tar files completely, or refuse them in one line."""
