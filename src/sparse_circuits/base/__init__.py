"""What everything stands on: errors, files, machines, progress. Imports nothing of ours."""
