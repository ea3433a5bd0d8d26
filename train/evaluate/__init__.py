"""A checkpoint on a corpus; runs of several systems and seeds in one table."""
