"""Runs from end to end: resuming after SIGKILL, guards, the schedule, the command line, and learning captions by heart."""

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from training_data import caption_sample, read_metrics, write_demo, write_shard

from sieveline.errors import ConfigError
from training import cli, parallel, recipes
from training.checkpoints import all_of
from training.loop import rate, train
from training.watch import Diverged, Guards

HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def _leave():
    yield
    parallel.stop()


def quick(**changes) -> recipes.Recipe:
    base = recipes.tiny()
    recipe = dataclasses.replace(
        base,
        sequence_length=256,
        global_batch=2,
        tokens=dataclasses.replace(base.tokens, vocabulary=512, max_pixels=2 * 84 * 84),
        packing=dataclasses.replace(base.packing, group=2, window_batches=3),
        loading=dataclasses.replace(base.loading, workers=0),
        watch=dataclasses.replace(base.watch, checkpoint_every=4),
    )
    return dataclasses.replace(recipe, **changes)


def cached(recipe: recipes.Recipe, folder: Path) -> recipes.Recipe:
    return dataclasses.replace(recipe, loading=dataclasses.replace(recipe.loading, index_cache=str(folder)))


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    return write_demo(tmp_path_factory.mktemp("shards"), samples=90)


KEEP = ("step", "loss", "gradient_norm", "rate", "tokens", "learnt", "samples", "fill", "digest")


def curve(run: Path) -> list[tuple]:
    return [tuple(row[k] for k in KEEP) for row in read_metrics(run)]


def test_killed_at_any_moment_and_resumed_the_curve_is_bit_identical(shards, tmp_path):
    """SIGKILL twice at moments that fall where they may; the metrics equal those of a run left alone, to the last bit."""
    recipe = cached(quick(), tmp_path / "cache")
    torch.set_num_threads(1)
    train(shards, recipe, tmp_path / "alone", steps=30)
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from pathlib import Path; from test_training_loop import *\n"
        f"train({shards!r}, cached(quick(), Path({str(tmp_path / 'cache')!r})), Path({str(tmp_path / 'killed')!r}), steps=30, resume=True)"
    )
    env = os.environ | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"}
    metrics = tmp_path / "killed" / "metrics.jsonl"
    kills = 0
    for after in (5, 14, 1_000):
        process = subprocess.Popen([sys.executable, "-c", code], env=env, cwd=HERE.parent, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            if metrics.exists() and len(metrics.read_text().splitlines()) >= after:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        process.wait()
    assert kills == 2
    assert process.returncode == 0
    assert curve(tmp_path / "killed") == curve(tmp_path / "alone")
    ours, theirs = (path.read_bytes() for path in _weights(tmp_path))
    assert ours == theirs


def _weights(folder: Path) -> list[Path]:
    return [folder / run / "export" / "model.safetensors" for run in ("killed", "alone")]


def test_a_checkpoint_of_other_data_is_refused(shards, tmp_path):
    recipe = cached(quick(), tmp_path / "cache")
    train(shards, recipe, tmp_path / "run", steps=2)
    with pytest.raises(ConfigError, match="resume it, or name another"):
        train(shards, recipe, tmp_path / "run", steps=4)
    with pytest.raises(ConfigError, match="order cannot go on"):
        train(shards, dataclasses.replace(recipe, seed=1), tmp_path / "run", steps=4, resume=True)


def test_old_checkpoints_go_and_half_written_ones_are_ignored(shards, tmp_path):
    recipe = cached(
        quick(watch=dataclasses.replace(recipes.tiny().watch, checkpoint_every=1, keep_checkpoints=2)), tmp_path / "cache"
    )
    rows = []
    train(shards, recipe, tmp_path / "run", steps=4, progress=rows.append)
    folder = tmp_path / "run" / "checkpoints"
    assert [p.name for p in all_of(folder)] == ["step-00000003", "step-00000004"]
    assert [r["step"] for r in rows] == [1, 2, 3, 4]
    assert rows[-1] == read_metrics(tmp_path / "run")[-1]
    (folder / "step-00000009").mkdir()
    assert all_of(folder)[-1].name == "step-00000004"
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def test_the_run_ends_with_the_epochs(shards, tmp_path):
    recipe = cached(quick(mixture=dataclasses.replace(recipes.tiny().mixture, epochs=(("*", 1),))), tmp_path / "cache")
    result = train(shards, recipe, tmp_path / "run")
    assert result.steps < recipe.steps
    assert sum(r["samples"] for r in read_metrics(tmp_path / "run")) == 90


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_samples(shards, tmp_path):
    recipe = cached(quick(), tmp_path / "cache")
    recipe = dataclasses.replace(
        recipe, optimizer=dataclasses.replace(recipe.optimizer, peak_rate=1e30, warmup_steps=1, clip_norm=None)
    )
    with pytest.raises(Diverged, match=r"the batch held \d+ samples, 0000"):
        train(shards, recipe, tmp_path / "run", steps=6)
    (alarm,) = [json.loads(line) for line in (tmp_path / "run" / "guards.jsonl").read_text().splitlines()]
    assert alarm["alarm"] == "not_finite"
    assert len(alarm["samples"]) > 2


def test_a_spike_is_written_down_and_training_goes_on(tmp_path):
    guards = Guards(dataclasses.replace(recipes.tiny().watch, spike_factor=2.0, spike_window=10), tmp_path)
    for step in range(1, 12):
        assert guards.check({"step": step, "loss": 1.0, "gradient_norm": 1.0}, list, write=True) is None
    assert guards.check({"step": 12, "loss": 2.5, "gradient_norm": 1.0}, lambda: ["a", "b"], write=True) == "loss_spike"
    assert json.loads((tmp_path / "guards.jsonl").read_text())["samples"] == ["a", "b"]


def test_the_rate_warms_up_and_falls_as_a_cosine():
    recipe = dataclasses.replace(recipes.tiny(), steps=105)
    recipe = dataclasses.replace(recipe, optimizer=recipes.Optimizer(peak_rate=1.0, warmup_steps=5, final_rate_share=0.1))
    assert [rate(recipe, s) for s in (1, 5, 55, 105)] == pytest.approx([0.2, 1.0, 0.55, 0.1])


def test_recipes_hold_the_papers_values():
    nine, long, moe = recipes.glm4_1v_9b(), recipes.glm4_1v_9b_long_context(), recipes.glm4_5v_106b_moe()
    assert (nine.sequence_length, nine.global_batch, nine.steps, nine.parallel.tensor) == (8_192, 1_536, 120_000, 2)
    assert (long.sequence_length, long.global_batch, long.steps) == (32_768, 1_536, 10_000)
    assert (long.parallel.tensor, long.parallel.context) == (2, 4)
    assert (moe.sequence_length, moe.global_batch, moe.steps) == (8_192, 1_536, 120_000)
    assert (moe.experts.bias_rate, moe.experts.balance_loss) == (1e-3, 1e-4)
    for recipe in (nine, long, moe, recipes.tiny(), recipes.tiny_moe()):
        parallel.check(recipe)
    with pytest.raises(ConfigError, match="does not divide"):
        parallel.check(dataclasses.replace(nine, parallel=recipes.Parallel(tensor=4)))


def small_recipe() -> recipes.Recipe:
    """Named on the command line below."""
    return quick()


def test_the_command_line_trains_and_resumes(shards, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    run = str(tmp_path / "run")
    recipe = "test_training_loop:small_recipe"
    assert cli.run(parser.parse_args(["--shards", shards, "--recipe", recipe, "--steps", "2", "--output", run])) == 0
    assert cli.run(parser.parse_args(["--resume", run, "--steps", "3"])) == 0
    assert [r["step"] for r in read_metrics(tmp_path / "run")] == [1, 2, 3]
    assert "3 steps; skipped samples: none" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="MODULE:FUNCTION"):
        cli.load_recipe("training.recipes")
    with pytest.raises(ConfigError, match="nonesuch"):
        cli.load_recipe("training.recipes:nonesuch")
    with pytest.raises(ConfigError, match="--shards is missing"):
        cli.run(parser.parse_args([]))


@pytest.mark.parametrize("kind", ["tiny", "tiny_moe"])
def test_bf16_with_recomputation_starts_where_float32_does(kind, shards, tmp_path):
    losses = []
    for precision in ("fp32", "bf16"):
        layout = recipes.Parallel(precision=precision, activation_checkpointing=precision == "bf16")
        recipe = cached(quick(model=getattr(recipes, kind)().model, parallel=layout), tmp_path / "cache")
        losses.append(train(shards, recipe, tmp_path / precision, steps=1).metrics["loss"])
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)


