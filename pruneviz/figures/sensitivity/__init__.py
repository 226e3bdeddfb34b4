"""Figures of scans: curves, panels, heatmaps, thresholds, pairs of layers."""
