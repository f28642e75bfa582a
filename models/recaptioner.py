"""Trains the embedded recaptioner, `models/recaptioner.safetensors`, and measures every round: `python -m models.recaptioner`.

Real pairs that are not in the demo's pool (split "heads" of `demo.sources`, clip art, manuals) are divided by picture family:

- labelled (60 %): the source's own text, dirtied as the web does (`models.web_noise`), is read; the text itself is to be written;
- unlabelled (30 %): only dirty captions, no text to be written;
- held out (10 %): for the figures, dirtied by templates that training never sees.

Round 0 trains on the labelled pairs. In round k the model of round k-1 captions the unlabelled pictures (greedily and by two samples each), the
verifier selects with the default thresholds of the recaption stage, the accepted candidate that gains most alignment becomes the picture's text, and training
goes on over these and the labelled pairs. When a round's held-out acceptance does not rise, it is thrown away and training ends. This is the iterative
training the paper names (arXiv 2507.01006, 3.1: "iteratively train a factual-centered recaptioning model"); how it selects is not published.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from demo import heads_sources, sources
from models.web_noise import dirty
from recaption.embedded import readable, recaption, save
from recaption.facts import FactFinder
from recaption.generator import Failure, Request
from recaption.pointer_model import END, PAD, START, PointerConfig, PointerModel
from recaption.verify import Verifier
from sieveline import draws
from sieveline.stages.recaption import Recaption, decide

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "es", "de", "fr", "it", "pt")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How the weights were made.

    Attributes:
        seed: of every draw.
        vocabulary: tokens of the byte-level BPE.
        batch_size: pairs a step.
        base_steps: steps of round 0.
        round_steps: steps of each further round.
        base_rate, round_rate: peak learning rates (AdamW, linear warm-up over 5 %, cosine to 0).
        max_rounds: rounds after round 0, at most.
        samples: sampled candidates for each unlabelled picture besides the greedy one.
        temperature: of the samples.
        max_unlabelled: pictures captioned in a round.
        max_held_out: pictures measured.
    """

    seed: int = 20250701
    vocabulary: int = 4096
    batch_size: int = 64
    base_steps: int = 1500
    round_steps: int = 150
    base_rate: float = 2e-3
    round_rate: float = 4e-4
    max_rounds: int = 4
    samples: int = 2
    temperature: float = 0.7
    max_unlabelled: int = 1200
    max_held_out: int = 600


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture with one caption of its source."""

    name: str
    family: str
    language: str
    text: str
    embedding: np.ndarray


def main() -> None:
    from classifiers import recaptioner_encoder as encoder  # placeholder, see _encoder

    train(TrainingConfig(), *encoder.load())


def pairs(config: TrainingConfig, embed_images: Any) -> dict[str, list[Pair]]:
    """Real pairs by part: labelled, unlabelled, held_out. Every picture family lies in one part."""
    items = [i for i in sources.items() if i.split == "heads"]
    for read in heads_sources.HEADS_SOURCES.values():
        items += read()
    embedded = embed_images([i.path for i in items])
    parts: dict[str, list[Pair]] = {"labelled": [], "unlabelled": [], "held_out": []}
    for item, vector in zip(items, embedded, strict=True):
        draw = draws.uniform(config.seed, "part", item.family)
        part = "held_out" if draw < 0.1 else "unlabelled" if draw < 0.4 else "labelled"
        for language in LANGUAGES:
            if text := item.captions.get(language):
                parts[part].append(Pair(f"{item.source}/{item.item_id}/{language}", item.family, language, text, vector))
    return parts


def train(config: TrainingConfig, embed_images: Any, embed_texts: Any) -> None:
    """Trains, measures and writes the weights and their figures."""
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)  # the weights' start and dropout; data is drawn by name
    torch.use_deterministic_algorithms(True)
    start = time.process_time()
    parts = pairs(config, embed_images)
    print({k: len(v) for k, v in parts.items()}, f"read in {time.process_time() - start:.0f} CPU-s")
    finder = FactFinder()
    judge = Verifier(finder, embed_texts)
    unlabelled = _chosen(parts["unlabelled"], config.max_unlabelled, config.seed)
    held_out = _requests(_chosen(parts["held_out"], config.max_held_out, config.seed), finder, config, "held_out")
    start = time.process_time()
    tokenizer = _tokenizer(parts["labelled"], config)
    model = PointerModel(PointerConfig(vocabulary=tokenizer.get_vocab_size(), image_width=len(parts["labelled"][0].embedding)))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    _fit(model, tokenizer, parts["labelled"], [], config, config.base_steps, config.base_rate, "round 0")
    rounds = [_measured(0, model, tokenizer, held_out, judge, 0, time.process_time() - start)]
    best = {k: v.clone() for k, v in model.state_dict().items()}
    for number in range(1, config.max_rounds + 1):
        start = time.process_time()
        requests = _requests(unlabelled, finder, config, f"round {number}")
        selected = _select(model, tokenizer, unlabelled, requests, judge, config, number)
        _fit(model, tokenizer, parts["labelled"], selected, config, config.round_steps, config.round_rate, f"round {number}")
        rounds.append(_measured(number, model, tokenizer, held_out, judge, len(selected), time.process_time() - start))
        if rounds[-1]["acceptance"] <= max(r["acceptance"] for r in rounds[:-1]):
            break
        best = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(best)
    save(FOLDER / "recaptioner.safetensors", model, tokenizer)
    kept = max(rounds, key=lambda r: (r["acceptance"], -r["round"]))["round"]
    figures = {
        "config": asdict(config),
        "pairs": {k: len(v) for k, v in parts.items()},
        "kept_round": kept,
        "rounds": rounds,
        "baselines": _baselines(held_out, judge),
    }
    (FOLDER / "recaptioner.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _table([*rounds, *figures["baselines"]])


def _chosen(some: list[Pair], num: int, seed: int) -> list[Pair]:
    """English and Spanish pairs, one caption of a picture, `num` at most, by hash."""
    mine = [p for p in some if p.language in ("en", "es")]
    mine.sort(key=lambda p: (draws.uniform(seed, "choice", p.name), p.name))
    first: dict[str, Pair] = {}
    for pair in mine:
        first.setdefault(pair.name.rsplit("/", 1)[0], pair)
    return list(first.values())[:num]


def _requests(some: Sequence[Pair], finder: FactFinder, config: TrainingConfig, purpose: str) -> list[Request]:
    captions = [dirty(p.text, draws.generator(config.seed, purpose, p.name), held_out=purpose == "held_out") for p in some]
    facts = finder.find(captions, [p.language for p in some])
    return [
        Request(p.name, c, p.language, f, bytes, p.embedding.astype(np.float16))
        for p, c, f in zip(some, captions, facts, strict=True)
    ]


def _tokenizer(labelled: list[Pair], config: TrainingConfig) -> Any:
    """Byte-level BPE over the clean and the dirty captions of the labelled pairs."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocabulary,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    noisy = (dirty(p.text, draws.generator(config.seed, "bpe", p.name), held_out=False) for p in labelled)
    tokenizer.train_from_iterator([*(p.text for p in labelled), *map(readable, noisy)], trainer)
    assert [tokenizer.token_to_id(t) for t in ("<pad>", "<s>", "</s>")] == [PAD, START, END]
    return tokenizer


