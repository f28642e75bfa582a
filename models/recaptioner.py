"""Trains the embedded recaptioner, `models/recaptioner.safetensors`, and measures every round: `python -m
models.recaptioner`.

Real pairs that are not in the demo's pool (split "heads" of `demo.sources`, clip art, manuals) are divided by picture
family:

- labelled (60 %): the source's own text, dirtied as the web does (`models.web_noise`), is read; the text itself is to
  be written;
- unlabelled (30 %): only dirty captions, no text to be written;
- held out (10 %): for the figures, dirtied by templates that training never sees.

Round 0 trains on the labelled pairs. In round k the model of round k-1 captions the unlabelled pictures (greedily and
by a sample each), the verifier selects with the default thresholds of the recaption stage, the accepted candidate
that gains most alignment becomes the picture's text, and training goes on over these and the labelled pairs. When a
round's held-out acceptance does not rise, it is thrown away and training ends. This is the iterative training the paper
names (arXiv 2507.01006, 3.1: "iteratively train a factual-centered recaptioning model"); how it selects is not
published.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from demo import sources
from models.web_noise import dirty
from recaption.embedded import load, or_rules, readable, recaption, save
from recaption.facts import FactFinder
from recaption.generator import Failure, FromRules, Request
from recaption.pointer_decoder import END, PAD, START, PointerConfig, PointerDecoder
from recaption.pointer_model import PointerModel
from recaption.verify import Verifier
from sieveline import draws
from sieveline.cache import cache_folder
from sieveline.fingerprint import fingerprint
from sieveline.stages.recaption import Recaption, decide

FOLDER = Path(__file__).parent
_ASIDE = 8  # batches cut together
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
    base_steps: int = 600
    round_steps: int = 100
    base_rate: float = 2e-3
    round_rate: float = 4e-4
    max_rounds: int = 6
    samples: int = 1
    temperature: float = 0.7
    max_unlabelled: int = 600
    max_held_out: int = 400


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture with one caption of its source."""

    name: str
    family: str
    language: str
    text: str
    embedding: np.ndarray


def main() -> None:
    from classifiers.embedded_clip import EmbeddedClip

    parser = argparse.ArgumentParser(description="Train the embedded recaptioner, or measure the committed one.")
    parser.add_argument(
        "--measure", action="store_true", help="train nothing: measure the committed weights, rules beside them, again"
    )
    measure_only = parser.parse_args().measure
    model = EmbeddedClip(FOLDER / "alignment_heads.safetensors", cache_folder())
    embed_images = partial(_embedded, model)
    if measure_only:
        measure_committed(TrainingConfig(), embed_images, model.embed_texts)
    else:
        train(TrainingConfig(), embed_images, model.embed_texts, model.weights_hash)


def measure_committed(
    config: TrainingConfig, embed_images: Callable[[list[Path]], np.ndarray], embed_texts: Callable[[Sequence[str]], np.ndarray]
) -> None:
    """Measures the committed weights as `train` measures a round and what is told beside it, and writes what is told anew."""
    finder = FactFinder()
    judge = Verifier(finder, embed_texts)
    held_out = _chosen(pairs(config, embed_images, ("held_out",))["held_out"], config.max_held_out, config.seed)
    asked = _requests(held_out, finder, config, "held_out")
    answers = recaption(*load(FOLDER / "recaptioner.safetensors"), asked, 32)
    told = _baselines(asked, judge, answers)
    path = FOLDER / "recaptioner.json"
    figures = json.loads(path.read_text("utf-8")) | {"baselines": told}
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _table([{"round": "kept round"} | _figures(asked, answers, judge), *told])


def _embedded(model: Any, paths: list[Path]) -> np.ndarray:
    """Embeddings of picture files, from the cache if they were made before."""
    key = fingerprint(model.weights_hash, [f"{p.name} {p.stat().st_size}" for p in paths])
    stored = cache_folder() / "recaptioner" / f"embeddings-{key}.npy"
    if not stored.exists():
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.save(stored, model.embed_images([p.read_bytes() for p in paths]))
    return np.load(stored)


PARTS = ("labelled", "unlabelled", "held_out")


def pairs(
    config: TrainingConfig, embed_images: Callable[[list[Path]], np.ndarray], wanted: Sequence[str] = PARTS
) -> dict[str, list[Pair]]:
    """Real pairs by part, the `wanted` ones. Every picture family lies in one part."""
    items = [(item, part) for item in sources.heads_items() if (part := _part(config, item.family)) in wanted]
    embedded = embed_images([item.path for item, _ in items])
    parts: dict[str, list[Pair]] = {part: [] for part in wanted}
    for (item, part), vector in zip(items, embedded, strict=True):
        if np.isnan(vector).any():
            continue  # the picture does not decode
        for language in LANGUAGES:
            if text := item.captions.get(language):
                parts[part].append(Pair(f"{item.source}/{item.item_id}/{language}", item.family, language, text, vector))
    return parts


