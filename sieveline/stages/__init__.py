"""The stages of image-text: one file each, with its configuration, its measured columns and its decisions."""
