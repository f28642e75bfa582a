"""What a child reports through Dagster Pipes is read whole, however it gets to the file."""

import json
import sys
from types import SimpleNamespace

import dagster as dg
import pytest

from assets.message_reader import POLL, WholeLineReader

CHILD = f"""
import json, time
import dagster_pipes

def in_parts(self, message):
    content = json.dumps(message) + chr(10)
    for part in (content[:20], content[20:-1], content[-1:]):
        with open(self._path, "a") as file:
            file.write(part)
        time.sleep({3 * POLL})

dagster_pipes.PipesFileMessageWriterChannel.write_message = in_parts
with dagster_pipes.open_dagster_pipes() as pipes:
    if pipes.get_extra("report"):
        pipes.report_asset_materialization(metadata={{"loss curve": "x" * 20_000}})
"""


@dg.asset
def reported(context: dg.AssetExecutionContext):
    client = dg.PipesSubprocessClient(message_reader=WholeLineReader())
    child = client.run(
        command=[sys.executable, "-c", CHILD], context=context, extras={"report": context.run.tags["report"] == "yes"}
    )
    return child.get_materialize_result(implicit_materialization=False)


def test_a_report_that_arrives_in_parts_is_read_whole():
    result = dg.materialize([reported], tags={"report": "yes"})
    [event] = result.asset_materializations_for_node("reported")
    assert event.metadata["loss curve"].value == "x" * 20_000


def test_a_child_that_reports_nothing_fails_its_step():
    with pytest.raises(Exception, match="No materialization results"):
        dg.materialize([reported], tags={"report": "no"})


def test_what_is_written_last_is_read_and_half_a_line_is_an_error():
    def read(content: str) -> list[dict]:
        seen: list[dict] = []
        with (
            WholeLineReader().read_messages(SimpleNamespace(handle_message=seen.append)) as params,
            open(params["path"], "a") as file,
        ):
            file.write(content)
        return seen

    assert read('{"a": 1}\n{"b": "é"}\n') == [{"a": 1}, {"b": "é"}]
    assert read("") == []
    with pytest.raises(json.JSONDecodeError):
        read('{"a": 1}\n{"b": ')
