"""Files that appear whole or not at all."""

import os
from pathlib import Path


def write_whole(path, text):
    """Writes a file under another name beside it, which is renamed when all of it is there. Raises OSError, and leaves what was there."""
    path = Path(path)
    if path.exists() and not path.is_file():  # a device or a pipe, whose place no file takes
        path.write_text(text)
        return
    temporary = path.with_name(f"{path.name}.part{os.getpid()}")
    try:
        temporary.write_text(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
