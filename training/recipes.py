"""Training recipes: functions that return one whole frozen config.

Marks beside the values: **[P]** the paper says so (GLM-4.5V and GLM-4.1V-Thinking, arXiv 2507.01006 v5), **[T]** the defaults of
`transformers` for the published checkpoint, **[?]** not published, so our own documented choice. Write your own function with
`dataclasses.replace(glm4_1v_9b(), ...)` and name it on the command line: `--recipe module:function`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """The architecture, as arguments of transformers' `Glm4vConfig` or `Glm4vMoeConfig`.

    `initial_weights` is a folder `from_pretrained` loads; None starts from random weights drawn with the recipe's seed.
    Token ids and the vocabulary size come from the tokenizer.
    """

    architecture: Literal["glm4v", "glm4v_moe"] = "glm4v"
    text: Mapping[str, Any]
    vision: Mapping[str, Any]
    initial_weights: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Samples to tokens. `tokenizer` is a local folder; None trains a byte-level BPE of `vocabulary` entries on the shards' own text."""

    tokenizer: str | None = None
    vocabulary: int = 4096
    training_texts: int = 20_000  # texts the trained tokenizer sees; taken from the first shards in order
    min_pixels: int = 112 * 112  # [P] counted over t * h * w with t = 2, as the image processor does
    max_pixels: int = 28 * 28 * 15_000  # [P] the same; 7,500 tokens for one still image
    video_fps: float = 2.0  # [P] frames a second
    max_video_seconds: int = 300  # [P] of a longer video, as many frames as these seconds give are taken evenly
    max_video_pixels: int = 28 * 28 * 2 * 30_000  # [P] over t * h * w: 30,000 tokens for one video
    split_lines: tuple[str, ...] = ("interleaved",)  # [?] lines cut into pieces when too long; the others are dropped
    control_lines: tuple[str, ...] = ("gui", "grounding", "instruct")  # lines whose text may hold box, think and role tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixture:
    """What is trained on, how often, and in which order.

    A component is one `line/source`. Patterns are `fnmatch` patterns over it; the first that matches counts.
    `weights` are shares of tokens; () lets every component last exactly its epochs (or, where those are endless, in proportion
    to its size). `epochs` None means without end. `original_share` is the share of recaptioned samples that are trained on
    their original caption instead, drawn by sample id and epoch; None takes every sample as it lies.
    """

    weights: tuple[tuple[str, float], ...] = ()  # [?]
    epochs: tuple[tuple[str, int | None], ...] = (("*", None),)  # [?]
    original_share: float | None = None  # [?] the paper merges originals and recaptions at a fixed, unpublished ratio
    shuffle_samples: int = 10_000  # shards are permuted, then shuffled together in windows of at least this many samples


