"""The library's sentences by what they are about: key → (English, Russian)."""
