"""What a worker process needs, imported once in the process its workers fork from (see loader.py)."""

import PIL.Image  # noqa: F401
import simplejpeg  # noqa: F401
import tokenizers  # noqa: F401
import torch  # noqa: F401
from torchvision.transforms.v2 import functional  # noqa: F401
from transformers.models.glm4v import image_processing_glm4v  # noqa: F401

from training import loader  # noqa: F401
