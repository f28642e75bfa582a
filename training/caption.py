"""A caption for a picture, from an exported folder: the shortest proof that an export is whole."""

from pathlib import Path
from typing import Any

from sieveline.errors import ConfigError


def caption(export_dir: Path | str, image_path: Path | str, *, max_tokens: int = 128) -> str:
    """The caption the exported model writes for a picture: greedy, up to its end-of-text token.

    Raises:
        ConfigError: the folder or the picture cannot be read.
    """
    return captions(export_dir, [image_path], max_tokens=max_tokens)[0]


def captions(export_dir: Path | str, image_paths: list[Path | str], *, max_tokens: int = 128) -> list[str]:
    """`caption` for several pictures, with the model loaded once."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from training.pictures import Flaw, decode

    if not (Path(export_dir) / "config.json").exists():
        raise ConfigError(f"{export_dir} is no exported model: it has no config.json")
    try:
        pictures = [Image.fromarray(decode(Path(p).read_bytes())) for p in image_paths]
    except (OSError, Flaw) as error:
        raise ConfigError(f"cannot read a picture: {error}") from error
    processor = AutoProcessor.from_pretrained(str(export_dir), local_files_only=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = AutoModelForImageTextToText.from_pretrained(str(export_dir), local_files_only=True, dtype="auto")
    model.eval().to(device)
    prompt = processor.apply_chat_template([{"role": "user", "content": [{"type": "image"}]}], tokenize=False)
    out = []
    for picture in pictures:
        inputs = processor(text=[prompt], images=[picture], return_tensors="pt").to(device)
        with torch.inference_mode():
            ids = model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False)
        text = processor.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)[0]
        out.append(text.strip())
    return out
