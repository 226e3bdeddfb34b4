"""What many prunings of a network tell: scans, methods compared, budgets, what recoveries cost."""
