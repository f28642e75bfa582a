"""The model over packs: samples cannot see each other, attention ways agree, experts balance."""

import dataclasses

import pytest
import torch
from training_data import caption_sample, interleaved_sample, write_shard

from training import index, recipes, tokenizer
from training.attention import choose
from training.balance import Cost
from training.flops import active_parameters, cost
from training.loader import Decoder, Loader
from training.mixture import Corpus
from training.model import PackedModel, build
from training.moe import Routers
from training.samples import Encoder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    made = [caption_sample(4, n, repeat=1 + n % 3) for n in range(8)] + [interleaved_sample(4, 50, words=4)]
    shards = [str(write_shard(folder / "a.tar", made))]
    config = dataclasses.replace(recipes.tiny().tokens, vocabulary=600)
    encoder = Encoder(str(tokenizer.prepare(config, shards, folder / "tok")), config, 768)
    corpus = Corpus(shards, index.build(shards, encoder, folder / "index"))
    recipe = dataclasses.replace(recipes.tiny(), sequence_length=768, global_batch=1, tokens=config)
    recipe = dataclasses.replace(
        recipe,
        mixture=dataclasses.replace(recipe.mixture, epochs=(("*", 1),)),
        loading=dataclasses.replace(recipe.loading, workers=0),
    )
    batch, _, packs = next(iter(Loader(corpus, recipe, encoder, Cost())))
    return corpus, encoder, recipe, batch.packs[0], next(packs)


@pytest.mark.parametrize("kind", ["tiny", "tiny_moe"])
def test_packed_logits_equal_separate_ones(data, kind):
    """Each sample of a pack gets the logits it gets alone, by transformers' own forward pass without any packing."""
    corpus, encoder, recipe, plan, pack = data
    recipe = dataclasses.replace(recipe, model=getattr(recipes, kind)().model)
    model = PackedModel(build(recipe, encoder.tokenizer), "blocks").eval()
    assert len(plan) >= 4
    with torch.no_grad():
        packed = model.logits(pack)
        decoder = Decoder(corpus, encoder, pad=0)
        model.model.set_attn_implementation("sdpa")
        for ref, first, last in zip(plan, pack.boundaries, pack.boundaries[1:], strict=False):
            alone = decoder[(ref,)]
            ids = alone.ids[None, : alone.tokens]
            kinds = (ids == model.model.config.image_token_id).int()
            separate = model.model(
                input_ids=ids, pixel_values=model._normalise(alone.patches), image_grid_thw=alone.grids, mm_token_type_ids=kinds
            ).logits[0]
            torch.testing.assert_close(packed[first:last], separate, rtol=0, atol=2e-5)


def test_a_sample_does_not_feel_its_neighbours_change(data):
    _, encoder, recipe, _, pack = data
    model = PackedModel(build(recipe, encoder.tokenizer), "blocks").eval()
    first = int(pack.boundaries[1])
    other = pack.ids.clone()
    other[first + 2 : first + 3] = 7
    with torch.no_grad():
        before, after = model.logits(pack), model.logits(dataclasses.replace(pack, ids=other))
    assert torch.equal(before[:first], after[:first])
    assert not torch.equal(before[first : int(pack.boundaries[2])], after[first : int(pack.boundaries[2])])


def gradients(model: PackedModel, pack) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    loss = model(pack)
    loss.backward()
    return float(loss.detach()), {n: p.grad.clone() for n, p in model.named_parameters()}


