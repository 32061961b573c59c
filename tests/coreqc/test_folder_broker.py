"""Messages in a folder: readers never meet half of one."""

import threading
from pathlib import Path
from queue import Empty

from kombu import Connection

from coreqc.settings.embedded import filesystem_broker

MESSAGES = 400


def broker(folder: Path) -> Connection:
    return Connection(
        "filesystem://", transport="coreqc.folder_broker:Transport", transport_options=filesystem_broker(folder)
    )


def test_a_reader_beside_a_writer_gets_every_message_whole(tmp_path: Path) -> None:
    def write() -> None:
        with broker(tmp_path) as connection, connection.SimpleQueue("intake") as queue:
            for number in range(MESSAGES):
                queue.put({"number": number, "filling": "x" * 20_000})

    writer = threading.Thread(target=write)
    numbers = []
    with broker(tmp_path) as connection, connection.SimpleQueue("intake") as queue:
        writer.start()
        while len(numbers) < MESSAGES:
            try:
                message = queue.get(timeout=5)
            except Empty:
                break
            numbers.append(message.payload["number"])
            message.ack()
        writer.join()
    assert sorted(numbers) == list(range(MESSAGES))


def test_what_a_killed_writer_left_unfinished_is_no_message(tmp_path: Path) -> None:
    with broker(tmp_path) as connection, connection.SimpleQueue("imageqc") as queue:
        (tmp_path / "messages" / ".1_2.imageqc.msg.part").write_bytes(b'{"half": ')
        queue.put({"whole": True})
        assert queue.get(timeout=5).payload == {"whole": True}
