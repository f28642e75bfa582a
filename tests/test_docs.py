"""What the pages show as code is code that works."""

import re
from pathlib import Path

import pytest
import yaml

from recaption.openai_server import ServerConfig
from recaption.transformers_vlm import VlmConfig
from sieveline.fingerprint import fingerprint
from sieveline.schema import documented

DOCS = Path(__file__).parent.parent / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_the_recipes_of_the_team_page_can_be_made(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (code,) = blocks("team.md", "python")
    names: dict = {}
    exec(code.replace("/models/GLM-4.1V-9B-Thinking", str(tmp_path)), names)
    served, local = names["served"](), names["local"]()
    assert isinstance(served.recaption.measuring.generator, ServerConfig)
    assert isinstance(local.recaption.measuring.generator, VlmConfig)
    assert len({fingerprint(served), fingerprint(local)}) == 2


def test_the_postgres_overlay_fits_the_template():
    (overlay,) = blocks("team.md", "yaml")
    template = yaml.safe_load((DOCS.parent / "assets" / "dagster.yaml").read_text())
    assert not template.keys() & yaml.safe_load(overlay).keys()


def test_every_setting_of_the_code_location_is_on_the_team_page():
    page = (DOCS / "team.md").read_text()
    for folder in ("assets", "sieveline", "pipelines"):
        for path in (DOCS.parent / folder).rglob("*.py"):
            for name in re.findall(r"\bSIEVELINE_[A-Z_]+\b", path.read_text()):
                assert f"`{name}`" in page, name
    assert {"gpu", "recaption"} == set(re.findall(r"in pool `(\w+)`", page)) == _pools()


def _pools() -> set[str]:
    from assets.definitions import LINES

    assets = [asset for of in LINES for asset in of.LINE.assets.values()]
    return {op.pool for asset in assets if (op := asset.op) and op.pool}


@pytest.mark.parametrize("code", blocks("adding-a-stage.md", "python"))
def test_the_example_stage_compiles(code):
    compile(code, "adding-a-stage.md", "exec")


def test_the_example_stage_documents_its_columns():
    stage = next(code for code in blocks("adding-a-stage.md", "python") if code.startswith("# sieveline/stages/"))
    names: dict = {"__name__": "sharpness_of_the_page"}
    exec(stage.split("@dataclass")[0], names)
    assert list(documented(names["__doc__"])) == names["MEASURED"].names
