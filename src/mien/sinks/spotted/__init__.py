"""What `mien spot` writes: the table of events, a strip of evidence for each, a report."""
