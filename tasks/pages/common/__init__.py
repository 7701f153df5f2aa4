"""Templates, charts and wording that several pages share."""
