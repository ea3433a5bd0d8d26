"""What leaves the Analyse tab: exports, and tables of several recordings."""
