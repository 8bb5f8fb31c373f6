"""Memory usage of processes."""

from pathlib import Path


def peak_memory() -> float:
    """Return the peak resident memory of this process in MB (Linux only).

    Not from getrusage, whose value starts with the memory of the parent process.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024  # kB


def available_memory() -> float:
    """Return the available memory of this machine in MB."""
    return int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) / 1024
