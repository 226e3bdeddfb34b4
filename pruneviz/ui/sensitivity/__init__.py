"""The scans behind the page Sensitivity, and what their figures do to sliders."""
