"""The tokenizer: a local folder, or a byte-level BPE trained on the shards' own text and cached.

The special tokens are those of GLM-4.1V. Text of a sample cannot smuggle one in: `Encoder` (samples.py) encodes text with special
tokens switched off and lets box, think and role tokens through only for the lines the recipe names.
"""

import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec

from sieveline.errors import ConfigError
from sieveline.fingerprint import fingerprint
from training.recipes import Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END = "<|endoftext|>"
MASK, START = "[gMASK]", "<sop>"
IMAGE_START, IMAGE, IMAGE_END = "<|begin_of_image|>", "<|image|>", "<|end_of_image|>"
VIDEO_START, VIDEO, VIDEO_END = "<|begin_of_video|>", "<|video|>", "<|end_of_video|>"
CONTROL = (
    "<|begin_of_box|>", "<|end_of_box|>", "<think>", "</think>", "<answer>", "</answer>", "/nothink",
    "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>",
)  # fmt: skip
SPECIAL = (END, MASK, START, IMAGE_START, IMAGE, IMAGE_END, VIDEO_START, VIDEO, VIDEO_END, *CONTROL)


def load(folder: str | Path) -> "PreTrainedTokenizerFast":
    """The tokenizer of a local folder.

    Raises:
        ConfigError: the folder is not there, or the tokenizer lacks a special token of GLM-4.1V.
    """
    from transformers import AutoTokenizer

    if not Path(folder).is_dir():
        raise ConfigError(f"tokenizer folder {folder} does not exist")
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    vocabulary = tokenizer.get_vocab()
    missing = [t for t in SPECIAL[:9] if t not in vocabulary]
    if missing:
        raise ConfigError(f"tokenizer {folder} lacks {' '.join(missing)}: it is none of GLM-4.1V's family")
    return tokenizer


def train(texts: Iterator[str], vocabulary: int) -> "PreTrainedTokenizerFast":
    """A byte-level BPE of at most `vocabulary` entries over `texts`, with GLM-4.1V's special tokens at the end of it.

    The same texts in the same order give the same tokenizer. Every byte is in the vocabulary, so nothing is ever unknown.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        special_tokens=[],
    )
    core.train_from_iterator(texts, trainer)
    core.add_special_tokens(list(SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token=END, pad_token=END, clean_up_tokenization_spaces=False, model_max_length=1 << 20
    )


def shard_texts(shards: Sequence[str]) -> Iterator[str]:
    """Every text part of every sample, shard by shard; unreadable samples are passed over, the index will name them."""
    for url in shards:
        with fsspec.open(url, "rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:  # type: ignore[arg-type]
            try:
                for member in tar:
                    if member.isfile() and member.name.endswith(".json"):
                        yield from _texts(tar.extractfile(member).read())  # type: ignore[union-attr]
            except (tarfile.TarError, EOFError, OSError):
                continue


def _texts(document: bytes) -> list[str]:
    try:
        return [part["text"] for part in json.loads(document)["content"] if part["type"] == "text"]
    except (ValueError, KeyError, TypeError):
        return []


def prepare(config: Tokens, shards: Sequence[str], cache: Path) -> Path:
    """The folder of the recipe's tokenizer, training and caching it under `cache` where the recipe names none."""
    if config.tokenizer is not None:
        load(config.tokenizer)
        return Path(config.tokenizer)
    from itertools import islice

    sizes = [fsspec.core.url_to_fs(u)[0].info(fsspec.core.url_to_fs(u)[1])["size"] for u in shards[:64]]
    folder = cache / fingerprint("bpe-1", list(shards[:64]), sizes, config.vocabulary, config.training_texts)
    if not (folder / "tokenizer.json").exists():
        tokenizer = train(islice(shard_texts(shards), config.training_texts), config.vocabulary)
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        tokenizer.save_pretrained(part)
        try:
            part.rename(folder)
        except OSError:  # another process was first, with the same bytes
            if not (folder / "tokenizer.json").exists():
                raise
    return folder
