"""Source shards in, training shards out: WebDataset tars and Parquet."""