def _fit(
    model: PointerModel,
    tokenizer: Any,
    labelled: list[Pair],
    selected: list[tuple[Pair, str]],
    config: TrainingConfig,
    steps: int,
    rate: float,
    purpose: str,
) -> None:
    """`steps` of AdamW over dirty labelled pairs, half of each batch replaced by `selected` (pair, text) where there are any."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.98))
    warm_up = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1, (s + 1) / warm_up) * 0.5 * (1 + np.cos(np.pi * min(1, s / steps)))
    )
    weights = np.array([1.0 if p.language == "en" else 0.7 if p.language == "es" else 0.2 for p in labelled])
    weights /= weights.sum()
    model.train()
    total, start = 0.0, time.process_time()
    for step in range(steps):
        rng = draws.generator(config.seed, purpose, "batch", step)
        num_selected = config.batch_size // 2 if selected else 0
        texts = [
            (labelled[i], labelled[i].text) for i in rng.choice(len(labelled), config.batch_size - num_selected, p=weights)
        ]
        texts += [selected[i] for i in rng.integers(0, max(1, len(selected)), num_selected)]
        noisy = [dirty(text, rng, held_out=False) for _, text in texts]
        sources_ = _padded(
            [e.ids[: model.config.max_source] for e in tokenizer.encode_batch([readable(n) or "?" for n in noisy])]
        )
        ends = [[START, *e.ids[: model.config.max_target - 1], END] for e in tokenizer.encode_batch([t for _, t in texts])]
        images = torch.from_numpy(np.stack([p.embedding for p, _ in texts]).astype(np.float32))
        loss = model.loss(images, sources_, _padded(ends))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if (step + 1) % 100 == 0:
            print(f"{purpose} step {step + 1}: loss {total / 100:.3f}, {time.process_time() - start:.0f} CPU-s", flush=True)
            total = 0.0
    model.eval()


def _padded(rows: list[list[int]]) -> torch.Tensor:
    padded = torch.full((len(rows), max(map(len, rows))), PAD)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = torch.tensor(row)
    return padded


def _select(
    model: PointerModel,
    tokenizer: Any,
    some: list[Pair],
    requests: list[Request],
    judge: Verifier,
    config: TrainingConfig,
    number: int,
) -> list[tuple[Pair, str]]:
    """What passes the verifier: per picture the accepted candidate that gains most alignment."""
    best: dict[int, tuple[float, str]] = {}
    for sample in range(config.samples + 1):
        rng = torch.Generator().manual_seed(int(draws.uniform(config.seed, "samples", number, sample) * 2**53))
        heat = {"temperature": config.temperature, "generator": rng} if sample else {}
        measured, accepted = _verdicts(requests, recaption(model, tokenizer, requests, 32, **heat), judge)
        for i in np.flatnonzero(accepted):
            row = {c: measured.column(c)[int(i)].as_py() for c in ("candidate", "alignment_before", "alignment_after")}
            gain = (row["alignment_after"] or 0) - (row["alignment_before"] or 0)
            best[i] = max(best.get(i, (-2.0, "")), (gain, row["candidate"]))
    return [(some[i], best[i][1]) for i in sorted(best)]


def _verdicts(requests: list[Request], answers: list[str | Failure], judge: Verifier) -> tuple[pa.RecordBatch, np.ndarray]:
    measured = judge.measure(requests, answers)
    return measured, decide(measured, Recaption()).column("reason").is_null().to_numpy()


def _measured(
    number: int | str,
    model: PointerModel,
    tokenizer: Any,
    held_out: list[Request],
    judge: Verifier,
    num_selected: int,
    cpu: float,
) -> dict:
    start = time.process_time()
    answers = recaption(model, tokenizer, held_out, 32)
    decoding = (time.process_time() - start) / len(held_out)
    row = {"round": number, "selected": num_selected, "cpu_seconds": round(cpu), "decode_ms": round(decoding * 1000, 1)}
    row |= _figures(held_out, answers, judge)
    print(json.dumps(row), flush=True)
    return row


def _figures(requests: list[Request], answers: list[str | Failure], judge: Verifier) -> dict:
    """Shares and means over all requests, a failed one counted as not accepted."""
    measured, accepted = _verdicts(requests, answers, judge)
    made = measured.filter(measured.column("candidate").is_valid())
    reasons = [r for r in decide(measured, Recaption()).column("reason").to_pylist() if r]
    gain = made.column("alignment_after").to_numpy(zero_copy_only=False) - made.column("alignment_before").to_numpy(
        zero_copy_only=False
    )
    kept = accepted[measured.column("candidate").is_valid().to_numpy(zero_copy_only=False)]
    return {
        "num": len(requests),
        "fact_recall": round(float(np.mean(made.column("fact_recall"))), 4),
        "unsupported_rate": round(float(np.mean(made.column("num_unsupported").to_numpy() > 0)), 4),
        "acceptance": round(float(accepted.mean()), 4),
        "gain_all": round(float(np.mean(gain)), 4),
        "gain_accepted": round(float(np.mean(gain[kept])), 4) if kept.any() else None,
        "new_words_accepted": round(float(np.mean(made.column("num_new_words").to_numpy()[kept])), 2) if kept.any() else None,
        "reasons": {r: round(reasons.count(r) / len(requests), 4) for r in sorted(set(reasons))},
    }


def _baselines(held_out: list[Request], judge: Verifier) -> list[dict]:
    """What two rules without a model reach: the caption as it is, and the caption with entities and mojibake decoded."""
    rules = {"as it is": [r.caption for r in held_out], "decoded": [readable(r.caption) for r in held_out]}
    return [{"round": name} | _figures(held_out, texts, judge) for name, texts in rules.items()]


def _table(rows: list[dict]) -> None:
    names = (
        "round",
        "selected",
        "fact_recall",
        "unsupported_rate",
        "acceptance",
        "gain_all",
        "gain_accepted",
        "new_words_accepted",
        "cpu_seconds",
    )
    print(" | ".join(names))
    for row in rows:
        print(" | ".join(str(row.get(n, "")) for n in names))


if __name__ == "__main__":
    main()
