"""Fully connected network for points in the plane, with snapshots of all units."""
