"""Raises an alert for each HTTP response with a server error."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import emit, subscribe
from wit_world.imports.batch import ItemBatch
from wit_world.imports.emit import Alert, Severity
from wit_world.imports.types import Value_Text


class Lifecycle(exports.Lifecycle):
    def on_init(self) -> None:
        # The host runs the filter: what does not match never gets here. Items come one by one, so no fields are named.
        wanted = subscribe.Subscription("http and response.status >= 500", [], 0, 0)
        try:
            subscribe.items(wanted)
        except Err as error:
            raise Err(error.value.value)

    def on_shutdown(self) -> None:
        pass


class ItemHook(exports.ItemHook):
    def on_item(self, subscription: int, item: exports.item_hook.Item, rest: ItemBatch) -> None:
        path = rest.get(item.index, "request.path")
        shown = path.value if isinstance(path, Value_Text) else ""
        try:
            emit.raise_(Alert(Severity.WARNING, f"{item.status} on {item.method} {shown}", "", item.index))
        except Err:
            # Over its rate, an alert is counted by the host and not raised.
            pass


class TimerHook(exports.TimerHook):
    def on_job(self, tag: str) -> None:
        pass