def _part(config: TrainingConfig, family: str) -> str:
    if draws.uniform(1, "held out", family) < 0.1:  # the families the alignment heads have not seen either
        return "held_out"
    return "unlabelled" if draws.uniform(config.seed, "part", family) < 1 / 3 else "labelled"


def train(
    config: TrainingConfig,
    embed_images: Callable[[list[Path]], np.ndarray],
    embed_texts: Callable[[Sequence[str]], np.ndarray] | None,
    embedder: str,
) -> None:
    """Trains, measures and writes the weights and their figures.

    Args:
        config: how.
        embed_images: picture files -> float (n, d), unit rows, NaN for what does not decode; the alignment stage's model.
        embed_texts: captions -> float (n, d) in the same space; None judges without alignment.
        embedder: hash of that model's weights, kept with ours, which read no other embeddings.
    """
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
    trainer = Trainer(config, parts["labelled"], judge)
    print(f"{sum(p.numel() for p in trainer.model.parameters()):,} parameters")
    start = time.process_time()
    trainer.fit([], config.base_steps, config.base_rate, "round 0")
    rounds = [trainer.measured(0, held_out, 0, time.process_time() - start)]
    best = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    for number in range(1, config.max_rounds + 1):
        start = time.process_time()
        selected = trainer.select(unlabelled, _requests(unlabelled, finder, config, f"round {number}"), number)
        trainer.fit(selected, config.round_steps, config.round_rate, f"round {number}")
        rounds.append(trainer.measured(number, held_out, len(selected), time.process_time() - start))
        if rounds[-1]["acceptance"] <= rounds[-2]["acceptance"]:
            break
        best = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    kept = max(rounds, key=lambda r: (r["acceptance"], -r["round"]))["round"]
    trainer.model.load_state_dict(best)
    save(FOLDER / "recaptioner.safetensors", trainer.model, trainer.tokenizer, embedder)
    baselines = _baselines(held_out, judge, trainer.answers(held_out))
    shown = held_out[:16]
    figures = {
        "config": asdict(config),
        "pairs": {k: len(v) for k, v in parts.items()},
        "kept_round": kept,
        "rounds": rounds,
        "baselines": baselines,
        "examples": [[r.caption, str(a)] for r, a in zip(shown, trainer.answers(shown), strict=True)],
    }
    figures["embedder"] = embedder
    (FOLDER / "recaptioner.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _table([*rounds, *baselines])


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


class Trainer:
    """The network in training.

    Args:
        config: how.
        labelled: pairs to learn from in every round.
        judge: measures candidates.
    """

    def __init__(self, config: TrainingConfig, labelled: list[Pair], judge: Verifier):
        self.config, self.labelled, self.judge = config, labelled, judge
        self.tokenizer = _tokenizer(labelled, config)
        sizes = PointerConfig(vocabulary=self.tokenizer.get_vocab_size(), image_width=len(labelled[0].embedding))
        self.model = PointerModel(sizes)
        weights = np.array([1.0 if p.language == "en" else 0.7 if p.language == "es" else 0.2 for p in labelled])
        self._weights = weights / weights.sum()

    def fit(self, selected: list[tuple[Pair, str]], steps: int, rate: float, purpose: str) -> None:
        """`steps` of AdamW over dirty labelled pairs; half of them replaced by `selected` (pair, text) where there are any."""
        optimiser = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.98))
        warm_up = max(1, steps // 20)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda s: min(1, (s + 1) / warm_up) * 0.5 * (1 + np.cos(np.pi * min(1, s / steps)))
        )
        self.model.train()
        total, start = 0.0, time.process_time()
        batches: list[tuple[torch.Tensor, ...]] = []
        for step in range(steps):
            if not batches:
                batches = self._batches(selected, purpose, step)
            loss = self.model.loss(*batches.pop())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
            if (step + 1) % 50 == 0:
                print(f"{purpose} step {step + 1}: loss {total / 50:.3f}, {time.process_time() - start:.0f} CPU-s", flush=True)
                total = 0.0
        self.model.eval()

    def _batches(self, selected: list[tuple[Pair, str]], purpose: str, step: int) -> list[tuple[torch.Tensor, ...]]:
        """`_ASIDE` batches (embedding, source, target), drawn together and cut by length, so that little of them is padding."""
        size, limits = self.config.batch_size, self.model.config
        rng = draws.generator(self.config.seed, purpose, "batches", step)
        num_selected = size * _ASIDE // 2 if selected else 0
        drawn = rng.choice(len(self.labelled), size * _ASIDE - num_selected, p=self._weights)
        texts = [(self.labelled[i], self.labelled[i].text) for i in drawn]
        texts += [selected[i] for i in rng.integers(0, max(1, len(selected)), num_selected)]
        noisy = [readable(dirty(text, rng, held_out=False)) or "?" for _, text in texts]
        read = [[*e.ids[: limits.max_source - 1], END] for e in self.tokenizer.encode_batch(noisy)]
        write = [[START, *e.ids[: limits.max_target - 1], END] for e in self.tokenizer.encode_batch([t for _, t in texts])]
        order = sorted(range(len(texts)), key=lambda i: (len(read[i]) + len(write[i]), i))
        made = []
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            images = torch.from_numpy(np.stack([texts[i][0].embedding for i in rows]).astype(np.float32))
            made.append((images, _padded([read[i] for i in rows]), _padded([write[i] for i in rows])))
        return [made[i] for i in rng.permutation(_ASIDE)]

    def decoder(self) -> PointerDecoder:
        """The network as it is now."""
        return PointerDecoder(
            self.model.config, {name: w.detach().numpy().copy() for name, w in self.model.state_dict().items()}
        )

    def answers(self, requests: Sequence[Request]) -> list[str | Failure]:
        return recaption(self.decoder(), self.tokenizer, requests, 32)

    def select(self, some: list[Pair], requests: list[Request], number: int) -> list[tuple[Pair, str]]:
        """What passes the verifier: per picture the accepted candidate that gains most alignment, the shorter one of equals."""
        model, best = self.decoder(), dict[int, tuple[float, int, str]]()
        for sample in range(self.config.samples + 1):
            rng = draws.generator(self.config.seed, "samples", number, sample)
            heat = {"temperature": self.config.temperature, "rng": rng} if sample else {}
            answers = recaption(model, self.tokenizer, requests, 32, **heat)
            measured, accepted = _verdicts(requests, answers, self.judge)
            rows = measured.select(["candidate", "alignment_before", "alignment_after"]).to_pylist()
            for i in np.flatnonzero(accepted):
                candidate = rows[i]["candidate"]
                gain = round((rows[i]["alignment_after"] or 0) - (rows[i]["alignment_before"] or 0), 4)
                best[i] = max(best.get(i, (-2.0, 0, "")), (gain, -len(candidate), candidate))
        return [(some[i], best[i][2]) for i in sorted(best)]

    def measured(self, number: int, held_out: list[Request], num_selected: int, cpu: float) -> dict:
        """A round's figures on the held-out pictures."""
        start = time.process_time()
        answers = self.answers(held_out)
        decoding = (time.process_time() - start) / len(held_out)
        row = {"round": number, "selected": num_selected, "cpu_seconds": round(cpu), "decode_ms": round(decoding * 1000, 1)}
        row |= _figures(held_out, answers, self.judge)
        print(json.dumps(row), flush=True)
        return row


