"""Small weights and lists our own runs make, each beside the script that makes it."""
