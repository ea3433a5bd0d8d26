"""The commands of python -m bibier, a file each: `add` describes one, and what it does stands below."""
