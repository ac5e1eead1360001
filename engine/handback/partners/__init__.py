"""What a partner agreed to: the agreement as text and as values, its codes, policies, calendar."""
