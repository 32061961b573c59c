import gc

from coreqc.garbage import leave_out_what_is_loaded


def test_what_is_loaded_is_left_out_and_what_comes_later_is_collected() -> None:
    try:
        leave_out_what_is_loaded()
        assert gc.get_freeze_count() > 100_000
        ring: list[object] = []
        ring.append(ring)
        del ring
        assert gc.collect() > 0
    finally:
        gc.unfreeze()
