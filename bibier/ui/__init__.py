"""The web interface: one file a tab. Services come in as arguments; no model is imported here."""
