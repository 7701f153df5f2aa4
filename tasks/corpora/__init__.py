"""Published corpora: readers of their native layouts, the shared labels, the doctor, and adding one to a project."""
