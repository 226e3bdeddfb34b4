"""From a plan to its report: prepare, prune, recover, report."""
