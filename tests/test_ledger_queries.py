"""The queries and the columns that `docs/ledger.md` shows are true: each query runs in DuckDB on a small ledger."""

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sieveline import ledger
from sieveline.image_text import LINE
from sieveline.output import Output, count_stages
from sieveline.reasons import Reason
from sieveline.schema import LEDGER
from sieveline.stages import alignment, concepts, duplicates, heuristics, recaption, write

PAGE = (Path(__file__).parent.parent / "docs" / "ledger.md").read_text()
QUERIES = re.findall(r"\n([^\n]+)\n\n```sql\n(.*?)```", PAGE, re.DOTALL)
OWN = {
    "heuristics": heuristics.LEDGER,
    "duplicates": duplicates.MEASURED,
    "alignment": pa.schema([alignment.measured(1).field("score")]),
    "concepts": concepts.MEASURED,
    "recaption": recaption.COLUMNS,
    "write": write.COLUMNS,
}
DROPS = {  # row -> where it ends
    0: ("heuristics", Reason.MIN_SIDE, 100.0, 200.0),
    1: ("heuristics", Reason.UNDECODABLE, None, None),
    2: ("duplicates", Reason.NEAR_DUPLICATE, 0.01, 0.08),
    4: ("alignment", Reason.LOW_ALIGNMENT, 0.2, 0.3),
    5: ("concepts", Reason.BALANCED_OUT, 0.1, 0.6),
}
ROWS = 8
VALUES = {
    "width": [100, 640, 640, 800, 640, 640, 640, 640],
    "height": [100, 480, 480, 600, 480, 480, 480, 480],
    "language": ["en", "es"] * 4,
    "caption": [f"Caption {i}" for i in range(ROWS)],
    "score": [0.5, 0.5, 0.5, 0.6, 0.2, 0.35, 0.3, 0.9],
    "cluster_id": ["c2", "c2", "c2", "c2", "c4", "c5", "c6", "c7"],
    "cluster_size": [1, 1, 2, 2, 1, 1, 1, 1],
    "accepted": [True] * 7 + [False],
    "fact_recall": [1.0] * 7 + [0.5],
    "training_shard": ["slice-00000-00000.tar"] * ROWS,
}


def stage_table(stage: str, shard: str) -> pa.Table:
    """The ledger of a stage: rows 3, 6 and 7 reach the end, the last with its original caption."""
    order = LINE.names.index(stage)
    rows = [i for i in range(ROWS) if i not in DROPS or LINE.names.index(DROPS[i][0]) >= order]
    verdicts = [DROPS[i][1:] if i in DROPS and DROPS[i][0] == stage else (None, None, None) for i in rows]
    if stage == "recaption":
        verdicts[rows.index(7)] = (Reason.FACT_LOST, 0.5, 1.0)
    reasons = [reason and reason.value for reason, _, _ in verdicts]
    columns = {
        "sample_id": [f"{shard}{i:027d}" for i in rows],
        "source_shard": [shard] * len(rows),
        "row": rows,
        "key": [f"{i:09d}" for i in rows],
        "offset": [i * 1000 for i in rows],
        "length": [900] * len(rows),
        "kept": [stage == "recaption" or reason is None for reason in reasons],
        "reason": reasons,
        "value": [value for _, value, _ in verdicts],
        "threshold": [threshold for _, _, threshold in verdicts],
    }
    fields = {f.name: f for f in [*LEDGER, *OWN[stage]]}
    for name in fields.keys() - columns.keys():
        columns[name] = [VALUES[name][i] for i in rows] if name in VALUES else [None] * len(rows)
    return pa.table([pa.array(columns[name], field.type) for name, field in fields.items()], names=list(fields))


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Output:
    place = Output(str(tmp_path_factory.mktemp("out")))
    for stage in LINE.names:
        for shard in ("00000", "00001"):
            footer = {"stage": stage, "measurement": "0" * 16, "model": "embedded", "weights_hash": "1" * 32}
            ledger.write_table(place.ledger(stage, shard), stage_table(stage, shard), footer)
    return place


def ask(output: Output, title: str) -> list[tuple]:
    """The rows of the query under the paragraph that ends with a line holding `title`."""
    (query,) = [text for paragraph, text in QUERIES if title in paragraph]
    return duckdb.sql(query.replace("'OUT/", f"'{output.root}/")).fetchall()


def test_every_query_runs_and_finds_rows(output):
    assert len(QUERIES) == PAGE.count("```sql")
    for title, query in QUERIES:
        assert duckdb.sql(query.replace("'OUT/", f"'{output.root}/")).fetchall(), title


def test_drops_and_counts(output):
    counts = {c.name: c for c in count_stages(output)}
    dropped = ask(output, "What was dropped, and why")
    assert {(stage, reason): n for stage, reason, n in dropped} == {(s, r.value): 2 for s, r, _, _ in DROPS.values()}
    for stage, pairs, kept, lost in ask(output, "In, kept and dropped per stage"):
        count = counts.pop(stage)
        assert (pairs, kept, lost) == (count.num_in, count.kept, sum(count.dropped.values()))
    assert not counts


def test_a_moved_cut_counts_as_the_stage_decides(output):
    scores = pa.concat_tables(ledger.read_table(url) for url in output.ledgers("alignment"))
    for cut, kept, share in ask(output, "exact on both sides"):
        verdicts = alignment.decide(scores, alignment.Alignment(min_score=float(cut)))
        assert kept == pc.sum(verdicts["reason"].is_null()).as_py()
        assert share == round(kept / scores.num_rows, 3)
    assert dict(ask(output, "an upper limit for a looser one"))[100] == 14
    assert dict(ask(output, "an upper limit for a looser one"))[150] == 12


def test_one_sample_and_its_mates(output):
    became = ask(output, "What became of a key")
    assert [row[:3] for row in became] == [(stage, shard, True) for shard in ("00000", "00001") for stage in LINE.names]
    mates = ask(output, "survivor first")
    assert [row[4] for row in mates[:2]] == ["survivor", "survivor"]
    assert {row[4] for row in mates} == {"survivor", "near_duplicate"}
    assert {row[3] for row in mates} == {"000000002", "000000003"}


def test_joins(output):
    written = ask(output, "All scores of what was written")
    assert len(written) == 6
    assert {round(row[5], 2) for row in written} == {0.6, 0.3, 0.9}
    assert sum(row[2] for row in ask(output, "Yield by language")) == 6
    assert {row[:2] for row in ask(output, "Why original captions stayed")} == {("accepted", 4), ("fact_lost", 2)}
    assert {row[1:] for row in ask(output, "from the footers")} == {("embedded", "1" * 32, "0" * 16)}


@pytest.mark.parametrize("stage", LINE.names)
def test_the_page_names_every_column_of_a_stage(stage):
    common, own = PAGE.split("## Columns of one stage")
    section = re.split(r"\n`\w+`[^\n|]*:\n", own)[1 + LINE.names.index(stage)].split("\n\nEmbeddings")[0]
    assert named(section) == set(OWN[stage].names)
    assert named(common) == set(LEDGER.names)


def named(text: str) -> set[str]:
    """The columns in the first cells of a page's tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
