from mien.core.text import counted, storable


def test_one_is_singular() -> None:
    assert [counted(n, "frame") for n in (0, 1, 2, 1200)] == ["0 frames", "1 frame", "2 frames", "1,200 frames"]
    assert counted(2, "face", "people") == "2 people"


def test_every_name_can_be_stored_as_utf8() -> None:
    assert storable("täglich.mp4") == "täglich.mp4"
    assert storable(b"bad\xff\xfe.mp4".decode("utf-8", "surrogateescape")) == r"bad\xff\xfe.mp4"
    storable("half \ud83d pair").encode("utf-8")
