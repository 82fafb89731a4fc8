"""The part of GitHub's API description that this double serves; SOURCES.json names the versions and the licence."""
