"""Export formats: each module of this package with `FORMATS` adds its formats to `undertone export`."""
