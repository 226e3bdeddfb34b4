"""Inputs that are more than memory should hold: kept in bytes, made into numbers when asked for."""
