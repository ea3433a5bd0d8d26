"""Speech judged while it is spoken, for the page and for programs."""