@dataclass(frozen=True, kw_only=True, slots=True)
class Packing:
    """Packs and global batches. One window is planned at a time: `window_batches` global batches."""

    window_batches: int = 4
    group: int = 64  # packs of like cost kept together in a batch; at least the number of data-parallel ranks
    slack: float = 0.02  # share of a window's tokens read ahead, so that only full packs are emitted
    max_carry: int = 3  # windows a sample may wait for a pack that fits


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """Reading and decoding. `patches` is what workers send: "uint8" leaves normalising to the device, an eighth of the bytes; "float32" is
    normalised already, for a device that is slower than its workers.
    """

    workers: int = 4
    patches: Literal["uint8", "float32"] = "uint8"
    prefetch: int = 4  # packs ahead per worker
    max_corrupt_share: float = 0.01  # of samples, once `corrupt_grace` have been seen
    corrupt_grace: int = 100
    index_cache: str | None = None  # None: `training-index` in the cache


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimizer:
    """AdamW, linear warm-up, cosine decay. Nothing of it is published [?]."""

    peak_rate: float
    final_rate_share: float = 0.1
    warmup_steps: int = 2_000
    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = 1e-8
    weight_decay: float = 0.1  # on matrices; norms and biases have none
    clip_norm: float | None = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Experts:
    """Auxiliary-loss-free routing (DeepSeek-V3, arXiv 2412.19437, 2.1.2)."""

    bias_rate: float = 1e-3  # [P]
    balance_loss: float = 1e-4  # [P]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parallel:
    """Process layout; what is left of the world after `tensor * context * replicas` shards the parameters (FSDP2)."""

    replicas: int = 1  # > 1: hybrid sharding, parameters are sharded inside a replica only
    tensor: int = 1
    context: int = 1
    precision: Literal["bf16", "fp32"] = "bf16"
    activation_checkpointing: bool = True
    attention: Literal["auto", "blocks", "varlen"] = "auto"  # auto: varlen on CUDA, exact blocks elsewhere


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """Reporting, guards and checkpoints."""

    checkpoint_every: int = 1_000
    keep_checkpoints: int = 2
    log_every: int = 10
    spike_factor: float | None = 2.0  # a loss above this multiple of its running mean is reported with its samples
    spike_window: int = 100  # steps of the running mean
    peak_flops: float | None = None  # of one device at the training precision, for the model FLOP utilisation


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One stage of training, whole.

    `global_batch` counts packs of `sequence_length` tokens a step. The order of samples depends on `seed` and the shards alone.
    """

    name: str
    model: Model
    sequence_length: int
    global_batch: int
    steps: int
    optimizer: Optimizer
    tokens: Tokens = field(default_factory=Tokens)
    mixture: Mixture = field(default_factory=Mixture)
    packing: Packing = field(default_factory=Packing)
    loading: Loading = field(default_factory=Loading)
    experts: Experts = field(default_factory=Experts)
    parallel: Parallel = field(default_factory=Parallel)
    watch: Watch = field(default_factory=Watch)
    seed: int = 0


def tiny() -> Recipe:
    """A GLM-4.1V of about a million parameters that learns on a laptop's CPU in seconds: tests and the demo."""
    return Recipe(
        name="tiny",
        model=Model(
            text={
                "hidden_size": 96,
                "intermediate_size": 256,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "max_position_embeddings": 32_768,
                # sections must sum to head_dim * partial_rotary_factor / 2 = 24 * .5 / 2
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10_000.0,
                    "partial_rotary_factor": 0.5,
                    "mrope_section": [2, 2, 2],
                },
            },
            vision={
                "depth": 2,
                "hidden_size": 64,
                "num_heads": 4,
                "out_hidden_size": 96,
                "intermediate_size": 192,
                "image_size": 112,
            },
        ),
        sequence_length=1_024,
        global_batch=4,
        steps=40,
        tokens=Tokens(
            vocabulary=1_024,
            min_pixels=2 * 56 * 56,
            max_pixels=2 * 112 * 112,
            max_video_seconds=8,
            max_video_pixels=16 * 84 * 84,
        ),
        mixture=Mixture(shuffle_samples=2_000),
        packing=Packing(window_batches=16, group=4),
        loading=Loading(workers=1, prefetch=8),
        optimizer=Optimizer(peak_rate=3e-3, warmup_steps=5),
        parallel=Parallel(precision="fp32", activation_checkpointing=False),
        watch=Watch(checkpoint_every=20, log_every=1),
    )


def demo() -> Recipe:
    """`tiny` with packs of 2,048 tokens drawn one by one: the end of `make demo`, half a minute of CPU.

    One rank has nothing to balance, and steps of samples that are alike would make the loss jump; a document has up to 2,000 tokens.
    """
    base = tiny()
    packing = dataclasses.replace(base.packing, group=1)
    return dataclasses.replace(base, name="demo", sequence_length=2_048, global_batch=2, steps=36, packing=packing)


def tiny_moe() -> Recipe:
    """`tiny` with the decoder of GLM-4.5V: four experts of which two are asked, one shared."""
    base = tiny()
    text = {
        **base.model.text,
        "head_dim": 24,
        "moe_intermediate_size": 64,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_shared_experts": 1,
        "first_k_dense_replace": 1,
    }
    return dataclasses.replace(
        base, name="tiny_moe", model=Model(architecture="glm4v_moe", text=text, vision=base.model.vision)
    )


