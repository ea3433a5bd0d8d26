"""The Annotate tab: soft labels, proposals of models, undo."""
