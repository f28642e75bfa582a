"""Which generator a recipe names."""

from pathlib import Path

from recaption.embedded import EmbeddedConfig, EmbeddedGenerator
from recaption.generator import Generator
from recaption.openai_server import OpenAIGenerator, ServerConfig
from recaption.transformers_vlm import TransformersGenerator, VlmConfig
from sieveline.errors import ConfigError


def load_generator(config: object | None, journal: Path) -> Generator:
    """The generator of `config`; None is the embedded one.

    Args:
        config: of one of the generators.
        journal: file on a local disk for answers that must not be asked for twice.

    Raises:
        ConfigError: `config` belongs to no generator.
    """
    if config is None:
        return EmbeddedGenerator(EmbeddedConfig())
    if isinstance(config, EmbeddedConfig):
        return EmbeddedGenerator(config)
    if isinstance(config, ServerConfig):
        return OpenAIGenerator(config, journal)
    if isinstance(config, VlmConfig):
        return TransformersGenerator(config)
    raise ConfigError(
        f"recaption: generator is a {type(config).__name__}, must be an EmbeddedConfig, ServerConfig or VlmConfig of the room recaption"
    )