EVERYTHING_BUT_VIDEO = Mixture(epochs=(("video/*", 0), ("*", None)))  # [P] of the first stage; shares are not published

VISION = {  # [P] AIMv2-Huge shape; [T] the rest
    "depth": 24,
    "hidden_size": 1_536,
    "num_heads": 12,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "spatial_merge_size": 2,
    "image_size": 336,
    "out_hidden_size": 4_096,
    "intermediate_size": 13_696,
}


def glm4_1v_9b() -> Recipe:
    """Multimodal pre-training of GLM-4.1V-9B: 8,192 tokens, global batch 1,536, 120,000 steps, tensor parallel 2 [P]."""
    return Recipe(
        name="glm4_1v_9b",
        model=Model(
            text={
                "hidden_size": 4_096,
                "intermediate_size": 13_696,
                "num_hidden_layers": 40,
                "num_attention_heads": 32,
                "num_key_value_heads": 2,
                "max_position_embeddings": 65_536,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10_000.0,  # [T]
                    "partial_rotary_factor": 0.5,  # [T]
                    "mrope_section": [8, 12, 12],  # [T]
                },
            },
            vision=VISION,
        ),
        sequence_length=8_192,  # [P]
        global_batch=1_536,  # [P]
        steps=120_000,  # [P]
        mixture=EVERYTHING_BUT_VIDEO,
        optimizer=Optimizer(peak_rate=2e-5),  # [?]
        parallel=Parallel(tensor=2),  # [P]
        packing=Packing(window_batches=4, group=256),
        watch=Watch(peak_flops=989e12),  # H100 SXM, dense bf16, by its data sheet
    )


def glm4_1v_9b_long_context() -> Recipe:
    """The stage after `glm4_1v_9b`: 32,768 tokens, 10,000 steps, tensor parallel 2 and context parallel 4 [P].

    Set `model.initial_weights` to the export of the stage before.
    """
    return dataclasses.replace(
        glm4_1v_9b(),
        name="glm4_1v_9b_long_context",
        sequence_length=32_768,  # [P]
        steps=10_000,  # [P]
        mixture=Mixture(),  # [P] video as well, and what is longer than 8,192 tokens
        parallel=Parallel(tensor=2, context=4),  # [P]
        optimizer=Optimizer(peak_rate=1e-5, warmup_steps=200),  # [?]
    )


def glm4_5v_106b_moe() -> Recipe:
    """Multimodal pre-training of GLM-4.5V (106B, 12B active).

    The paper trains with expert parallel 8 and pipeline parallel 4 [P]; here the experts are sharded by FSDP2 instead, which needs
    more bandwidth and no other code.
    """
    return Recipe(
        name="glm4_5v_106b_moe",
        model=Model(
            architecture="glm4v_moe",
            text={
                "hidden_size": 4_096,
                "intermediate_size": 10_944,
                "num_hidden_layers": 46,
                "num_attention_heads": 96,
                "num_key_value_heads": 8,
                "head_dim": 128,
                "attention_bias": True,
                "n_routed_experts": 128,  # [P]
                "num_experts_per_tok": 8,  # [P]
                "n_shared_experts": 1,  # [P]
                "moe_intermediate_size": 1_408,
                "first_k_dense_replace": 1,
                "norm_topk_prob": True,
                "routed_scaling_factor": 1.0,
                "max_position_embeddings": 65_536,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10_000.0,  # [T]
                    "partial_rotary_factor": 0.5,  # [T]
                    "mrope_section": [8, 12, 12],  # [T]
                },
            },
            vision={**VISION, "intermediate_size": 10_944},  # [?] as the decoder's; transformers' default is the 9B's
        ),
        sequence_length=8_192,  # [P]
        global_batch=1_536,  # [P]
        steps=120_000,  # [P]
        mixture=EVERYTHING_BUT_VIDEO,
        optimizer=Optimizer(peak_rate=2e-5),  # [?]
        experts=Experts(bias_rate=1e-3, balance_loss=1e-4),  # [P]
        packing=Packing(window_batches=4, group=256),
        watch=Watch(peak_flops=989e12),
    )
