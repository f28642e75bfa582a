"""What a worker process needs, imported once in the process its workers fork from, and nowhere else (see loader.py).

That process ends with the trainer, however the trainer ends, and the workers with it: left to themselves, workers of a killed trainer can wait
for ever, since each holds both ends of the queue it writes to.
"""

import PIL.Image  # noqa: F401
import simplejpeg  # noqa: F401
import tokenizers  # noqa: F401
import torch  # noqa: F401
from torchvision.transforms.v2 import functional  # noqa: F401
from transformers.models.glm4v import image_processing_glm4v  # noqa: F401

from sieveline.lifetime import die_with_parent
from training import loader, pictures  # noqa: F401

die_with_parent()
