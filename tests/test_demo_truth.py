import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.labels import LABELS, Defect
from demo.truth import ACCEPTED, OWN, auc, render, score
from sieveline.reasons import Reason
from sieveline.schema import LEDGER


def write(tmp_path, labels, stages):
    """Scores labels against ledgers: per stage {row: reason or None}, in alignment {row: (reason, score)}."""
    full = [{"shard": "00000", "key": f"{row:09d}", "row": row, **label} for row, label in enumerate(labels)]
    pq.write_table(pa.Table.from_pylist(full, LABELS), tmp_path / "labels.parquet")
    for stage, verdicts in stages.items():
        rows, schema = [], LEDGER
        for row, verdict in verdicts.items():
            reason, value = verdict if isinstance(verdict, tuple) else (verdict, None)
            rows.append({"source_shard": "00000", "row": row, "key": f"{row:09d}", "kept": reason is None, "reason": reason})
            if stage == "alignment":
                rows[-1]["score"] = value
        if stage == "alignment":
            schema = LEDGER.append(pa.field("score", pa.float64()))
        folder = tmp_path / "out" / "ledger" / stage
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / "00000.parquet")
    return {row["defect"]: row for row in score(tmp_path / "out", tmp_path / "labels.parquet").to_pylist()}


def of(row):
    return {"of_shard": "00000", "of_key": f"{row:09d}"}


def test_recall_and_precision_of_a_simple_defect(tmp_path):
    labels = [{"defect": Defect.SMALL}] * 4 + [{"defect": Defect.CLEAN}] * 4
    small = Reason.MIN_SIDE
    found = write(tmp_path, labels, {"heuristics": {0: small, 1: small, 2: small, 3: None, 4: small, 5: None, 6: None}})
    assert (found["small"]["recall"], found["small"]["precision"]) == (0.75, 0.75)
    assert found["clean (to keep)"]["found"] == 2
    assert found["clean (to keep)"]["reasons"] == "kept 2, min_side 1, in no ledger 1"


def test_a_rule_may_be_right_about_another_defect(tmp_path):
    labels = [{"defect": Defect.BOILERPLATE}, {"defect": Defect.SHORT}]
    found = write(tmp_path, labels, {"heuristics": {0: Reason.CAPTION_SHORT, 1: Reason.CAPTION_SHORT}})
    assert found["boilerplate"]["recall"] == found["short"]["recall"] == found["short"]["precision"] == 1


def test_of_a_cluster_exactly_one_is_to_stay_whichever(tmp_path):
    clean, copy, near = {"defect": Defect.CLEAN}, {"defect": Defect.NEAR_DUPLICATE}, Reason.NEAR_DUPLICATE
    labels = [
        *(clean, copy | of(0), copy | of(0)),  # the original went: right
        *(clean, copy | of(3)),  # both stay: one missed
        *(clean, copy | of(5)),  # both went: one too many
        *(clean, copy | of(7)),  # the copy went earlier: nothing to do
        clean,  # in no cluster, and dropped: wrong
    ]
    stages = {
        "heuristics": {**dict.fromkeys(range(10)), 8: Reason.MIN_SIDE},
        "duplicates": {0: near, 1: near, 2: None, 3: None, 4: None, 5: near, 6: near, 7: None, 9: near},
    }
    found = write(tmp_path, labels, stages)
    assert (found["near_duplicate"]["planted"], found["near_duplicate"]["found"]) == (4, 3)
    assert found["near_duplicate"]["precision"] == 3 / 5
    assert (found["clean (to keep)"]["planted"], found["clean (to keep)"]["found"]) == (1, 0)


def test_swapped_captions_are_scored_by_their_ranks(tmp_path):
    labels = [{"defect": Defect.CLEAN}] * 2 + [{"defect": Defect.SWAPPED} | of(0)] * 2
    low = Reason.LOW_ALIGNMENT
    found = write(tmp_path, labels, {"alignment": {0: (None, 0.5), 1: (low, 0.2), 2: (low, 0.1), 3: (None, 0.4)}})
    swapped = found["swapped"]
    assert (swapped["auc"], swapped["recall"], swapped["precision"]) == (0.75, 0.5, 0.5)
    assert "AUC" in render(score(tmp_path / "out", tmp_path / "labels.parquet"))


def test_auc_counts_ties_half():
    assert auc([1, 1], [1, 1]) == 0.5
    assert auc([2, 3], [1, 0]) == 1
    assert auc([], [1]) is None


def test_ledgers_of_another_pool_are_refused(tmp_path):
    with pytest.raises(ValueError, match="know 1 rows that the labels do not"):
        write(tmp_path, [{"defect": Defect.CLEAN}], {"heuristics": {0: None, 7: None}})


def test_every_defect_has_a_reason_and_accepts_it():
    unjudged = {Defect.CLEAN, Defect.WRONG_EXTENSION, Defect.SWAPPED}
    assert set(OWN) == set(Defect) - unjudged
    assert all(OWN[defect] in ACCEPTED[defect] for defect in OWN)
