"""Fully connected network for points in the plane, with snapshots of what it learns."""
