"""A real, tiny, untrained LLaVA saved to a folder: what is tested is the way from a request to an answer, not the answer."""

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from recaption.facts import Facts
from recaption.generator import Failure, Request
from recaption.prompts import Prompt
from recaption.transformers_vlm import TransformersGenerator, VlmConfig, folder_hash
from sieveline.errors import ConfigError

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PROMPT = Prompt(name="test", version=1, system="Be brief.", user="Rewrite {caption} in {language} with {facts}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer model over a byte-level tokenizer trained here."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    folder = tmp_path_factory.mktemp("models") / "tiny-llava"
    special = ["<pad>", "<s>", "</s>", "<image>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["a red dog on a green mat", "rewrite the caption in english with facts"] * 20, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    text = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_id=3, vision_feature_layer=-1)
    model = LlavaForConditionalGeneration(config)
    with (
        torch.no_grad()
    ):  # larger weights: an untrained head is all but indifferent, and its answers would be the same for every image
        for parameter in model.parameters():
            parameter.mul_(4)
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    image = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    LlavaProcessor(
        image,
        fast,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder


def request(caption: str, colour: tuple[int, int, int] = (200, 30, 30), image: bytes | None = None) -> Request:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(buffer, "PNG")
    data = buffer.getvalue() if image is None else image
    return Request(caption, caption, "en", Facts(caption, (), ()), lambda: data)


def generator(folder: Path, **changes: object) -> TransformersGenerator:
    """Stops early: an untrained model seldom ends by itself, so the end token is what it says most often."""
    return TransformersGenerator(VlmConfig(folder=folder, prompt=PROMPT, device="cpu", **{"max_new_tokens": 12, **changes}))


def with_end(folder: Path, tmp_path: Path, end: int) -> Path:
    """The same model, which ends at token `end`."""
    copy = tmp_path / "ends"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    settings = json.loads((copy / "generation_config.json").read_text())
    (copy / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": [2, end]}))
    return copy


def test_an_answer_that_does_not_end_is_a_failure(folder: Path) -> None:
    [answer] = generator(folder).generate([request("a dog")])
    assert isinstance(answer, Failure)
    assert answer.kind == "length"


def tokens(folder: Path, asked: Request) -> list[int]:
    """What the model says, by plain transformers calls."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    text = f"<|system|>Be brief.<|user|><image>Rewrite {asked.caption} in en with - (none)<|assistant|>"
    inputs = processor(text=text, images=Image.open(io.BytesIO(asked.image())), return_tensors="pt")
    output = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    return output[0, inputs["input_ids"].shape[1] :].tolist()


def test_it_says_what_plain_transformers_says(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    asked = request("a dog")
    said = tokens(folder, asked)
    end = said[-1]
    ending = with_end(folder, tmp_path, end)
    expected = AutoTokenizer.from_pretrained(folder).decode(said[: said.index(end) + 1], skip_special_tokens=True)
    [answer] = generator(ending).generate([asked])
    assert answer == " ".join(expected.split())


def test_alone_and_in_a_batch_alike(folder: Path, tmp_path: Path) -> None:
    requests = [request("a dog"), request("a much longer caption of a cat on a mat", (0, 90, 200)), request("x", (9, 200, 9))]
    ending = with_end(folder, tmp_path, tokens(folder, requests[0])[-1])
    one, many = generator(ending, batch_size=1, max_new_tokens=40), generator(ending, batch_size=8, max_new_tokens=40)
    assert many.generate(requests) == one.generate(requests)
    assert many.generate([]) == []


def test_a_bad_image_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    ending = with_end(folder, tmp_path, tokens(folder, request("a dog"))[-1])
    made = generator(ending, batch_size=2, max_new_tokens=40)
    bad = request("broken", image=b"\xff\xd8 no image")
    answers = made.generate([bad, request("a dog"), bad, request("a dog"), bad])
    assert [isinstance(a, Failure) and a.kind == "image" for a in answers] == [True, False, True, False, True]
    assert answers[1] == answers[3]


def test_the_fingerprint_follows_weights_and_prompt(folder: Path, tmp_path: Path) -> None:
    before = generator(folder).fingerprint
    assert generator(folder).fingerprint == before
    other = Prompt(name="test", version=2, system="", user="{caption}")
    assert TransformersGenerator(VlmConfig(folder=folder, prompt=other)).fingerprint != before
    copy = with_end(folder, tmp_path, 5)
    assert folder_hash(copy) != folder_hash(folder)


def test_a_folder_without_a_model_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json"):
        VlmConfig(folder=tmp_path)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(folder: Path) -> None:
    made = TransformersGenerator(VlmConfig(folder=folder, prompt=PROMPT, max_new_tokens=12))
    assert len(made.generate([request("a dog"), request("a cat")])) == 2
    assert made._loaded[0].device.type == "cuda"
