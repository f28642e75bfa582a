"""An image file as a model takes it: a data URL for a server, an RGB picture for a processor."""

import base64
import io

from PIL import Image

MIME_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}


def open_rgb(image: bytes, max_side: int | None) -> Image.Image:
    """The picture in RGB, transparency on white, shrunk so that its longer side is at most `max_side`.

    Raises:
        OSError, ValueError: the bytes are no picture Pillow reads (ValueError for a decompression bomb too).
    """
    try:
        with Image.open(io.BytesIO(image)) as file:
            if max_side is not None:
                file.draft("RGB", (max_side, max_side))
            picture = file.convert("RGBA") if "A" in file.getbands() or "transparency" in file.info else file.convert("RGB")
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    if picture.mode == "RGBA":
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        picture = white
    if max_side is not None and max(picture.size) > max_side:
        picture.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
    return picture


def data_url(image: bytes, max_side: int | None) -> str:
    """The file's own bytes as a `data:` URL where a server can read its format and it is small enough, else a JPEG of it.

    Raises:
        OSError, ValueError: as `open_rgb`.
    """
    with Image.open(io.BytesIO(image)) as file:
        mime, size = MIME_TYPES.get(file.format or ""), file.size
    if mime is None or (max_side is not None and max(size) > max_side):
        buffer = io.BytesIO()
        open_rgb(image, max_side).save(buffer, "JPEG", quality=90)
        mime, image = "image/jpeg", buffer.getvalue()
    return f"data:{mime};base64,{base64.b64encode(image).decode('ascii')}"
