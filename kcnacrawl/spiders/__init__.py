"""Strategy only, no selectors: which page next, when to stop, why."""
