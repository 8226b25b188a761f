"""The one library of blocks that every network of the lab is built from."""
