# METADATA
# title: Paths
# description: |
#   What a policy's path pattern can reach: `*` at its end stands for anything, `+` for one segment (OpenBao documentation,
#   "Policies"). A folder is a list of segments; one that ends in `*` stands for every segment that begins so.
package portcullis.paths

# Whether the pattern matches some path at or below the folder.
reaches(pattern, folder) if {
	segments := split(trim_left(pattern, "/"), "/")
	every index, wanted in folder { meets(segments, index, wanted) }
}

# Whether every path that it matches is at or below the folder.
only(pattern, folder) if {
	segments := split(trim_left(pattern, "/"), "/")
	every index, wanted in folder { glob.match(wanted, null, segments[index]) }
}

# Whether the pattern matches this one path.
covers(pattern, path) if {
	globbed := endswith(pattern, "*")
	segments := split(trim_suffix(trim_left(pattern, "/"), "*"), "/")
	wanted := split(path, "/")
	long_enough(globbed, count(segments), count(wanted))
	every index, segment in segments { covered(segment, wanted[index], globbed, index - (count(segments) - 1)) }
}

long_enough(true, pattern, path) if pattern <= path

long_enough(false, pattern, path) if pattern == path

covered(segment, wanted, _, _) if segment in {"+", wanted}

covered(segment, wanted, true, 0) if startswith(wanted, segment)

meets(segments, index, _) if segments[index] == "+"

meets(segments, index, wanted) if glob.match(wanted, null, segments[index])

meets(segments, index, wanted) if {
	endswith(segments[index], "*")
	startswith(trim_suffix(wanted, "*"), trim_suffix(segments[index], "*"))
}

meets(segments, index, _) if {
	endswith(segments[count(segments) - 1], "*")
	index >= count(segments)
}
