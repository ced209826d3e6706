"""Services: the role and its parts, the ready-made consumer, and the views from outside."""
