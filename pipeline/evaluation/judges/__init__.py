"""Judges of one axis or of several, one kind a file, behind one interface."""