def _padded(rows: list[list[int]]) -> torch.Tensor:
    padded = torch.full((len(rows), max(map(len, rows))), PAD)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = torch.tensor(row)
    return padded


def _verdicts(requests: list[Request], answers: list[str | Failure], judge: Verifier) -> tuple[pa.RecordBatch, np.ndarray]:
    measured = judge.measure(requests, answers)
    reasons = decide(measured, Recaption()).column("reason")
    return measured, reasons.is_null().to_numpy()


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


def _baselines(held_out: list[Request], judge: Verifier, answers: list[str | Failure]) -> list[dict]:
    """What is told beside the rounds: the caption as it is; the caption without the noise that rules know, which is what the model reads;
    and what the line uses, `answers` of the kept round with those rules where the model loses a fact, the two also counted apart."""
    used = or_rules(answers, held_out)
    others: dict[str, list[str | Failure]] = {
        "as it is": [r.caption for r in held_out],
        "rules": [readable(r.caption) for r in held_out],
        "kept round or rules": used,
    }
    rows = [{"round": name} | _figures(held_out, texts, judge) for name, texts in others.items()]
    for name, by_rules in (("of these the model's", False), ("of these the rules'", True)):
        mine = [i for i, text in enumerate(used) if isinstance(text, FromRules) is by_rules]
        rows.append({"round": name} | _figures([held_out[i] for i in mine], [used[i] for i in mine], judge))
    return rows


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
