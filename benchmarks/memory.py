"""How much memory a program takes."""

from pathlib import Path


def peak_memory() -> float:
    """The largest resident memory of this program so far, in MB, as Linux reports it.

    Not getrusage: its number begins with the size of the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024  # kB


def available_memory() -> float:
    """The memory that programs can still have on this machine, in MB."""
    return int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) / 1024
