"""A shadow's pairs on their way to the store and back: each once, of one champion and one shadow."""

from pathlib import Path

from headgate.adapters.answers import Shipping, bring, bring_pairs, days, place
from headgate.adapters.files import FileStore
from headgate.names import Uri

WHERE = place("prod", "orders")
TWO = "aaaaaaaaaaaa-bbbbbbbbbbbb"


def test_pairs_come_back_whole_and_apart_from_the_answers(tmp_path: Path) -> None:
    """Sent twice they are there once; who measures a day's answers does not get them."""
    store, log = FileStore(tmp_path / "store"), tmp_path / "log"
    for folder in (f"pairs/{TWO}", "pairs/aaaaaaaaaaaa-cccccccccccc", "2013-05-01"):
        (log / folder).mkdir(parents=True)
        (log / folder / "bbbbbbbbbbbb-7-1.jsonl").write_bytes(b'{"head":1}\n{"id":["a"]}\n{"id":["b')
    shipping = Shipping(store, log, WHERE)
    shipping.ship()
    with (log / f"pairs/{TWO}" / "bbbbbbbbbbbb-7-1.jsonl").open("ab") as file:
        file.write(b'"]}\n')
    shipping.ship()
    Shipping(store, log, WHERE).ship()

    for _ in range(2):
        bring_pairs(store, f"{WHERE}/pairs/{TWO}", tmp_path / "back")
    bring(store, WHERE, tmp_path / "answers", "", "~")

    pieces = sorted(path.read_bytes() for path in (tmp_path / "back").iterdir())
    assert [b'{"head":1}\n{"id":["a"]}\n', b'{"head":1}\n{"id":["b"]}\n'] == pieces
    assert ["2013-05-01"] == [path.name for path in (tmp_path / "answers").iterdir()]
    assert {"2013-05-01"} == days(store, WHERE)


def test_nothing_in_a_bucket_chooses_where_pairs_are_written(tmp_path: Path) -> None:
    """Only plain names of pieces are brought."""
    store = FileStore(tmp_path / "store")
    for name in ("deeper/x.jsonl", "x.txt", "x y.jsonl"):
        store.put(Uri(f"{WHERE}/pairs/{TWO}/{name}"), b"x")

    bring_pairs(store, f"{WHERE}/pairs/{TWO}", tmp_path / "back")

    assert not (tmp_path / "back").exists()
