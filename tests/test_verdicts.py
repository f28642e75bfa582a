"""The first rule that speaks gives the reason, its value and its threshold."""

import numpy as np

from sieveline.reasons import Reason
from sieveline.verdicts import VERDICT, Verdicts


def test_the_first_rule_speaks():
    verdicts = Verdicts(4)
    side = np.array([10.0, 300.0, 10.0, 300.0])
    verdicts.rule(Reason.MIN_SIDE, side < 200, side, 200)
    aspect = np.array([9.0, 9.0, 1.0, 1.0])
    verdicts.rule(Reason.ASPECT, aspect > 3, aspect, np.array([3.0, 4.0, 5.0, 6.0]))
    table = verdicts.table()
    assert table.schema == VERDICT
    assert table.to_pylist() == [
        {"reason": "min_side", "value": 10.0, "threshold": 200.0},
        {"reason": "aspect", "value": 9.0, "threshold": 4.0},
        {"reason": "min_side", "value": 10.0, "threshold": 200.0},
        {"reason": None, "value": None, "threshold": None},
    ]


def test_reasons_without_numbers_and_values_that_are_not_there():
    verdicts = Verdicts(2)
    verdicts.rule(Reason.UNDECODABLE, np.array([True, False]))
    verdicts.rule(Reason.LANGUAGE, np.array([True, True]), np.array([0.5, np.nan]), 0.5)
    assert verdicts.table().to_pylist() == [
        {"reason": "undecodable", "value": None, "threshold": None},
        {"reason": "language", "value": None, "threshold": 0.5},
    ]


def test_every_reason_is_told_by_its_name():
    for reason in Reason:
        verdicts = Verdicts(1)
        verdicts.rule(reason, np.array([True]), np.array([0.0]), 0.0)
        assert verdicts.table().to_pylist() == [{"reason": reason.value, "value": 0.0, "threshold": 0.0}]


def test_no_rows():
    verdicts = Verdicts(0)
    verdicts.rule(Reason.ASPECT, np.zeros(0, bool), np.zeros(0), 1.0)
    assert verdicts.table().num_rows == 0
