"""The Analyse tab: one clip, typed words, or a long recording."""
