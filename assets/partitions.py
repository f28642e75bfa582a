"""Partitions: one per slice, registered when its shards are seen."""

import dagster as dg

slices = dg.DynamicPartitionsDefinition(name="image_text_slices")
