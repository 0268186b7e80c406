"""The specimen: a small catalogue of a museum, with releases 1.0 to 4.0 in one code base."""
