"""Example clips and the script that makes them."""
