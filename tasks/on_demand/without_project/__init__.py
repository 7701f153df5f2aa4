"""Work on files in any folder, without a project: audits of two tables, features of media files."""
