"""The Agreement tab: how far annotators agree."""
