"""Many pictures: the work list, the journal of a run, and what starts its processes."""