def test_blocks_equal_the_dense_mask_in_loss_and_gradients(data):
    _, encoder, recipe, _, pack = data
    inner = build(recipe, encoder.tokenizer)
    want_loss, want = gradients(PackedModel(inner, "sdpa"), pack)
    loss, grads = gradients(PackedModel(inner, "blocks"), pack)
    assert loss == pytest.approx(want_loss, rel=1e-6)
    for name, grad in want.items():
        torch.testing.assert_close(grads[name], grad, rtol=1e-3, atol=1e-4 * float(grad.abs().max()) + 1e-6, msg=name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_varlen_on_the_gpu_equals_blocks_to_bf16(data):
    from training.loop import to_device

    _, encoder, recipe, _, pack = data
    # the flash kernel wants head dimensions that are multiples of 8: 24 in the tiny decoder, 16 in its vision tower
    inner = build(recipe, encoder.tokenizer).to("cuda", torch.bfloat16)
    pack = to_device(pack, torch.device("cuda"))
    with torch.no_grad():
        blocks = PackedModel(inner, "blocks").to("cuda").logits(pack).float()
        varlen = PackedModel(inner, "varlen").to("cuda").logits(pack).float()
    torch.testing.assert_close(varlen, blocks, rtol=0, atol=0.05)


def test_the_attention_switch_says_what_is_wrong():
    from sieveline.errors import ConfigError

    assert (choose("auto", "cpu"), choose("auto", "cuda")) == ("blocks", "varlen")
    with pytest.raises(ConfigError, match="needs CUDA"):
        choose("varlen", "cpu")
    with pytest.raises(ConfigError, match="must be auto"):
        choose("dense", "cpu")


def test_every_parameter_has_a_gradient_without_any_image(data):
    """A rank whose pack has no picture must still take part in the vision tower's collectives."""
    _, encoder, recipe, _, pack = data
    model = PackedModel(build(recipe, encoder.tokenizer), "blocks")
    blind = dataclasses.replace(
        pack,
        ids=torch.where(pack.ids == model.model.config.image_token_id, 5, pack.ids),
        patches=pack.patches[:0],
        grids=pack.grids[:0],
    )
    _, grads = gradients(model, blind)
    assert all(float(g.abs().sum()) == 0 for n, g in grads.items() if ".visual." in n)
    assert float(grads["model.lm_head.weight"].abs().sum()) > 0


def test_flops_are_those_of_the_shape(data):
    """The 9B's 9 billion decoder parameters are found on the meta device, and a long sample costs more than two halves."""
    recipe = recipes.glm4_1v_9b()
    decoder, vision = active_parameters(recipe, 151_552)
    assert 8.5e9 < decoder < 9.5e9
    assert 0.7e9 < vision < 1.0e9
    moe = recipes.glm4_5v_106b_moe()
    active, _ = active_parameters(moe, 151_552)
    assert 11e9 < active < 13.5e9
    price = cost(recipe, (decoder, vision))
    assert price.square == 6 * 40 * 4096
    assert price.token == 6 * decoder


def test_expert_biases_move_against_the_load(data):
    _, encoder, recipe, _, pack = data
    moe = dataclasses.replace(recipe, model=recipes.tiny_moe().model)
    model = PackedModel(build(moe, encoder.tokenizer), "blocks")
    routers = Routers(model, moe.experts)
    (router,) = routers.routers
    segments = torch.zeros(len(pack.ids), dtype=torch.long)
    segments[pack.tokens :] = -1
    with routers.watching(segments) as losses:
        model(pack)
    loads = routers.loads[0].clone()
    assert int(loads.sum()) == 2 * pack.tokens
    n = pack.tokens
    balanced = float(routers.loss(losses).detach()) / n / moe.experts.balance_loss
    assert 1.0 <= balanced < 2.0  # 1 where every expert has the same share of tokens and of scores
    worst = routers.update()
    assert worst == [float(loads.max() / loads.mean())]
    want = 1e-3 * torch.sign(loads.mean() - loads)
    assert torch.allclose(router.e_score_correction_bias.double(), want.double())
    assert not routers.loads[0].any()


def test_biases_even_the_load_out(data):
    """After a few hundred updates on the same pack, without any gradient, the fullest expert has no more than 1.1 times the mean."""
    _, encoder, recipe, _, _ = data
    moe = dataclasses.replace(
        recipe, model=recipes.tiny_moe().model, experts=dataclasses.replace(recipe.experts, bias_rate=2e-3)
    )
    model = PackedModel(build(moe, encoder.tokenizer), "blocks")
    routers = Routers(model, moe.experts)
    (router,) = routers.routers
    hidden = torch.randn(2_000, moe.model.text["hidden_size"], generator=torch.Generator().manual_seed(0)) + 0.5
    segments = torch.zeros(2_000, dtype=torch.long)
    worst = []
    with torch.no_grad():
        for _ in range(300):
            with routers.watching(segments):
                router(hidden)
            worst += routers.update()
    assert worst[0] > 1.3
    assert max(worst[-20:]) < 1.1
