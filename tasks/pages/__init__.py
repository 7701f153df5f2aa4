"""The report's page: pure counting and wording, figures, and the template that brings them together."""
