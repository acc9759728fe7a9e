"""Going through a list that changes meanwhile: which offset next, when to stop, why. Pure: no requests, no clock."""
