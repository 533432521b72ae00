"""What a check expects, at once or within some time."""
import time


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def wait_for(condition, seconds, what):
    """Waits for something that can only be asked for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def wait_until_equal(read, wanted, seconds, what):
    """Waits until what is read equals what is wanted; if it never does, says what it was instead."""
    end = time.monotonic() + seconds
    while (found := read()) != wanted:
        if time.monotonic() > end:
            raise AssertionError(f"{what}: {found} and not {wanted} after {seconds} s")
        time.sleep(0.05)
