"""What pages say of plans, numbers and jobs, and where they send people."""