@pytest.mark.parametrize("kind", ["tiny", "tiny_moe"])
def test_an_export_loads_and_gives_the_same_logits(kind, shards, tmp_path):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from training.loader import Loader
    from training.loop import Trainer
    from training.model import PackedModel

    recipe = cached(quick(model=getattr(recipes, kind)().model), tmp_path / "cache")
    trainer = Trainer(shards, recipe, tmp_path / "run", parallel.start(recipe.parallel))
    trainer.run(2)
    trainer.export(tmp_path / "export")
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path / "export", local_files_only=True).eval()
    assert type(loaded).__name__ == (
        "Glm4vMoeForConditionalGeneration" if kind == "tiny_moe" else "Glm4vForConditionalGeneration"
    )
    _, _, packs = next(iter(Loader(trainer.corpus, recipe, trainer.encoder, trainer.cost)))
    pack = next(packs)
    with torch.no_grad():
        want = float(trainer.model(pack))
        got = float(PackedModel(loaded, "blocks")(pack))
    trainer.close()
    assert got == pytest.approx(want, rel=1e-6)
    processor = AutoProcessor.from_pretrained(tmp_path / "export", local_files_only=True)
    message = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Hello"}]}]
    text = processor.apply_chat_template(message, tokenize=False)
    assert text == "[gMASK]<sop><|begin_of_image|><|image|><|end_of_image|>Hello"


def test_sixty_four_captions_are_learnt_by_heart_and_written_down(tmp_path):
    """Recaption-style: after some 180 epochs the loss is near zero, and the exported model writes the captions from the pictures."""
    from training.caption import captions

    made = [caption_sample(5, n) for n in range(64)]
    write_shard(tmp_path / "a.tar", made)
    base = cached(quick(), tmp_path / "cache")
    recipe = dataclasses.replace(
        base,
        steps=400,
        sequence_length=1_024,
        global_batch=1,
        packing=dataclasses.replace(base.packing, group=1, window_batches=2),
        optimizer=dataclasses.replace(
            base.optimizer, peak_rate=2.5e-3, weight_decay=0.0, warmup_steps=20, final_rate_share=0.01
        ),
        watch=dataclasses.replace(base.watch, checkpoint_every=400, log_every=50),
    )
    result = train(str(tmp_path / "a.tar"), recipe, tmp_path / "run")
    assert result.metrics["loss"] < 0.05
    pictures = []
    for sample, media in made:
        ((name, data),) = media.items()
        pictures.append(tmp_path / f"{sample['id']}{name}")
        pictures[-1].write_bytes(data)
    written = captions(tmp_path / "run" / "export", pictures, max_tokens=40)
    right = sum(w == sample["content"][1]["text"] for w, (sample, _) in zip(written, made, strict=True))
    assert right >= 60, written[:5]
