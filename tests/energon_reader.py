"""Run by energon's own Python, not ours: reads a prepared dataset to its end and prints what it saw as JSON.

python energon_reader.py DATASET
"""

import hashlib
import json
import sys

from megatron.energon import (
    Cooker,
    DefaultTaskEncoder,
    WorkerConfig,
    basic_sample_keys,
    get_loader,
    get_train_dataset,
    stateless,
)


@stateless
def cook(sample):
    members = {k: sample[k] for k in sample if not k.startswith("__")}
    return {**basic_sample_keys(sample), "members": members}


class Raw(DefaultTaskEncoder):
    decoder = None
    cookers = [Cooker(cook)]  # noqa: RUF012 - energon's own idiom


dataset = get_train_dataset(
    sys.argv[1],
    batch_size=None,
    shuffle_buffer_size=None,
    max_samples_per_sequence=None,
    task_encoder=Raw(),
    worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0),
    repeat=False,
)
seen = {
    sample["__key__"]: {name: hashlib.sha256(data).hexdigest() for name, data in sample["members"].items()}
    for sample in get_loader(dataset)
}
print(json.dumps(seen))
