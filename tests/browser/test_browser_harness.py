"""How the browser tests know that a run of the script has ended."""

from __future__ import annotations

from browser_harness import _COUNT_RUNS
from playwright.sync_api import Browser
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_SOCKET = "window.WebSocket = class extends EventTarget {};"
_HEAR = """
messages => {
  const socket = new WebSocket();
  return messages.map(bytes => {
    socket.dispatchEvent(new MessageEvent('message', {data: new Uint8Array(bytes).buffer}));
    return window.__ends;
  });
}
"""


def message(**fields: object) -> list[int]:
    return list(ForwardMsg(hash="a" * 200, **fields).SerializeToString())


def test_only_the_message_of_its_end_ends_a_run(browser: Browser):
    page = browser.new_page()
    page.evaluate(_SOCKET + _COUNT_RUNS)
    begun, early, whole, fragment = (
        message(session_status_changed={"script_is_running": True}),
        message(script_finished=ForwardMsg.FINISHED_EARLY_FOR_RERUN),
        message(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY),
        message(script_finished=ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY),
    )
    assert page.evaluate(_HEAR, [begun, early, whole, begun, fragment]) == [0, 0, 1, 1, 2]
    page.close()
