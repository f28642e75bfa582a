"""What every line shares: sample and ledger schemas, shards, recipes, reports, errors, the command line."""
