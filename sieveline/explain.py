"""One sample's story through the stages, told from the ledgers alone."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sieveline import ledger
from sieveline.errors import ConfigError
from sieveline.lines import Stage
from sieveline.output import Output, file_stem
from sieveline.schema import LEDGER

_MAX_STORIES = 20


def explain(output: Output, sample: str) -> str:
    """The verdict of every stage on a sample: rule, value, threshold, cluster mates, concepts, captions, training shard.

    Args:
        sample: a sample id, a key, or `SHARD/KEY` where a key stands in several shards.

    Raises:
        ConfigError: no ledger knows the sample.
    """
    found = list(_find(output, sample))
    if not found:
        raise ConfigError(f"{output.root} has no sample {sample!r}; give a key, SHARD/KEY or a 32-digit sample id")
    stories = [_story(output, stages, row) for stages, row in found[:_MAX_STORIES]]
    if len(found) > _MAX_STORIES:
        stories.append(f"... and {len(found) - _MAX_STORIES} more rows of that name; write SHARD/KEY")
    return "\n\n".join(stories)


def _find(output: Output, sample: str) -> list[tuple[list[Stage], dict[str, Any]]]:
    """Rows of that name, each with the stages it may have been through: from where it was read or made to where others are made of it."""
    found = []
    stages = output.line.stages
    starts = [i for i, stage in enumerate(stages) if not i or stage.fans_out]
    for start, stop in zip(starts, [*starts[1:], len(stages)], strict=True):
        for url in output.ledgers(stages[start].name):
            table = ledger.read_table(url, LEDGER.names)
            in_shard = sample.removeprefix(f"{file_stem(url)}/")  # a key may hold slashes itself, and look like a sample id
            hit = pc.is_in(table["key"], pa.array([sample, in_shard]))
            rows = table.filter(pc.or_(hit, pc.equal(table["sample_id"], sample))).to_pylist()
            found += [(list(stages[start : stop + 1]), row) for row in rows]
        if found:
            break  # what was made of it is counted in its story
    return found


def _story(output: Output, stages: list[Stage], row: dict[str, Any]) -> str:
    lines = [f"{row['sample_id']}  key {row['key']!r} in shard {row['source_shard']}, row {row['row']}"]
    for i, stage in enumerate(stages):
        if i and stage.fans_out:
            lines += _children(output, stage.name, row)
            break
        verdict = _row(output, stage.name, row)
        if verdict is None:
            lines.append(f"  {stage.name:<11} has not been run on this shard")
            break
        lines.append(f"  {stage.name:<11} {_verdict(verdict)}")
        lines += [f"{'':14}{line}" for line in _details(output, stage.name, verdict)]
        if not verdict["kept"]:
            break
    return "\n".join(lines)


def _children(output: Output, stage: str, row: dict[str, Any]) -> list[str]:
    """What became of the rows that a stage made of `row`."""
    url = output.ledger(stage, row["source_shard"])
    if ledger.read_metadata(url) is None:
        return [f"  {stage:<11} has not been run on this shard"]
    table = ledger.read_table(url, [*LEDGER.names, "parent"])
    children = table.filter(pc.equal(table["parent"], row["row"])).to_pylist()
    lines = [f"  {stage:<11} {len(children)} made of it, {sum(c['kept'] for c in children)} kept"]
    return lines + [f"{'':14}{c['sample_id']}  {_verdict(c)}" for c in children]


def _row(output: Output, stage: str, row: dict[str, Any]) -> dict[str, Any] | None:
    url = output.ledger(stage, row["source_shard"])
    if ledger.read_metadata(url) is None:
        return None
    table = ledger.read_table(url)
    hit = table.filter(pc.equal(table["row"], row["row"])).to_pylist()
    return hit[0] if hit else None


def _verdict(row: dict[str, Any]) -> str:
    word = "kept" if row["kept"] else "DROPPED"
    if row["reason"] is None:
        return word
    text = f"{word}: {row['reason']}"
    if row["value"] is not None:
        text += f" {row['value']:.4g}"
    if row["threshold"] is not None:
        text += f" against {row['threshold']:.4g}"
    return text


def _details(output: Output, stage: str, row: dict[str, Any]) -> list[str]:
    measured = {name: value for name, value in row.items() if name not in LEDGER.names and value is not None}
    lines = [f"{name} = {_short(value)}" for name, value in measured.items()]
    if stage == "duplicates" and row.get("cluster_size") and row["cluster_size"] > 1:
        mates = [f"{m['source_shard']}/{m['key']} ({'survivor' if m['kept'] else m['reason']})" for m in _mates(output, row)]
        lines.append("cluster: " + ", ".join(mates))
    return lines


def _mates(output: Output, row: dict[str, Any]) -> list[dict[str, Any]]:
    mates = []
    for url in output.ledgers("duplicates"):
        table = ledger.read_table(url, [*LEDGER.names, "cluster_id"])
        mates += table.filter(pc.equal(table["cluster_id"], pa.scalar(row["cluster_id"], table["cluster_id"].type))).to_pylist()
    return [m for m in mates if (m["source_shard"], m["row"]) != (row["source_shard"], row["row"])]


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 300 else text[:297] + "..."
